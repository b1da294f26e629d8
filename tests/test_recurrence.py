import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.recurrence import init_layer, scan

EACH_CELL = pytest.mark.parametrize("name", CELLS)


def example(name, T=6, B=2, H=4):
    cell = CELLS[name]
    layer = init_layer(jax.random.key(0), cell, 3, H)
    return cell, layer, jax.random.normal(jax.random.key(1), (T, B, cell.gates * H)), cell.init(B, H)


@EACH_CELL
def test_scan_is_the_loop(name):
    cell, layer, u, state = example(name)
    final, h = scan(cell, layer, u, state)
    for t in range(len(u)):
        r = state.h @ layer.R + (0.0 if layer.b_R is None else layer.b_R[None, :])
        state = cell.apply(u[t], r, state)
        np.testing.assert_allclose(h[t], state.h, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), final, state)


@EACH_CELL
def test_two_halves_with_the_state_carried_are_the_whole(name):
    cell, layer, u, state = example(name)
    whole = scan(cell, layer, u, state)
    middle, first = scan(cell, layer, u[:2], state)
    final, second = scan(cell, layer, u[2:], middle)
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole[1], atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), final, whole[0])


@EACH_CELL
def test_gradients_equal_finite_differences_in_float64(name):
    with jax.enable_x64(True):
        cell, layer, u, state = example(name)
        arguments = jax.tree.map(lambda x: x.astype(jnp.float64), (layer, u, state))

        def run(*arguments):  # the checker brings NumPy arrays
            return scan(cell, *jax.tree.map(jnp.asarray, arguments))

        jax.test_util.check_grads(run, arguments, order=1, modes=["rev"])
