"""The lecture's four claims, and what results.json says of them.

The lecture (Deep Learning Fundamentals, unit 8.3) says that character embeddings (+) need less memory, (+) have
smaller output layers, (-) can create nonsense words, (-) are worse at long-distance dependencies. Each claim has
questions, the leading one first; `verdicts` has the rule that makes a verdict of the answers.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from experiments.measures import evidence
from experiments.measures.evidence import Model
from experiments.measures.statistics import Interval
from experiments.measures.verdicts import Claim, Test, Wording, judge


class Question(NamedTuple):
    """A test of a claim, before it is measured."""

    name: str
    measure: Callable[[Model, Model, np.random.Generator], Interval | None]
    """Of the character and the word model: above zero where the lecture is right, None where it was not measured."""
    wording: Wording


LARGER = ("larger", "smaller")


def claims_of(results: Mapping[str, Any], rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """The record of each claim, as `judge` writes it."""
    models = results.get("models") or {}
    char, word = (models.get(name) or {} for name in ("char", "word"))
    found = {}
    for name, (claim, questions) in CLAIMS.items():
        measured = [(question, question.measure(char, word, rng)) for question in questions]
        found[name] = judge(claim, [Test(q.name, interval, q.wording) for q, interval in measured if interval])
    return found


def _number(value: float) -> str:
    """With the digits that matter, and a true minus."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 1 else 2
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _times(clause: str) -> Wording:
    return Wording(clause, lambda less_one: _number(1 + less_one), counted=True)


def _points(clause: str, ways: tuple[str, str], counted: bool = False) -> Wording:
    return Wording(clause, lambda share: _number(100 * share), ways, counted)


def _share(whole: str, counted: bool) -> Wording:
    clause = f"its share of the {whole} is {{size}} percentage points {{way}} in the word model"
    return _points(clause, LARGER, counted)


def _invented(other: str) -> Wording:
    clause = f"at temperature 1.0 the share of invented words is {{size}} percentage points {{way}} than {other}"
    return _points(clause, ("higher", "lower"))


def _right(where: str) -> Wording:
    return _points(f"{where}, the word model is right {{size}} percentage points {{way}} often", ("more", "less"))


CLAIMS: dict[str, tuple[Claim, tuple[Question, ...]]] = {
    "memory": (
        Claim(
            "a character model needs less memory than a word model",
            "a character model needs no less memory than a word model",
        ),
        (
            Question(
                "parameter bytes at equal hidden size",
                evidence.bytes_at_equal_size,
                _times("with as many hidden units, the parameters of the word model take {size} times the bytes"),
            ),
            Question(
                "peak memory of a training step",
                evidence.peak_memory,
                _times("a training step of the word model takes {size} times the memory"),
            ),
        ),
    ),
    "output_layer": (
        Claim(
            "a character model has a smaller output layer than a word model",
            "a character model has no smaller output layer than a word model",
        ),
        (
            Question(
                "share of parameters",
                partial(evidence.output_share, "parameters"),
                _share("parameters", True),
            ),
            Question("share of operations", partial(evidence.output_share, "flops"), _share("operations", True)),
            Question("share of time", evidence.output_time, _share("time", False)),
        ),
    ),
    "nonsense_words": (
        Claim(
            "a character model creates nonsense words",
            "a character model creates no more nonsense words than what it is set beside",
        ),
        (
            Question(
                "invented words, above held-out text", evidence.nonsense_above_floor, _invented("in held-out text")
            ),
            Question(
                "invented words, above the word model", evidence.nonsense_above_word, _invented("in the word model")
            ),
        ),
    ),
    "long_distance": (
        Claim(
            "a character model is worse at long-distance dependencies than a word model",
            "a character model is no worse at long-distance dependencies than a word model",
        ),
        (
            Question(
                "agreement across attractors",
                evidence.agreement,
                _right("on the number of a verb, across nouns of the other number"),
            ),
            Question(
                "controlled language, longest distance",
                evidence.controlled,
                _right("at the longest distance of a made-up language"),
            ),
            Question(
                "gain from context beyond 128 characters",
                evidence.context_gain,
                _points(
                    "context beyond 128 characters saves the word model a share of bits that is {size} percentage"
                    " points {way}",
                    LARGER,
                ),
            ),
            Question(
                "effective context",
                evidence.effective_context,
                Wording("the word model makes use of {size} {way} characters of context", _number, ("more", "fewer")),
            ),
        ),
    ),
}
