import jax
import numpy as np
import pytest

from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.text.byte import ByteTokenizer
from experiments.measures.reader import reader_of


@pytest.fixture(scope="module")
def reader():
    model = LanguageModel(256, 8, 8)
    return reader_of(model, ByteTokenizer(), init_params(model, jax.random.key(0)))


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(0, 256, (7, 3)).astype(np.int32)


def test_both_questions_have_the_same_answer(reader, ids):
    nats = reader.nats(ids[:-1], ids[1:])
    for t in range(6):
        after = reader.after(ids[:-1], np.full(3, t, np.int32))
        np.testing.assert_allclose(-after[np.arange(3), ids[t + 1]], nats[t], atol=1e-5)
        np.testing.assert_allclose(np.exp(after).sum(1), 1, atol=1e-5)


def test_what_is_behind_the_end_of_a_column_changes_nothing(reader, ids):
    padded = ids.copy()
    padded[4:, 0] = 65
    last = np.array([3, 5, 5], np.int32)
    np.testing.assert_array_equal(reader.after(ids, last), reader.after(padded, last))
    np.testing.assert_array_equal(reader.nats(ids, ids)[:4], reader.nats(padded, padded)[:4])
