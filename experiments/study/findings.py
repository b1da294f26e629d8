"""From the records of all runs to what results.json says of a model."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from charrnn_jax.model import count_parameters
from experiments.measures.closers import Bin, by_distance
from experiments.measures.context import effective_context
from experiments.measures.controlled import Item
from experiments.measures.nonsense import Known, nonsense_in_documents, nonsense_in_samples
from experiments.measures.statistics import (
    Interval,
    Ratio,
    bits_per_char,
    estimate,
    over_seeds,
    paired_difference,
    ratio,
)
from experiments.study.readings import SPLITS, Exam
from experiments.study.terms import Contender

Record: TypeAlias = dict[str, Any]
FAR = 128
"""Characters of context beyond which it is long."""
SHOWN = 8
"""Samples in results.json, at the last temperature."""
HEAVY = ("samples", "context", "closers", "agreement", "passage", "learned")
"""Of a seed's record, what the model's figures are made of."""
Rng: TypeAlias = np.random.Generator


def model_record(contender: Contender, records: Sequence[Record], exam: Exam, known: Known, rng: Rng) -> Record:
    """What is true of a contender from every seed, and figures over its seeds with 95 % intervals."""
    trained = [record for record in records if record["document_nats"] is not None]
    return {
        **description(contender),
        "bits_per_char": {split: _bits(trained, split, exam, rng) for split in SPLITS},
        **{name: _mean(records, name) for name in ("train_chars_per_second", "generation_chars_per_second", "seconds")},
        **(_answers(trained, exam, known, rng) if trained else {"nonsense_word_rate": None, "samples": []}),
        "seeds": [{name: value for name, value in record.items() if name not in HEAVY} for record in records],
    }


def description(contender: Contender) -> Record:
    """What a contender is, before it is trained."""
    model, schedule, counts = contender.model, contender.schedule, count_parameters(contender.model)
    T, B = schedule.length, schedule.batch_size
    return {
        "kind": contender.form.kind,
        "vocab_size": model.vocab_size,
        "hidden_size": model.hidden_size,
        "parameters": {**counts._asdict(), "total": counts.total},
        "bytes": 4 * counts.total,
        "output_layer": {"rows": model.hidden_size, "columns": model.vocab_size, "tied": model.tied},
        "chosen": {"learning_rate": schedule.learning_rate, "dropout": model.dropout},
        "window": {"tokens": T, "streams": B, "steps": schedule.steps},
        "chars_per_token": contender.chars_per_token,
        "flops_per_char": contender.flops_per_char,
        "flops_per_step": contender.flops_per_char * contender.chars_per_token * T * B,
    }


def timed(model: Record, contender: Contender, step: Record) -> Record:
    """With the speed of training, and the seconds of its curves, by the time of a step that took turns with others.

    What was measured in training depends on what the machine had to do besides: a seed's `train_chars_per_second`.
    """
    chars = contender.chars_per_token * contender.schedule.length * contender.schedule.batch_size
    seeds = [
        record | {"curve": [point | {"seconds": point["step"] * step["estimate"]} for point in record["curve"]]}
        for record in model["seeds"]
    ]
    return model | {"train_chars_per_second": chars / step["estimate"], "step_seconds": step, "seeds": seeds}


def _bits(records: Sequence[Record], split: str, exam: Exam, rng: Rng) -> Record:
    """Over seeds and, for test, documents."""
    if not records:
        return {"mean": None, "low": None, "high": None}
    if split == "test":
        return estimate(bits_of_documents(records, exam), rng)._asdict()
    return estimate(over_seeds([record["bits_per_char"][split] for record in records]), rng)._asdict()


def bits_of_documents(records: Sequence[Record], exam: Exam) -> Ratio:
    """Bits per character of each document under each seed."""
    ends = [*exam.borders[1:].tolist(), exam.corpus.test.chars]
    chars = np.array(ends) - exam.borders
    return bits_per_char([record["document_nats"] for record in records], chars)


def differences(records: Mapping[str, Sequence[Record]], exam: Exam, rng: Rng) -> Record:
    """For each pair of contenders, by how much the test bits per character of the second are higher."""
    bits = {
        name: bits_of_documents(trained, exam)
        for name, of in records.items()
        if (trained := [record for record in of if record["document_nats"] is not None])
    }
    names = list(bits)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return {f"{a}-{b}": _estimated(paired_difference(bits[a], bits[b], rng)) for a, b in pairs}


def _answers(records: Sequence[Record], exam: Exam, known: Known, rng: Rng) -> Record:
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


def _mean(records: Sequence[Record], name: str) -> float | None:
    """Over the records that have the figure: one that diverged before its first point has no speed."""
    values = [record[name] for record in records if record[name] is not None]
    return float(np.mean(values)) if values else None


def _estimated(interval: Interval) -> Record:
    return {"estimate": interval.mean, "low": interval.low, "high": interval.high}
