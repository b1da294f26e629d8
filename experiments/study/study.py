"""The study from beginning to end. What is found is kept as it comes, and found once."""

import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charrnn_jax.io.corpora import Corpus
from experiments.dictionary import read_dictionary
from experiments.json_files import Shape
from experiments.measures.claims import claims_of
from experiments.measures.nonsense import Known, known_words
from experiments.shell import console
from experiments.study.answers import Record, controlled_rows
from experiments.study.contender import trained, tune
from experiments.study.extras import (
    BY_VOCABULARY,
    COSTS,
    REFERENCES,
    by_vocabulary,
    costs,
    references,
    step_seconds,
    writing_seconds,
)
from experiments.study.findings import differences, model_record, training_speed, writing_speed
from experiments.study.kept import INTERVAL, once
from experiments.study.presets import COMPARED, Preset
from experiments.study.readings import DIVERGED, READINGS, Exam, exam_of, learned, read, sample_shape
from experiments.study.terms import Contender, share_out
from experiments.study.toy import Toy, recall, toy_of

RECORD: Shape = {"seed": int, "curve": list, "train_chars_per_second": float | None, "seconds": float, **READINGS}
"""What is kept of a run."""
RECALLED: Shape = {"right": list | None}
DIRECT: Shape = {"map": dict | None}
READING_SECONDS = 60
"""What a trained model's readings take, about."""


class Study(NamedTuple):
    """What is compared, on what, how often, and where it is kept."""

    contenders: list[Contender]
    exam: Exam
    preset: Preset
    seed: int
    known: Known
    out: Path

    @property
    def corpus(self) -> Corpus:
        """The text."""
        return self.exam.corpus

    def seeds_of(self, name: str) -> range:
        """From which a contender is trained."""
        return range(self.seed, self.seed + self.preset.seeds_of(name))


def study_of(
    corpus: Corpus, contenders: list[Contender], preset: Preset, seed: int, dictionary: Path | None, out: Path
) -> Study:
    """With the questions and the known words of the corpus."""
    exam = exam_of(corpus, [contender.tokenizer for contender in contenders], preset.terms)
    valid = None if corpus.valid is corpus.test else corpus.valid.read()
    known = known_words(read_dictionary(dictionary), corpus.train.read(), valid, exam.documents)
    return Study(contenders, exam, preset, seed, known, out)


def conduct(study: Study) -> dict[str, Any]:
    """Tunes, trains and measures everyone: `models`, and all else that results.json says of them."""
    contenders, grids = _tuned(study)
    records = {contender.name: records_of(contender, study) for contender in contenders}
    rng = np.random.default_rng(study.seed)
    models = {each.name: model_record(each, records[each.name], study.exam, study.known, rng) for each in contenders}
    texts, _ = sample_shape(study.preset.terms, 1.0)
    times = {each.name: INTERVAL for each in contenders}
    steps = once(study.out, "step_seconds", times, lambda: step_seconds(contenders))
    writing = once(study.out, "writing_seconds", times, lambda: writing_seconds(contenders, texts))
    for contender in contenders:
        name, model = contender.name, models[contender.name]
        model |= {"tuning": grids[name], **_costs(contender, study)}
        model |= training_speed(model, contender, steps[name]) | writing_speed(model, texts, writing[name])
    for name, rows in _controlled(study, rng).items():
        models[name]["controlled"] = rows
    found = {"models": models, "differences": differences(records, study.exam, rng), **_beside(contenders[0], study)}
    return {**found, **_inside(contenders, records, study), "claims": claims_of(found, rng)}


def _tuned(study: Study) -> tuple[list[Contender], dict[str, list[Any]]]:
    """Everyone with the learning rate and dropout that suit them, and steps for the training budget; and the grids."""
    terms = study.preset.terms
    found = {each.name: tune(each, study.corpus, terms, study.seed, study.out) for each in study.contenders}
    contenders = share_out([contender for contender, _ in found.values()], terms)
    return contenders, {name: grid for name, (_, grid) in found.items()}


def records_of(contender: Contender, study: Study) -> list[Record]:
    """A contender from every seed."""
    name, model = contender.name, contender.model
    sizes = f"vocabulary {model.vocab_size:,}, {model.hidden_size} hidden units"
    console.print(f"  {name}: {sizes}, learning rate {contender.schedule.learning_rate:g}, dropout {model.dropout:g}")
    return [
        once(study.out, f"{name}_seed{seed}", RECORD, partial(measure, contender, study, seed))
        for seed in study.seeds_of(name)
    ]


