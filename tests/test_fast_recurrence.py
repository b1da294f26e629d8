from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.recurrence import init_layer, scan

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def without_derivative(cell):
    """The same cell, as one that a user adds: a function that has no derivative written by hand."""
    return cell._replace(apply=lambda u, r, state: cell.apply(u, r, state))


VARIANTS = {
    **CELLS,
    **{f"{name}, Jacobian": without_derivative(cell) for name, cell in CELLS.items()},
}


def case(cell, T, B, H, dtype):
    layer_key, u_key, state_key, h_key = jax.random.split(jax.random.key(T + B + H), 4)
    layer = init_layer(layer_key, cell, 3, H)
    if layer.b_R is not None:
        layer = layer._replace(b_R=jax.random.normal(layer_key, layer.b_R.shape))
    u = jax.random.normal(u_key, (T, B, cell.gates * H))
    state = jax.tree.map(lambda x: jax.random.normal(state_key, x.shape), cell.init(B, H))
    weights = jax.random.normal(h_key, (T, B, H))
    return jax.tree.map(lambda x: x.astype(dtype), (layer, u, state, weights))


def gradients(scan, cell, layer, u, state, weights):
    """Of a loss to which every output and the last state contribute, by every argument."""

    def loss(layer, u, state):
        last, h = scan(cell, layer, u, state)
        return jnp.sum(h * weights) + sum(jnp.sum(jnp.sin(x)) for x in last), (last, h)

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(layer, u, state)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(("T", "B", "H"), [(1, 1, 1), (7, 3, 5), (20, 4, 8), (6, 2, 64)])  # the last: x copied, not R
def test_values_and_gradients_are_those_of_the_plain_scan(name, T, B, H, dtype):
    with jax.enable_x64(dtype == "float64"):
        arguments = case(VARIANTS[name], T, B, H, dtype)
        fast, plain = (gradients(way, VARIANTS[name], *arguments) for way in (fast_scan, scan))
        assert {leaf.dtype for leaf in jax.tree.leaves(fast)} == {jnp.dtype(dtype)}
        close = partial(np.testing.assert_allclose, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        jax.tree.map(close, fast, plain)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_kept_of_a_state_and_hidden_from_the_product_has_the_gradient_of_the_plain_scan(name):
    with jax.enable_x64(True):
        arguments = case(VARIANTS[name], 7, 3, 5, "float64")
        state = arguments[2]
        drawn = [jax.random.bernoulli(jax.random.key(k), 0.4, (7, 3, 5)) for k in range(len(state))]
        shares = [jnp.full((7, 1, 1), 0.4) for _ in state]
        for keep in (drawn, shares):
            kept = type(state)(*(k.astype("float64") for k in keep))
            ways = (partial(way, keep=kept, mask=2.0 * drawn[0][0].astype("float64")) for way in (fast_scan, scan))
            fast, plain = (gradients(way, VARIANTS[name], *arguments) for way in ways)
            jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10), fast, plain)


@pytest.mark.parametrize("name", VARIANTS)
def test_in_bfloat16_values_are_those_of_the_plain_scan_and_gradients_near_those_of_float32(name):
    arguments = case(VARIANTS[name], 12, 3, 8, "float32")
    cell = VARIANTS[name]
    ways = [partial(fast_scan, precision="bfloat16"), partial(scan, precision="bfloat16"), scan]
    (fast, values), (_, plain_values), (exact, _) = (gradients(way, cell, *arguments) for way in ways)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), values, plain_values)
    for got, wanted in zip(jax.tree.leaves(fast), jax.tree.leaves(exact), strict=True):
        assert got.dtype == jnp.float32
        assert np.linalg.norm(got - wanted) <= 0.03 * np.linalg.norm(wanted) + 1e-6


def test_the_backward_loop_holds_one_product_and_no_transcendental_function():
    cell = CELLS["lstm"]
    layer, u, state, weights = case(cell, 6, 2, 4, "float32")
    graph = jax.make_jaxpr(partial(gradients, fast_scan, cell))(layer, u, state, weights)
    forward, backward = (loop.params["jaxpr"].jaxpr for loop in loops_of(graph.jaxpr))
    counts = [[equation.primitive.name for equation in flat(body)] for body in (forward, backward)]
    assert [names.count("dot_general") for names in counts] == [1, 1]
    assert [names.count("tanh") for names in counts] == [2, 0]


def flat(jaxpr):
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            if hasattr(value, "jaxpr"):
                yield from flat(value.jaxpr if hasattr(value.jaxpr, "eqns") else value)


def loops_of(jaxpr):
    return [equation for equation in flat(jaxpr) if equation.primitive.name == "scan"]
