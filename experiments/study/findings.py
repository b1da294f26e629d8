"""From the records of all runs to what results.json says of a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from charrnn_jax.parameters import count_parameters
from experiments.measures.nonsense import Known
from experiments.measures.statistics import (
    Interval,
    Ratio,
    bits_per_char,
    estimate,
    over_seeds,
    paired_difference,
)
from experiments.study.answers import Record, Rng, answers
from experiments.study.readings import HELD_OUT, Exam
from experiments.study.terms import Contender

HEAVY = ("samples", "context", "closers", "agreement", "passage", "learned")
"""Of a seed's record, what the model's figures are made of."""


def model_record(contender: Contender, records: Sequence[Record], exam: Exam, known: Known, rng: Rng) -> Record:
    """What is true of a contender from every seed, and figures over its seeds with 95 % intervals."""
    trained = [record for record in records if record["document_nats"] is not None]
    return {
        **description(contender),
        "bits_per_char": {split: _bits(trained, split, exam, rng) for split in HELD_OUT},
        **{name: _mean(records, name) for name in ("written_chars_per_token", "seconds")},
        **(answers(trained, exam, known, rng) if trained else {"nonsense_word_rate": None, "samples": []}),
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


def training_speed(model: Record, contender: Contender, step: Record) -> Record:
    """Its speed and its seeds, with the seconds of their curves, by the time of a step that took turns with others'.

    What was measured in training depends on what the machine had to do besides: a seed's `train_chars_per_second`.
    """
    chars = contender.chars_per_token * contender.schedule.length * contender.schedule.batch_size
    seeds = [
        record | {"curve": [point | {"seconds": point["step"] * step["estimate"]} for point in record["curve"]]}
        for record in model["seeds"]
    ]
    return {"train_chars_per_second": chars / step["estimate"], "step_seconds": step, "seeds": seeds}


def writing_speed(model: Record, texts: int, token: Record) -> Record:
    """By the time of writing a token of so many texts side by side, which took turns with that of others."""
    written = model["written_chars_per_token"]
    speed = written and written * texts / token["estimate"]
    return {"generation_chars_per_second": speed, "writing_seconds": token}


def _bits(records: Sequence[Record], split: str, exam: Exam, rng: Rng) -> Record:
    """Over seeds and, for test, documents."""
    if not records:
        return {"mean": None, "low": None, "high": None}
    if split == "test":
        return estimate(bits_of_documents(records, exam), rng)._asdict()
    return estimate(over_seeds([record["bits_per_char"][split] for record in records]), rng)._asdict()


def bits_of_documents(records: Sequence[Record], exam: Exam) -> Ratio:
    """Bits per character of each document under each seed."""
    chars = [len(document) for document in exam.documents]
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


def _mean(records: Sequence[Record], name: str) -> float | None:
    """Over the records that have the figure: one that diverged before its first point has no speed."""
    values = [record[name] for record in records if record[name] is not None]
    return float(np.mean(values)) if values else None


def _estimated(interval: Interval) -> Record:
    return {"estimate": interval.mean, "low": interval.low, "high": interval.high}
