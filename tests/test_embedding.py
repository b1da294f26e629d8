import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.embedding import embed_lookup, embed_one_hot, one_hot

TABLE = jax.random.normal(jax.random.key(0), (26, 3))
IDS = jnp.array([[18, 20], [13, 13], [24, 0]])
BOTH = pytest.mark.parametrize("embed", [embed_one_hot, embed_lookup])


def test_product_and_look_up_give_the_same_bits():
    np.testing.assert_array_equal(embed_one_hot(TABLE, IDS), embed_lookup(TABLE, IDS))
    np.testing.assert_array_equal(embed_lookup(TABLE, IDS), np.asarray(TABLE)[np.asarray(IDS)])


def test_gradients_are_equal():
    cotangent = jax.random.normal(jax.random.key(1), (3, 2, 3))

    def gradient(embed):
        return jax.grad(lambda table: jnp.sum(embed(table, IDS) * cotangent))(TABLE)

    np.testing.assert_allclose(gradient(embed_one_hot), gradient(embed_lookup), atol=1e-6)


@BOTH
@pytest.mark.parametrize("bad", [-1, 26, 10**6])
def test_an_id_outside_the_vocabulary_is_never_another_row(embed, bad):
    ids = jnp.array([[0, 1], [2, bad]])
    with pytest.raises(ValueError, match=rf"id {bad} at position \(1, 1\) is outside the vocabulary of size 26"):
        embed(TABLE, ids)
    rows = jax.jit(embed)(TABLE, ids)
    assert np.isnan(rows[1, 1]).all()
    np.testing.assert_array_equal(rows[0], TABLE[:2])


@BOTH
@pytest.mark.parametrize("dtype", [jnp.int4, np.uint8, np.int8, np.uint16])
@pytest.mark.parametrize("vocab_size", [256, 300])
def test_ids_of_few_bits_find_their_rows(embed, dtype, vocab_size):
    largest = min(100, jnp.iinfo(dtype).max)
    table, ids = jax.random.normal(jax.random.key(0), (vocab_size, 3)), np.array([5, largest], dtype)
    for rows in (embed(table, ids), jax.jit(embed)(table, ids)):
        np.testing.assert_array_equal(rows, table[np.array([5, largest])])


@BOTH
@pytest.mark.parametrize("bad", [2**32, 2**32 + 1, -(2**32), 2**63 - 1, np.uint64(2**32), np.uint64(2**64 - 1)])
def test_an_id_that_32_bits_do_not_count_to_has_no_row(embed, bad):
    with jax.enable_x64(True):
        rows = jax.jit(embed)(TABLE, jnp.array([1, bad], getattr(bad, "dtype", np.int64)))
    np.testing.assert_array_equal(rows[0], TABLE[1])
    assert np.isnan(rows[1]).all()


def test_one_hot_is_a_row_of_the_identity():
    np.testing.assert_array_equal(one_hot(jnp.arange(5), 5), np.eye(5))


@pytest.mark.parametrize("bad", [-1, 5])
def test_one_hot_of_an_id_outside_the_vocabulary_is_no_vector(bad):
    with pytest.raises(ValueError, match=f"^id {bad} at position 1 is outside the vocabulary of size 5$"):
        one_hot(np.array([4, bad, 7]), 5)
    hot = jax.jit(one_hot, static_argnums=1)(jnp.array([4, bad]), 5)
    np.testing.assert_array_equal(hot[0], np.eye(5)[4])
    assert np.isnan(hot[1]).all()
