"""The models of the controlled language."""

from experiments.study import toy as room
from experiments.study.contender import Run
from experiments.study.terms import Terms
from experiments.study.toy import recall, toy_of


def test_a_model_that_diverged_is_asked_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "trained", lambda *_: Run(None, [], "the loss is nan", 0.0))
    toy = toy_of(Terms(controlled_chars=100_000))
    assert recall(toy, "char", 0, tmp_path) is None
