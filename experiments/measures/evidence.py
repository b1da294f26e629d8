"""The evidence on the lecture's claims, from the records of the character and the word model in results.json.

Each function gives a quantity that is above zero where the lecture is right, with its 95 % interval; None where a
record that it needs is absent or null. A count is its own interval.

Beside a figure that is made of units, a record has what it was made of as `raw`: the arguments of
`statistics.ratio`, a row of numerators for each seed. Agreement, the controlled language and the gain from context
have the same units in the same order in both models.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from experiments.measures.controlled import CLASSES
from experiments.measures.statistics import (
    Interval,
    Ratio,
    difference,
    estimate,
    over_seeds,
    paired_difference,
    ratio,
)

Model: TypeAlias = Mapping[str, Any]
"""The record of a model."""


def bytes_at_equal_size(char: Model, word: Model, _: np.random.Generator) -> Interval | None:
    """How many times the character model's parameters the word model would have, less one.

    All but the recurrent ones belong to a symbol: they grow with the vocabulary.
    """
    parts, V, larger_V = _at(char, "parameters"), _at(char, "vocab_size"), _at(word, "vocab_size")
    if not (parts and V and larger_V):
        return None
    larger = parts["recurrent"] + (parts["embedding"] + parts["output"]) * larger_V / V
    return _counted(larger / parts["total"] - 1)


def peak_memory(char: Model, word: Model, _: np.random.Generator) -> Interval | None:
    """How many times the memory of the character model the word model takes, less one."""
    smaller, larger = (_at(model, "memory", "peak") for model in (char, word))
    return _counted(larger / smaller - 1) if smaller and larger else None


def output_share(part: str, char: Model, word: Model, _: np.random.Generator) -> Interval | None:
    """The share of the word model's output layer in what is counted, less that of the character model's."""
    smaller, larger = (_at(model, "output_share", part) for model in (char, word))
    return None if smaller is None or larger is None else _counted(larger - smaller)


def output_time(char: Model, word: Model, rng: np.random.Generator) -> Interval | None:
    """The same of the time of a training step."""
    smaller, larger = (_ratio(_at(model, "output_share", "time_raw")) for model in (char, word))
    return difference(smaller, larger, rng) if smaller and larger else None


def nonsense_above_floor(char: Model, _: Model, rng: np.random.Generator) -> Interval | None:
    """The rate of invented words at temperature 1.0, less that of held-out text."""
    floor, rate = (_ratio(_at(char, "nonsense", where, "raw")) for where in ("floor", "1.0"))
    return difference(floor, rate, rng) if floor and rate else None


def nonsense_above_word(char: Model, word: Model, rng: np.random.Generator) -> Interval | None:
    """The same, less that of the word model."""
    other, rate = (_ratio(_at(model, "nonsense", "1.0", "raw")) for model in (word, char))
    return difference(other, rate, rng) if other and rate else None


def agreement(char: Model, word: Model, rng: np.random.Generator) -> Interval | None:
    """The accuracy of the word model over one attractor or more, less that of the character model.

    None where neither is better than chance: a model that follows the nearest noun is wrong nearly always, one that
    guesses half of the time, and neither has looked further than the other.
    """
    a, b = (_rows(_at(model, "agreement"), "attractors") for model in (char, word))
    hard = sorted(attractors for attractors in a.keys() & b.keys() if attractors > 0)
    some, others = (_joined([rows[k] for k in hard]) if hard else None for rows in (a, b))
    return _better(some, others, 1 / 2, rng) if some and others else None


def controlled(char: Model, word: Model, rng: np.random.Generator) -> Interval | None:
    """The accuracy of the word model at the longest distance that both have, less that of the character model.

    None where neither is better than chance.
    """
    a, b = (_rows(_at(model, "controlled"), "distance_words") for model in (char, word))
    distances = a.keys() & b.keys()
    return _better(a[max(distances)], b[max(distances)], 1 / CLASSES, rng) if distances else None


def _better(a: Ratio, b: Ratio, chance: float, rng: np.random.Generator) -> Interval | None:
    """b - a, where the interval of either lies above chance."""
    known = max(estimate(figure, rng).low for figure in (a, b)) > chance
    return paired_difference(a, b, rng) if known else None


def context_gain(char: Model, word: Model, rng: np.random.Generator) -> Interval | None:
    """The share of its bits that context beyond 128 characters saves the word model, less that of the other."""
    a, b = (_ratio(_at(model, "context_gain", "raw")) for model in (char, word))
    return paired_difference(a, b, rng) if a and b else None


def effective_context(char: Model, word: Model, rng: np.random.Generator) -> Interval | None:
    """The characters that the word model makes use of, less those of the other.

    Not from one seed: there is no telling how far another would have looked back.
    """
    a, b = (_at(model, "effective_context_seeds") or [] for model in (char, word))
    return difference(over_seeds(a), over_seeds(b), rng) if min(len(a), len(b)) > 1 else None


def _at(record: Any, *path: str) -> Any:
    """What is there, None where anything on the way is absent or null."""
    for name in path:
        record = (record or {}).get(name)
    return record


def _ratio(raw: Mapping[str, Any] | None) -> Ratio | None:
    return ratio(**raw) if raw else None


def _rows(rows: Any, key: str) -> dict[int, Ratio]:
    """Those that have a raw figure, by what they were measured at."""
    return {row[key]: ratio(**row["raw"]) for row in rows or [] if row.get("raw")}


def _joined(figures: Sequence[Ratio]) -> Ratio:
    """One figure over the units of all of them."""
    return Ratio(*(np.concatenate(parts, axis=1) for parts in zip(*figures, strict=True)))


def _counted(value: float) -> Interval:
    return Interval(value, value, value)