def measure(contender: Contender, study: Study, seed: int) -> Record:
    """Trains from one seed, or goes on with that, and reads the model."""
    begun, terms = time.perf_counter(), study.preset.terms
    run = trained(contender, study.corpus, terms, seed, study.out / f"{contender.name}_seed{seed}")
    readings = DIVERGED if run.diverged else read(run.trainer, study.exam, terms, seed)
    curve = [line._asdict() for line in run.lines if line.valid_bits_per_char is not None]
    speed = curve[-1]["chars"] / curve[-1]["seconds"] if curve else None
    seconds = run.seconds_before + time.perf_counter() - begun
    return {"seed": seed, "curve": curve, "train_chars_per_second": speed, "seconds": seconds, **readings}


def _costs(contender: Contender, study: Study) -> Record:
    checkpoints = study.out / f"{contender.name}_seed{study.seed}" / "checkpoints"
    return once(study.out, f"{contender.name}_costs", COSTS, lambda: costs(contender, checkpoints))


def _controlled(study: Study, rng: np.random.Generator) -> dict[str, list[Record]]:
    """Of the two that the lecture compares: how often they are right in the controlled language, by distance."""
    terms = study.preset.terms
    if not terms.controlled_chars:
        return {}
    toy = toy_of(terms)
    seeds = range(study.seed, study.seed + terms.controlled_seeds)
    names = [name for name in COMPARED if name in terms.contenders]
    right = {name: [_recalled(toy, name, seed, study) for seed in seeds] for name in names}
    finished = {name: [run for run in runs if run is not None] for name, runs in right.items()}
    return {name: controlled_rows(runs, toy.items, rng) for name, runs in finished.items() if runs}


def _recalled(toy: Toy, name: str, seed: int, study: Study) -> list[bool] | None:
    file = f"controlled_{name}_seed{seed}"
    found = once(study.out, file, RECALLED, lambda: {"right": recall(toy, name, seed, study.out / file)})
    return found["right"]


def _beside(first: Contender, study: Study) -> Record:
    """What no model has to be trained for."""
    if not study.preset.beside:
        return {"references": None}
    compared = once(study.out, "references", REFERENCES, lambda: references(study.corpus))
    sizes = once(study.out, "by_vocabulary", BY_VOCABULARY, lambda: by_vocabulary(first))
    return {"references": compared, **sizes}


def _inside(contenders: list[Contender], records: dict[str, list[Record]], study: Study) -> Record:
    """What a few models of the first seed make of a passage, and of the characters."""
    first = {each.name: records[each.name][0] for each in contenders if records[each.name][0]["learned"]}
    begin, end = study.exam.passage
    read = {name: first[name]["passage"] for name in COMPARED if name in first}
    maps = {name: first[name]["learned"]["map"] for name in ("char", "byte") if name in first}
    chars = study.preset.terms.direct_chars
    if "char" in first and chars:
        char = next(each for each in contenders if each.name == "char")
        found = once(study.out, "direct", DIRECT, lambda: {"map": _direct(char.direct(chars), study)})
        maps["char, direct"] = found["map"]
    return {
        "passage": {"text": study.corpus.test.read()[begin:end], "models": read},
        "embedding_map": {name: plane for name, plane in maps.items() if plane},
    }


def _direct(contender: Contender, study: Study) -> Record | None:
    run = trained(contender, study.corpus, study.preset.terms, study.seed, study.out / f"direct_seed{study.seed}")
    return None if run.diverged else learned(run.trainer, study.seed)["map"]


def seconds_of(study: Study) -> float:
    """About how long everything takes on this machine, from a few steps of each contender."""
    terms, steps = study.preset.terms, step_seconds(study.contenders)
    grid = len(terms.learning_rates) * len(terms.dropouts)
    total = 0.0
    for contender in study.contenders:
        seeds = len(study.seeds_of(contender.name))
        tuning = contender.trained_on(terms.tuning_chars).schedule.steps * grid if grid > 1 else 0
        trained_steps = contender.schedule.steps * seeds + tuning
        total += steps[contender.name]["estimate"] * trained_steps + READING_SECONDS * seeds
    return total
