import jax
import numpy as np
import pytest

from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.text.byte import ByteTokenizer
from experiments.measures.columns import Column, after, column, nats_of
from experiments.measures.reader import reader_of


@pytest.fixture(scope="module")
def reader():
    model = LanguageModel(256, 4, 4)
    return reader_of(model, ByteTokenizer(), init_params(model, jax.random.key(0)))


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(0)
    lengths = [1, 9, 10, 40, 3, 18, 19]
    return [Column(*rng.integers(0, 256, (2, n)).astype(np.int32)) for n in lengths]


def test_side_by_side_costs_what_each_costs_alone(reader, columns):
    together = nats_of(reader, columns)
    for (inputs, targets), nats in zip(columns, together, strict=True):
        np.testing.assert_allclose(nats, reader.nats(inputs[:, None], targets[:, None])[:, 0], atol=1e-5)


def test_what_follows_each(reader, columns):
    found = dict(after(reader, [inputs for inputs, _ in columns]))
    assert sorted(found) == list(range(len(columns)))
    for i, (inputs, _) in enumerate(columns):
        alone = reader.after(inputs[:, None], np.array([len(inputs) - 1], np.int32))[0]
        np.testing.assert_allclose(found[i], alone, atol=1e-5)


def test_few_shapes(reader, columns):
    shapes = set()

    def noted(inputs, targets):
        shapes.add(inputs.shape)
        return reader.nats(inputs, targets)

    nats_of(reader._replace(nats=noted), columns * 300)
    assert len(shapes) == len({9, 18, 36, 72})


def test_more_columns_than_fit_side_by_side(reader):
    columns = [Column(*np.full((2, 1), i % 256, np.int32)) for i in range(4000)]
    nats = nats_of(reader, columns)
    assert len(nats) == 4000
    np.testing.assert_allclose(nats[0], nats[256 * 12], atol=1e-5)


@pytest.mark.parametrize(
    ("window", "first", "inputs", "targets"),
    [(2, 4, [12, 13, 14], [13, 14, 15]), (0, 2, [7, 10, 11], [10, 11, 12]), (4, 4, [7, 14], [14, 15])],
)
def test_the_start_stands_in_front_of_the_text_and_of_an_empty_window(window, first, inputs, targets):
    end = targets[-1] - 10 + 1
    found = column(np.arange(10, 20, dtype=np.uint8), 7, window, first, end)
    assert (found.inputs.tolist(), found.targets.tolist()) == (inputs, targets)
