"""Every recurrent layer against the contract, and those that are no pointwise cell against their equations in NumPy."""

from functools import partial

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

from charrnn_jax.cells import CELLS
from charrnn_jax.embedding import embed_lookup, one_hot
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.layer_norm_lstm import EPSILON
from charrnn_jax.mogrifier import Gating
from charrnn_jax.recurrence import init_layer, scan
from charrnn_jax.recurrences import RECURRENCES, mogrifier_of, qrnn_of, recurrence_of

T, B, X, H = 6, 2, 3, 4
MOGRIFIER = recurrence_of("mogrifier", Gating())
LOW_RANK = recurrence_of("capped_mogrifier", Gating(rounds=4, rank=2))
LAYERS = {**RECURRENCES, "mogrifier": MOGRIFIER, "mogrifier, rank 2, capped": LOW_RANK}
OTHERS = {name: layer for name, layer in LAYERS.items() if name not in CELLS}
COSTLY = {"mogrifier"}  # five rounds compile slowly, and are those of the other Mogrifier
EACH_LAYER = pytest.mark.parametrize("name", LAYERS)
EACH_OTHER = pytest.mark.parametrize("name", sorted(OTHERS.keys() - COSTLY))
close = partial(np.testing.assert_allclose, atol=1e-5, rtol=1e-5)


def example(layer):
    """Parameters, input and state, with no number at zero, as after training."""
    shapes = jax.eval_shape(lambda: (layer.init_params(jax.random.key(0), X, H), layer.init_state(B, H)))
    random = np.random.default_rng(0)

    def draw(shape, scale=0.7):
        return jnp.asarray(scale * random.normal(size=shape), jnp.float32)

    params, state = jax.tree.map(lambda leaf: draw(leaf.shape), shapes)
    return params, draw((T, B, X), 1.0), state


def in_numpy(layer):
    """Parameters, input and state in float64: for JAX, which must then be in float64 too, and for NumPy alike."""
    return jax.tree.map(lambda x: np.asarray(x, np.float64), example(layer))


def σ(x):
    return 1 / (1 + np.exp(-x))


def ln(z):
    return (z - np.mean(z)) / np.sqrt(np.var(z) + EPSILON)


def lstm_step(a, c, cap=False):
    i, f, g, o = np.split(a, 4)
    i, f, o = σ(i), σ(f), σ(o)
    c = f * c + (np.minimum(i, 1 - f) if cap else i) * np.tanh(g)
    return o * np.tanh(c), c


def layer_norm_lstm_step(p, x, h, c):
    a = p.alpha_1 * ln(h @ p.R) + p.alpha_2 * ln(x @ p.W) + p.b
    i, f, g, o = np.split(a, 4)
    c = σ(f) * c + σ(i) * np.tanh(g)
    return σ(o) * np.tanh(p.alpha_3 * ln(c) + p.beta_3), c


def mogrifier_step(cap, p, x, h, c):
    for number, (factors, bias) in enumerate(p.rounds, start=1):
        matrix = np.linalg.multi_dot(factors) if len(factors) > 1 else factors[0]
        if number % 2 == 1:
            x = 2 * σ(h @ matrix + bias) * x
        else:
            h = 2 * σ(x @ matrix + bias) * h
    return lstm_step(x @ p.lstm.W + h @ p.lstm.R + p.lstm.b, c, cap)


def stream_by_stream(step, params, x, state):
    h, c = (np.array(part) for part in state)
    outputs = np.zeros((T, B, H))
    for b in range(B):
        for t in range(T):
            h[b], c[b] = step(params, x[t, b], h[b], c[b])
            outputs[t, b] = h[b]
    return (h, c), outputs


