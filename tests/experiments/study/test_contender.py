"""The tuning of a contender: the same grid for everyone, chosen on validation, and kept."""

import pytest

from charrnn_jax.io.corpora import Corpus
from charrnn_jax.text.texts import StringText
from experiments.study import contender as room
from experiments.study.contender import Run, prepare, tune
from experiments.study.terms import Terms

TEXT = StringText("the cat sat on the mat and so did I\n" * 400)
CORPUS = Corpus("cats", TEXT, TEXT, TEXT)
GRID = {"learning_rates": (1e-3, 2e-3), "dropouts": (0.0, 0.1), "tuning_chars": 1_000}


class Line:
    def __init__(self, bits):
        self.valid_bits_per_char = bits


@pytest.fixture
def tried(monkeypatch):
    """Training that costs nothing: its bits are what the test says of a learning rate and a dropout."""
    tried = []

    def trained(contender, *rest):
        rest[-1].mkdir()
        point = contender.schedule.learning_rate, contender.model.dropout
        tried.append((*point, contender.schedule.steps))
        return Run(None, [Line(BITS[point])], "", 0.0)

    monkeypatch.setattr(room, "trained", trained)
    return tried


BITS = {(1e-3, 0.0): 2.0, (1e-3, 0.1): None, (2e-3, 0.0): 1.5, (2e-3, 0.1): 1.9}


def test_the_best_point_of_the_grid_is_chosen_and_kept(tried, tmp_path):
    terms = Terms(contenders=("char",), parameters=20_000, batch_size=2, chars=50_000, **GRID)
    (char,) = prepare(CORPUS, terms)
    chosen, grid = tune(char, CORPUS, terms, 0, tmp_path)
    assert (chosen.schedule.learning_rate, chosen.model.dropout) == (2e-3, 0.0)
    assert [(point["learning_rate"], point["dropout"], point["valid_bits_per_char"]) for point in grid] == [
        (*point, bits) for point, bits in BITS.items()
    ]
    assert {steps for *_, steps in tried} == {char.trained_on(1_000).schedule.steps}
    assert chosen.schedule.steps == char.schedule.steps > tried[0][2]
    assert tune(char, CORPUS, terms, 0, tmp_path) == (chosen, grid)
    assert len(tried) == 4
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_grid_of_one_point_is_not_tried(tried, tmp_path):
    terms = Terms(contenders=("char",), parameters=20_000, batch_size=2, learning_rates=(3e-3,), dropouts=(0.2,))
    chosen, grid = tune(prepare(CORPUS, terms)[0], CORPUS, terms, 0, tmp_path)
    assert (chosen.schedule.learning_rate, chosen.model.dropout, grid, tried) == (3e-3, 0.2, [], [])


def test_a_closed_vocabulary_is_full_already():
    names = ("char", "word", "word_full")
    terms = Terms(contenders=names, parameters=20_000, batch_size=2)
    assert [each.name for each in prepare(CORPUS, terms)] == list(names)
    assert [each.name for each in prepare(CORPUS._replace(closed_vocabulary=True), terms)] == ["char", "word"]
