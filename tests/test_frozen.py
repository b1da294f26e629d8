from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from charrnn_jax.frozen import freeze, frozen
from charrnn_jax.io.checkpoints import Writer, find, load
from charrnn_jax.model import LanguageModel, init_params, init_state, score
from charrnn_jax.parallel import layout, mesh_of, place, spread_gradient
from charrnn_jax.text.streams import batch_at, fold_streams
from charrnn_jax.training import init_train_state, make_train_step

V, E = 7, 6
IDS = np.random.default_rng(0).integers(0, V, 201).astype(np.int32)
ROWS = np.arange(V) % 2 == 0
CLIPPED = optax.chain(optax.clip_by_global_norm(0.1), optax.adam(1e-2))
DECAYING = optax.adamw(1e-2, weight_decay=0.1)
SKIPPING = optax.apply_if_finite(optax.adam(1e-2), 9)


def begun(optimizer, rows, tied):
    model = LanguageModel(V, E, E, cell="elman", tied=tied)
    params = init_params(model, jax.random.key(0))
    params["embedding"] = params["embedding"].at[0, :2].set(jnp.array([-0.0, 0.0]))
    state = init_train_state(params, optimizer, init_state(model, 2))
    return model, state._replace(opt_state=freeze(state.opt_state, rows))


def trained(optimizer, rows, tied, steps=4):
    """The state before and after, its steps spread over two devices."""
    model, before = begun(optimizer, rows, tied)
    mesh = mesh_of(jax.devices(), 2)
    spread = partial(spread_gradient, mesh=mesh)
    state = place(jax.tree.map(jnp.copy, before), mesh)
    step = make_train_step(partial(score, model), optimizer, jax.random.key(1), 0.0, spread)
    step = jax.jit(step, donate_argnums=0, out_shardings=(layout(state, mesh), None))
    streams = fold_streams(IDS, 0, 2, 10)
    for n in range(steps):
        state, _ = step(state, batch_at(streams, n))
    assert step._cache_size() == 1
    return before, jax.tree.map(np.array, state)


@pytest.mark.parametrize(
    ("optimizer", "rows", "tied"),
    [(DECAYING, ROWS, False), (SKIPPING, ROWS, True), (CLIPPED, np.ones(V, np.bool_), False)],
    ids=["some rows", "tied", "the whole embedding"],
)
def test_frozen_rows_keep_their_bits_and_all_else_moves(optimizer, rows, tied):
    before, after = trained(frozen(optimizer, "embedding"), rows, tied)
    table, moved = np.array(before.params["embedding"]), after.params["embedding"]
    np.testing.assert_array_equal(moved[rows].view(np.int32), table[rows].view(np.int32))
    assert (moved[~rows] != table[~rows]).any(axis=1).all()
    others = [{k: v for k, v in state.params.items() if k != "embedding"} for state in (before, after)]
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a != np.asarray(b)).any()), *others)))


def test_with_no_row_frozen_it_is_the_optimizer_itself():
    params = {"embedding": jnp.ones((V, E)), "output": jnp.ones(3)}
    gradient = {"embedding": jnp.arange(V * E, dtype=jnp.float32).reshape(V, E), "output": -jnp.ones(3)}
    wrapped = frozen(DECAYING, "embedding")
    with jax.numpy_dtype_promotion("standard"):
        updates, state = wrapped.update(gradient, wrapped.init(params), params)
        expected, inner = DECAYING.update(gradient, DECAYING.init(params), params)
    jax.tree.map(np.testing.assert_array_equal, updates, expected)
    jax.tree.map(np.testing.assert_array_equal, state.inner, inner)


def test_the_norm_of_a_clipped_gradient_is_that_of_what_is_learned():
    """Of the gradient (100; 3 | 4), the 100 frozen, the norm is 5: clipped to 1, what is left is (0; 0.6 | 0.8)."""
    optimizer = frozen(optax.clip_by_global_norm(1.0), "embedding")
    params = {"embedding": jnp.ones((2, 1)), "output": jnp.ones(1)}
    state = freeze(optimizer.init(params), np.array([True, False]))
    updates, _ = optimizer.update({"embedding": jnp.array([[100.0], [3.0]]), "output": jnp.array([4.0])}, state)
    np.testing.assert_allclose(updates["embedding"], [[0.0], [0.6]], rtol=1e-6)
    np.testing.assert_allclose(updates["output"], [0.8], rtol=1e-6)


def test_a_checkpoint_knows_which_rows_are_frozen(tmp_path):
    optimizer = frozen(CLIPPED, "embedding")
    _, state = begun(optimizer, ROWS, tied=False)
    writer = Writer(tmp_path / "checkpoints")
    writer.save(state, {})
    writer.wait()
    _, template = begun(optimizer, np.zeros(V, np.bool_), tied=False)
    loaded = load(find(tmp_path / "checkpoints"), template)
    jax.tree.map(np.testing.assert_array_equal, loaded, state)
    np.testing.assert_array_equal(loaded.opt_state.rows, ROWS)
