from functools import partial

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.losses import chunked_softmax_nats, softmax_nats
from charrnn_jax.model import LanguageModel, score
from experiments.measures import output_layer
from experiments.measures.output_layer import (
    compile_step,
    flops_share,
    output_share,
    output_share_by_vocabulary,
    parameter_share,
    step_with,
    step_without,
    time_share,
)

T, B = 4, 6


@pytest.fixture
def timed(monkeypatch):
    """By this clock, the output layer takes three quarters of a step; nothing is compiled."""

    def take_turns(functions, rounds):
        return {name: [1.0 if "without" in name else 4.0] * rounds for name in functions}

    monkeypatch.setattr(output_layer, "take_turns", take_turns)
    monkeypatch.setattr(output_layer, "compile_step", lambda *_, **__: None)


def test_shares_by_hand():
    model = LanguageModel(10, 4, 4, cell="elman")
    assert parameter_share(model) == 50 / (40 + 36 + 50)
    assert parameter_share(model.clone(tied=True)) == 50 / (40 + 36 + 10)
    recurrent = 3 * 2 * (10 * 4 * 4 + T * B * 4 * 4)
    assert flops_share(model, T, B, by_chunks=False) == 3 * 2 * 960 / (recurrent + 3 * 2 * 960)
    assert flops_share(model, T, B, by_chunks=True) == 4 * 2 * 960 / (recurrent + 4 * 2 * 960)


def test_time_shares_are_taken_round_by_round():
    """The machine becomes ten times slower, and the share stays."""
    slower = np.linspace(1, 10, 7)
    assert time_share((4.0 * slower).tolist(), (1.0 * slower).tolist()) == {"estimate": 0.75, "low": 0.75, "high": 0.75}
    assert time_share([1.0] * 6, [1.0] * 6) == {"estimate": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.usefixtures("timed")
def test_the_record():
    model = LanguageModel(10, 4, 4, cell="elman")
    shares = output_share(model, T, B, rounds=6)
    whole = {"estimate": 0.75, "low": 0.75, "high": 0.75}
    assert shares == {
        "parameters": parameter_share(model),
        "flops": flops_share(model, T, B, False),
        "time": whole,
        "time_raw": {"numerators": [[3.0] * 6], "denominators": [[4.0] * 6]},
    }


@pytest.mark.usefixtures("timed")
def test_a_row_for_each_vocabulary_and_softmax():
    rows = output_share_by_vocabulary(LanguageModel(1, 4, 4, cell="elman"), T, B, [10, 30], rounds=6)
    assert [(row["vocab_size"], row["softmax"]) for row in rows] == [
        (V, softmax) for V in (10, 30) for softmax in ("full", "tied", "chunked")
    ]
    assert all(row["time"]["estimate"] == 0.75 for row in rows)
    assert rows[0]["flops"] == rows[1]["flops"] < rows[2]["flops"]
    assert rows[0]["parameters"] == rows[2]["parameters"] < rows[1]["parameters"]
    assert all(many["flops"] > few["flops"] for few, many in zip(rows[:3], rows[3:], strict=True))
    with pytest.raises(InputError, match="cannot be tied"):
        output_share_by_vocabulary(LanguageModel(1, 3, 4), T, B, [10], rounds=6)


@pytest.mark.parametrize("tied", [False, True])
def test_every_softmax_takes_the_step_of_training(tied):
    model = LanguageModel(10, 4, 4, tied=tied)
    steps = [
        compile_step(lambda *arguments: score(model, *arguments), model, T, B),
        step_with(model, softmax_nats, T, B),
        step_with(model, partial(chunked_softmax_nats, chunk=3), T, B),
    ]
    (one, expected), *others = (step() for step in steps)
    for other, metrics in others:
        np.testing.assert_allclose(metrics, expected, rtol=1e-5)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), one.params, other.params)


@pytest.mark.parametrize("tied", [False, True])
def test_without_an_output_layer_the_rest_learns(tied):
    model = LanguageModel(10, 4, 4, tied=tied)
    take_step = step_without(model, T, B)
    before, _ = take_step()
    before = jax.device_get(before.params)
    after, _ = take_step()
    assert "output" not in after.params
    moved = jax.tree.map(lambda x, y: not np.array_equal(x, y), before, jax.device_get(after.params))
    assert all(jax.tree.leaves(moved))


def test_a_large_output_layer_takes_most_of_a_step():
    """By the real clock: a vocabulary of 4,000 beside 16 hidden units."""
    found = output_share(LanguageModel(4000, 16, 16, cell="elman"), 8, 32, rounds=9)
    assert found["time"]["estimate"] > 0.5
