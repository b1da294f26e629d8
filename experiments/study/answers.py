"""From what trained models answered to figures: words invented, context used, brackets closed, verbs agreed with."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from experiments.measures.closers import Bin, by_distance
from experiments.measures.context import effective_context
from experiments.measures.controlled import Item
from experiments.measures.nonsense import Known, nonsense_in_documents, nonsense_in_samples
from experiments.measures.statistics import bits_per_char, estimate, ratio
from experiments.study.readings import Exam

Record: TypeAlias = dict[str, Any]
Rng: TypeAlias = np.random.Generator
FAR = 128
"""Characters of context beyond which it is long."""
SHOWN = 8
"""Samples in results.json, at the last temperature."""


def answers(records: Sequence[Record], exam: Exam, known: Known, rng: Rng) -> Record:
    """Figures over seeds, with 95 % intervals, and what they are made of."""
    found = nonsense(records, exam, known, rng)
    last = list(records[0]["samples"])[-1]
    return {
        "nonsense": found,
        "nonsense_word_rate": found[last]["rate"],
        **_context(records, exam, rng),
        "closers": _closers(records, exam, rng),
        "agreement": _agreement(records, exam, rng),
        "neighbours": records[0]["learned"]["neighbours"],
        "samples": records[0]["samples"][last][:SHOWN],
    }


def nonsense(records: Sequence[Record], exam: Exam, known: Known, rng: Rng) -> Record:
    """At each temperature, and of the held-out documents."""
    temperatures = records[0]["samples"]
    found = {at: nonsense_in_samples([r["samples"][at] for r in records], known, rng) for at in temperatures}
    floor = nonsense_in_documents(exam.documents, known, rng)
    return {at: of._asdict() for at, of in {**found, "floor": floor}.items()}


def _context(records: Sequence[Record], exam: Exam, rng: Rng) -> Record:
    """Each seed's nats are `[K S]`: for each context, of each segment."""
    if not exam.sizes:
        return {"context_use": None, "effective_context_chars": None}
    nats = np.array([record["context"] for record in records])
    chars = exam.segments[:, 1] - exam.segments[:, 0]
    curve = [estimate(bits_per_char(nats[:, i], chars), rng) for i in range(len(exam.sizes))]
    k = np.array(exam.sizes, np.int64)
    seeds = [effective_context(k, of_seed.sum(1)) for of_seed in nats]
    return {
        "context_use": [[size, of.mean] for size, of in zip(exam.sizes, curve, strict=True)],
        "context_low_high": [[of.low, of.high] for of in curve],
        "effective_context_chars": effective_context(k, nats.sum((0, 2))),
        "effective_context_seeds": seeds,
        "context_gain": _gain(nats, exam.sizes, rng),
    }


def _gain(nats: np.ndarray, sizes: Sequence[int], rng: Rng) -> Record | None:
    """The share of its bits that context beyond `FAR` characters saves: of each segment under each seed."""
    if FAR not in sizes:
        return None
    near, all_of_it = nats[:, sizes.index(FAR)], nats[:, -1]
    if not near.any():  # a text that costs nothing
        return None
    return _with_raw(near - all_of_it, near, "share", rng)


def _with_raw(numerators: Any, denominators: Any, name: str, rng: Rng) -> Record:
    """A figure, its interval, and what it is made of."""
    figure = ratio(numerators, denominators)
    mean, low, high = estimate(figure, rng)
    raw = {"numerators": figure.numerators.tolist(), "denominators": figure.denominators.tolist()}
    return {name: mean, "low": low, "high": high, "raw": raw}


def _closers(records: Sequence[Record], exam: Exam, rng: Rng) -> list[Record]:
    """By distance: the probability over all closers and seeds."""
    bins = [by_distance(exam.closers, np.array(record["closers"])) for record in records]
    return [_closer(of_seeds, rng) for of_seeds in zip(*bins, strict=True)]


def _agreement(records: Sequence[Record], exam: Exam, rng: Rng) -> list[Record]:
    """By the number of attractors: the share of sentences that are right, over all seeds."""
    attractors = np.array([item.attractors for item in exam.agreement])
    right = np.array([record["agreement"] for record in records], np.float64)
    return [
        {
            "attractors": number,
            **_with_raw(right[:, attractors == number], 1.0, "accuracy", rng),
            "items": int((attractors == number).sum()),
        }
        for number in np.unique(attractors).tolist()
    ]


def _closer(of_seeds: Sequence[Bin], rng: Rng) -> Record:
    mean, low, high = estimate(ratio([of.probabilities for of in of_seeds]), rng)
    count = len(of_seeds[0].probabilities)
    return {
        "from": of_seeds[0].low,
        "to": of_seeds[0].high,
        "probability": mean,
        "low": low,
        "high": high,
        "count": count,
    }


def controlled_rows(right: Sequence[Sequence[bool]], items: Sequence[Item], rng: Rng) -> list[Record]:
    """By distance: the share of sentences of the controlled language that are right, over all seeds."""
    distance = np.array([item.distance for item in items])
    chars = np.array([item.chars for item in items])
    answers = np.array(right, np.float64)
    return [
        {
            "distance_words": words,
            "distance_chars": float(chars[distance == words].mean()),
            **_with_raw(answers[:, distance == words], 1.0, "accuracy", rng),
        }
        for words in np.unique(distance).tolist()
    ]
