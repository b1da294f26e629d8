from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from charrnn_jax.optimisers import (
    anneal,
    annealed,
    averaged,
    begin_averaging,
    clip_by_norm,
    mean_or_last,
    scale_by_annealing,
    should_anneal,
    should_average,
)

PARAMS = {"a": jnp.array([1.0, -2.0]), "b": jnp.array([[3.0]])}
GRADIENT = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([[4.0]])}


@pytest.mark.parametrize(("limit", "factor"), [(5.0, 1.0), (10.0, 1.0), (2.5, 0.5)])
def test_a_gradient_of_norm_5_is_shortened_to_the_limit(limit, factor):
    clip = clip_by_norm(limit)
    clipped, _ = clip.update(GRADIENT, clip.init(PARAMS))
    jax.tree.map(lambda c, g: np.testing.assert_allclose(c, factor * g, rtol=1e-6), clipped, GRADIENT)


def steps(optimizer, number, begin):
    """The parameters after each step, and the state at the end; averaging begins after step `begin`."""
    params, state, seen = PARAMS, optimizer.init(PARAMS), []
    update = jax.jit(optimizer.update)
    for n in range(number):
        gradient = jax.tree.map(partial(jnp.add, 0.1 * n), GRADIENT)
        updates, state = update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        seen.append(params)
        if n + 1 == begin:
            state = begin_averaging(state, params)
    return seen, state, update


def test_averaging_begins_when_it_is_said_and_moves_no_parameter():
    plain = optax.sgd(0.1)
    expected, _, _ = steps(averaged(plain), 6, begin=99)
    seen, state, update = steps(averaged(plain), 6, begin=2)
    jax.tree.map(np.testing.assert_array_equal, seen, expected)
    mean = jax.tree.map(lambda *each: jnp.mean(jnp.stack(each), axis=0), *seen[1:])
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), mean_or_last(seen[-1], state), mean)
    assert update._cache_size() == 1


def test_before_averaging_the_mean_is_the_parameters_bit_for_bit():
    seen, state, _ = steps(averaged(optax.sgd(0.1)), 3, begin=99)
    jax.tree.map(np.testing.assert_array_equal, mean_or_last(seen[-1], state), seen[-1])


def test_an_optimiser_that_does_not_average_has_found_the_parameters_of_now():
    assert mean_or_last(PARAMS, optax.sgd(0.1).init(PARAMS)) is PARAMS


def test_averaging_goes_on_when_it_is_begun_again():
    seen, state, _ = steps(averaged(optax.sgd(0.1)), 6, begin=2)
    again = begin_averaging(state, seen[-1])
    assert again.averaged == state.averaged == 5
    jax.tree.map(np.testing.assert_array_equal, again.mean, state.mean)


@pytest.mark.parametrize(
    ("valid", "patience", "triggered"),
    [
        ([3.0], 1, False),
        ([3.0, 4.0], 1, False),  # nothing is more than one validation before
        ([3.0, 3.5, 3.2], 1, True),
        ([3.0, 2.5, 2.4], 1, False),
        ([9.0, 8.0, 7.0, 7.1], 2, False),  # worse than the last, not than those before
        ([9.0, 7.0, 8.0, 8.5, 7.1], 2, True),
    ],
)
def test_the_trigger_looks_past_the_last_validations(valid, patience, triggered):
    assert should_average(valid, patience) == triggered


def test_the_rate_is_divided_where_a_validation_is_not_better_than_the_best_so_far():
    """By hand: of 9 8 8 7 7.5 nan 6.9 6.9 bits, the third, fifth, sixth and last are not."""
    valid, rates = [9.0, 8.0, 8.0, 7.0, 7.5, float("nan"), 6.9, 6.9], []
    optimizer = optax.chain(optax.sgd(20.0), scale_by_annealing())
    state, update = optimizer.init(PARAMS), jax.jit(optimizer.update)
    for n, now in enumerate(valid):
        if should_anneal([v for v in valid[:n] if v == v], now):
            state = anneal(state, 0.25)
        updates, state = update(GRADIENT, state, PARAMS)
        rates.append(float(-updates["a"][0] / GRADIENT["a"][0]))
        assert rates[-1] == 20 * annealed(state)
    assert rates == [20, 20, 5, 5, 1.25, 0.3125, 0.3125, 0.078125]
    assert update._cache_size() == 1


@pytest.mark.parametrize("wrap", [averaged, lambda inner: optax.apply_if_finite(inner, 9)])
def test_annealing_reaches_into_an_optimiser_and_leaves_the_rest_of_it(wrap):
    optimizer = wrap(optax.chain(optax.adam(0.1), scale_by_annealing()))
    before = optimizer.init(PARAMS)
    after = anneal(anneal(before, 0.5), 0.5)
    assert (annealed(before), annealed(after)) == (1, 0.25)
    jax.tree.map(np.testing.assert_array_equal, anneal(after, 4.0), before)


def test_an_optimiser_without_annealing_has_all_of_its_rate():
    assert annealed(optax.sgd(0.1).init(PARAMS)) == 1
