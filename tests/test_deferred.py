from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS, LSTMState
from charrnn_jax.layer_norm_lstm import Gains, init_params, run, step
from charrnn_jax.recurrence import Layer, scan

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
T = 6


def plain(params, u, state, **noise):
    gains = Gains(params.alpha_1, params.alpha_3, params.beta_3)
    cell = CELLS["lstm"]._replace(apply=partial(step, gains))
    return scan(cell, Layer(W=None, b=None, R=params.R), u, state, **noise)


def case(B, H, dtype):
    keys = iter(jax.random.split(jax.random.key(B + H), 12))
    params = jax.tree.map(lambda x: jax.random.normal(next(keys), x.shape), init_params(next(keys), 3, H))
    state = LSTMState(jax.random.normal(next(keys), (B, H)), jax.random.normal(next(keys), (B, H)))
    rest = jax.random.normal(next(keys), (T, B, 4 * H)), state, jax.random.normal(next(keys), (T, B, H))
    return jax.tree.map(lambda x: x.astype(dtype), (params, *rest))


def gradients(way, params, u, state, weights):
    """Of a loss to which every output and the last state contribute, by every argument."""

    def loss(params, u, state):
        last, h = way(params, u, state)
        return jnp.sum(h * weights) + sum(jnp.sum(jnp.sin(x)) for x in last), (last, h)

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(params, u, state)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("B", "H"), [(3, 5), (1, 32)])  # R is copied at every step, and once
def test_values_and_gradients_are_those_of_the_plain_scan(B, H, dtype):
    with jax.enable_x64(dtype == "float64"):
        arguments = case(B, H, dtype)
        fast, slow = (gradients(way, *arguments) for way in (run, plain))
        assert {leaf.dtype for leaf in jax.tree.leaves(fast)} == {jnp.dtype(dtype)}
        for got, wanted in zip(jax.tree.leaves(fast), jax.tree.leaves(slow), strict=True):
            assert np.linalg.norm(got - wanted) <= TOLERANCE[dtype] * np.linalg.norm(wanted)


def test_what_is_kept_of_a_state_and_hidden_from_the_product_has_the_gradient_of_the_plain_scan():
    with jax.enable_x64(True):
        arguments = case(3, 5, "float64")
        drawn = [jax.random.bernoulli(jax.random.key(k), 0.4, (T, 3, 5)).astype("float64") for k in range(2)]
        for keep in (drawn, [jnp.full((T, 1, 1), 0.4)] * 2):
            ways = (partial(way, keep=LSTMState(*keep), mask=2.0 * drawn[0][0]) for way in (run, plain))
            fast, slow = (gradients(way, *arguments) for way in ways)
            jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10), fast, slow)


def test_in_bfloat16_values_are_those_of_the_plain_scan_and_gradients_near_those_of_float32():
    arguments = case(3, 8, "float32")
    ways = [partial(run, precision="bfloat16"), partial(plain, precision="bfloat16"), plain]
    (fast, values), (_, plain_values), (exact, _) = (gradients(way, *arguments) for way in ways)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), values, plain_values)
    for got, wanted in zip(jax.tree.leaves(fast), jax.tree.leaves(exact), strict=True):
        assert np.linalg.norm(got - wanted) <= 0.05 * np.linalg.norm(wanted) + 1e-6