STEPS = {
    "layer_norm_lstm": (RECURRENCES["layer_norm_lstm"], layer_norm_lstm_step),
    "mogrifier": (MOGRIFIER, partial(mogrifier_step, False)),
    "mogrifier, rank 2, capped": (LOW_RANK, partial(mogrifier_step, True)),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_layer_is_its_equations(name):
    layer, step = STEPS[name]
    params, x, state = in_numpy(layer)
    last, outputs = stream_by_stream(step, params, x, state)
    with jax.enable_x64(True):
        found_last, found = jax.jit(layer.apply)(*jax.tree.map(jnp.asarray, (params, x, state)))
    np.testing.assert_allclose(found, outputs, atol=1e-12)
    np.testing.assert_allclose(found_last, last, atol=1e-12)


@pytest.mark.parametrize("window", [1, 2])
def test_a_qrnn_is_its_equations(window):
    layer = qrnn_of(window)
    params, x, state = in_numpy(layer)
    W_2, W_1 = params.W[:, : 3 * H], params.W[:, 3 * H :]
    outputs, c = np.zeros((T, B, H)), np.array(state.c)
    for t in range(T):
        a = x[t] @ W_2 + params.b
        if window == 2:
            a = a + (state.before if t == 0 else x[t - 1] @ W_1)
        z, f, o = a[:, :H], a[:, H : 2 * H], a[:, 2 * H :]
        c = σ(f) * c + (1 - σ(f)) * np.tanh(z)
        outputs[t] = σ(o) * c
    with jax.enable_x64(True):
        last, found = jax.jit(layer.apply)(*jax.tree.map(jnp.asarray, (params, x, state)))
    np.testing.assert_allclose(found, outputs, atol=1e-12)
    np.testing.assert_allclose(last.c, c, atol=1e-12)
    if window == 2:
        np.testing.assert_allclose(last.before, x[-1] @ W_1, atol=1e-12)


@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
def test_a_cell_as_a_layer_is_bit_for_bit_the_cell(name):
    cell, layer = CELLS[name], RECURRENCES[name]
    params, x, state = example(layer)
    u = (x.reshape(T * B, X) @ params.W + params.b[None, :]).reshape(T, B, -1)
    exact = partial(np.testing.assert_array_equal, strict=True)
    jax.tree.map(exact, layer.apply(params, x, state), fast_scan(cell, params, u, state))
    key = jax.random.key(1)
    jax.tree.map(exact, layer.init_params(key, X, H), init_layer(key, cell, X, H))
    jax.tree.map(exact, layer.init_state(B, H), cell.init(B, H))


@EACH_LAYER
def test_windows_of_one_step_are_the_whole(name):
    params, x, state = example(LAYERS[name])
    apply = jax.jit(LAYERS[name].apply)
    wanted_last, wanted = apply(params, x, state)
    for t in range(T):
        state, h = apply(params, x[t : t + 1], state)
        close(h[0], wanted[t])
    jax.tree.map(close, state, wanted_last)


@EACH_LAYER
def test_what_is_kept_stays_and_nothing_kept_changes_nothing(name):
    layer = LAYERS[name]
    params, x, state = example(layer)
    apply = jax.jit(partial(layer.apply, precision="float32"))
    short, _ = apply(params, x[: T - 2], state)

    def kept_in_the_last_two(share):
        return jax.tree.map(lambda x: jnp.zeros((T, *x.shape)).at[T - 2 :].set(share), state)

    jax.tree.map(close, apply(params, x, state, keep=kept_in_the_last_two(1.0))[0], short)
    jax.tree.map(close, apply(params, x, state, keep=kept_in_the_last_two(0.0)), apply(params, x, state))


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm", "mogrifier, rank 2, capped"])
def test_a_masked_output_enters_every_product_of_the_next_step_masked(name):
    layer = LAYERS[name]
    params, x, state = example(layer)
    mask = jnp.asarray(np.random.default_rng(1).integers(0, 3, (B, H)), jnp.float32)
    apply, expected = jax.jit(layer.apply), state
    for t in range(T):
        expected, _ = apply(params, x[t : t + 1], expected._replace(h=mask * expected.h))
    jax.tree.map(close, apply(params, x, state, mask=mask)[0], expected)


@EACH_LAYER
def test_an_output_depends_on_every_input_up_to_its_own_and_on_no_later_one(name):
    layer = LAYERS[name]
    params, x, state = example(layer)
    jacobian = jax.jit(jax.jacrev(lambda x: layer.apply(params, x, state)[1].sum(axis=(1, 2))))(x)
    reached = np.abs(jacobian).sum(axis=(2, 3)) > 0
    np.testing.assert_array_equal(reached, np.tril(np.ones((T, T), bool)))


@EACH_OTHER
def test_gradients_equal_finite_differences_in_float64(name):
    layer = OTHERS[name]
    arguments = in_numpy(layer)
    with jax.enable_x64(True):
        arguments = jax.tree.map(jnp.asarray, (arguments[0], arguments[1][:3], arguments[2]))

        def run(*arguments):  # the checker brings NumPy arrays
            return layer.apply(*jax.tree.map(jnp.asarray, arguments))

        jax.test_util.check_grads(jax.jit(run), arguments, order=1, modes=["rev"])


@EACH_LAYER
def test_an_id_is_its_one_hot_vector_and_what_is_projected_from_a_table_can_be_looked_up(name):
    layer = LAYERS[name]
    params, x, _ = example(layer)
    ids = jnp.arange(T * B).reshape(T, B) % X
    close(layer.project(params, ids, "float32"), layer.project(params, one_hot(ids, X), "float32"))
    table = x[:, 0]
    rows = layer.project(params, table[:, None, :], "float32")[:, 0]
    close(embed_lookup(rows, ids), layer.project(params, embed_lookup(table, ids), "float32"))


COUNTS = {
    "elman": H * (X + H + 1),
    "gru": 3 * H * (X + H + 2),
    "lstm": 4 * H * (X + H + 1),
    "capped_lstm": 4 * H * (X + H + 1),
    "cifg": 3 * H * (X + H + 1),
    "layer_norm_lstm": 4 * H * (X + H + 1) + 2 * 4 * H + 2 * H,
    "mogrifier": 4 * H * (X + H + 1) + 5 * H * X + 3 * X + 2 * H,  # three rounds gate x, two gate h
    "mogrifier, rank 2, capped": 4 * H * (X + H + 1) + 4 * 2 * (H + X) + 2 * X + 2 * H,
    "qrnn": 3 * H * (X + 1),
    "qrnn_2": 3 * H * (2 * X + 1),
}


@EACH_LAYER
def test_parameters_are_as_many_as_counted_by_hand(name):
    params = jax.eval_shape(lambda: LAYERS[name].init_params(jax.random.key(0), X, H))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == COUNTS[name]


@EACH_LAYER
def test_the_first_state_is_zero_and_of_the_shape_of_the_next(name):
    layer = LAYERS[name]
    first = layer.init_state(B, H)
    assert not any(leaf.any() for leaf in jax.tree.leaves(first))
    params, x, _ = example(layer)
    after = jax.eval_shape(layer.apply, params, x, first)[0]
    assert jax.tree.map(lambda x: (x.shape, x.dtype), first) == jax.tree.map(lambda x: (x.shape, x.dtype), after)


@EACH_OTHER
def test_in_bfloat16_values_and_gradients_are_near_those_of_float32(name):
    layer = OTHERS[name]
    params, x, state = example(layer)

    def outputs_and_gradient(precision):
        def loss(params):
            h = layer.apply(params, x, state, precision)[1]
            return jnp.sum(h**2), h

        return jax.jit(jax.grad(loss, has_aux=True))(params)

    rough, exact = (jax.tree.leaves(outputs_and_gradient(precision)) for precision in ("bfloat16", "float32"))
    assert (rough[-1] != exact[-1]).any()
    for got, wanted in zip(rough, exact, strict=True):
        assert got.dtype == jnp.float32
        assert np.linalg.norm(got - wanted) <= 0.05 * np.linalg.norm(wanted)


@pytest.mark.parametrize("cell", ["lstm", "capped_lstm"])
@pytest.mark.parametrize("rounds", [0, 3])
def test_a_mogrifier_of_no_rounds_or_of_open_gates_is_the_lstm(cell, rounds):
    layer = mogrifier_of(CELLS[cell], Gating(rounds))
    params, x, state = example(layer)
    params = params._replace(rounds=jax.tree.map(jnp.zeros_like, params.rounds))
    u = RECURRENCES[cell].project(params.lstm, x, "float32")
    jax.tree.map(close, layer.apply(params, x, state), scan(CELLS[cell], params.lstm, u, state))


def test_layer_norm_makes_the_scale_of_the_weights_immaterial():
    layer = RECURRENCES["layer_norm_lstm"]
    params, x, state = example(layer)
    scaled = params._replace(W=3 * params.W, R=7 * params.R)
    np.testing.assert_allclose(layer.apply(scaled, x, state)[1], layer.apply(params, x, state)[1], atol=1e-3)
    gains = params._replace(alpha_1=3 * params.alpha_1)
    assert np.abs(layer.apply(gains, x, state)[1] - layer.apply(params, x, state)[1]).max() > 0.01


@pytest.mark.parametrize("window", [0, 3])
def test_other_windows_are_refused(window):
    with pytest.raises(ValueError, match="the window of a QRNN is 1 or 2"):
        qrnn_of(window)
