"""Each cell against its equations, written once more in NumPy, one number at a time."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import CELLS, HiddenState, LSTMState
from charrnn_jax.recurrence import init_layer

B, H = 3, 4
EACH_CELL = pytest.mark.parametrize("name", CELLS)
STATES = {"elman": HiddenState, "gru": HiddenState, "lstm": LSTMState, "capped_lstm": LSTMState, "cifg": LSTMState}
FORGET_BLOCK = {"lstm": 1, "capped_lstm": 1, "cifg": 0}


def logistic(x):
    return 1 / (1 + math.exp(-x))


def elman_unit(u, r, h):
    del h
    return (math.tanh(u[0] + r[0]),)


def gru_unit(u, r, h):
    reset, z = logistic(u[0] + r[0]), logistic(u[1] + r[1])
    return ((1 - z) * math.tanh(u[2] + reset * r[2]) + z * h,)


def lstm_unit(u, r, h, c):
    del h
    i, f, o = (logistic(u[k] + r[k]) for k in (0, 1, 3))
    c = f * c + i * math.tanh(u[2] + r[2])
    return o * math.tanh(c), c


def capped_lstm_unit(u, r, h, c):
    del h
    i, f, o = (logistic(u[k] + r[k]) for k in (0, 1, 3))
    c = f * c + min(i, 1 - f) * math.tanh(u[2] + r[2])
    return o * math.tanh(c), c


def cifg_unit(u, r, h, c):
    del h
    f, o = logistic(u[0] + r[0]), logistic(u[2] + r[2])
    c = f * c + (1 - f) * math.tanh(u[1] + r[1])
    return o * math.tanh(c), c


UNITS = {"elman": elman_unit, "gru": gru_unit, "lstm": lstm_unit, "capped_lstm": capped_lstm_unit, "cifg": cifg_unit}


def example(name, scale=1.0):
    G = CELLS[name].gates
    u_key, r_key, *keys = jax.random.split(jax.random.key(0), 4)
    u, r = (scale * jax.random.normal(key, (B, G * H)) for key in (u_key, r_key))
    fields = STATES[name]._fields
    return u, r, STATES[name](*(jax.random.normal(key, (B, H)) for key in keys[: len(fields)]))


@EACH_CELL
def test_a_step_is_the_equations_unit_by_unit(name):
    u, r, state = example(name)
    after = CELLS[name].apply(u, r, state)
    assert type(after) is STATES[name]
    for b in range(B):
        for j in range(H):
            blocks = [np.asarray(x, np.float64)[b, j::H] for x in (u, r)]  # unit j of each of the G blocks
            expected = UNITS[name](*blocks, *(float(part[b, j]) for part in state))
            np.testing.assert_allclose([part[b, j] for part in after], expected, atol=1e-6)


@EACH_CELL
def test_the_first_state_is_zero_and_of_the_type_of_the_next(name):
    first = CELLS[name].init(B, H)
    assert type(first) is STATES[name]
    assert first._fields[0] == "h"
    for part in first:
        np.testing.assert_array_equal(part, np.zeros((B, H), np.float32), strict=True)


@EACH_CELL
def test_saturated_gates_have_finite_gradients(name):
    u, r, state = example(name, scale=1e4)

    def loss(*arguments):
        return sum(jnp.sum(part) for part in CELLS[name].apply(*arguments))

    for leaf in jax.tree.leaves(jax.grad(loss, argnums=(0, 1, 2))(u, r, state)):
        assert np.isfinite(leaf).all()


def test_the_capped_input_gate_is_the_lstms_below_one_minus_f_and_the_coupled_one_above():
    u, r, state = example("lstm")
    i, f, g, o = jnp.split(u, 4, axis=-1)
    zero = jnp.zeros_like(r)
    closed, open_ = (jnp.concatenate([i, jnp.full_like(f, bias), g, o], axis=-1) for bias in (-20.0, 20.0))
    after, wanted = CELLS["capped_lstm"].apply(closed, zero, state), CELLS["lstm"].apply(closed, zero, state)
    np.testing.assert_allclose(after.c, wanted.c, atol=1e-6)
    wide = jnp.concatenate([jnp.full_like(i, 20.0), f, g, o], axis=-1)
    coupled = CELLS["cifg"].apply(jnp.concatenate([f, g, o], axis=-1), zero[:, H:], state)
    np.testing.assert_allclose(CELLS["capped_lstm"].apply(wide, zero, state).c, coupled.c, atol=1e-6)
    assert np.abs(CELLS["capped_lstm"].apply(open_, zero, state).c - state.c).max() < 1e-6


def test_biases_start_at_zero_but_for_an_open_forget_gate():
    for name, cell in CELLS.items():
        layer = init_layer(jax.random.key(0), cell, 2, H)
        expected = np.zeros((cell.gates, H))
        if name in FORGET_BLOCK:
            expected[FORGET_BLOCK[name]] = 1.0
        np.testing.assert_array_equal(layer.b.reshape(cell.gates, H), expected)
        assert (layer.b_R is not None) == (name == "gru")
