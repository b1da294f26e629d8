"""One contender of the study: prepared, tuned, and trained from a seed, going on where it stopped."""

import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from charrnn_jax.errors import InputError, TrainingError
from charrnn_jax.io.checkpoints import steps
from charrnn_jax.io.corpora import Corpus
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import Tokenizer, train_tokenizer
from charrnn_jax.text.tokens import encode
from experiments.fit import Trainer
from experiments.journal import Line
from experiments.json_files import Shape
from experiments.loop import train
from experiments.plan import validations
from experiments.run_config import Config, plan_of
from experiments.run_folder import Kept, open_journal, read_run
from experiments.scorer import require_lossless
from experiments.shell import console
from experiments.study.kept import once
from experiments.study.terms import Contender, Terms, contenders_of, form_of, share_out

SPLITS = ("train", "valid", "test")
TUNED: Shape = {"learning_rate": float, "dropout": float, "valid_bits_per_char": float | None}


class Run(NamedTuple):
    """A contender after training."""

    trainer: Trainer
    lines: list[Line]
    diverged: str
    """Why its numbers were no numbers any more, or nothing."""
    seconds_before: float
    """In training steps, before the run was gone on with."""


def prepare(corpus: Corpus, terms: Terms) -> list[Contender]:
    """Everyone that the terms name, with a tokenizer for the corpus and a model of the size that is left to it.

    A closed vocabulary is full already: `word_full` would be `word` once more, and is left out.
    """
    names = [name for name in terms.contenders if not (corpus.closed_vocabulary and name == "word_full")]
    forms = {name: form_of(name, corpus.closed_vocabulary, terms) for name in names}
    tokenizers = {name: train_tokenizer(form.kind, corpus.train, form.pieces) for name, form in forms.items()}
    for tokenizer in tokenizers.values():
        for split in SPLITS:
            require_lossless(tokenizer, getattr(corpus, split), f"the {split} text of {corpus.name}")
    tokens = {name: encode(tokenizer, corpus.train) for name, tokenizer in tokenizers.items()}
    return share_out(contenders_of(forms, tokenizers, tokens, terms), terms)


def tune(contender: Contender, corpus: Corpus, terms: Terms, seed: int, out: Path) -> tuple[Contender, list[Any]]:
    """The contender with the learning rate and dropout that a short training from one seed likes best, and the grid.

    The grid is the same for everyone, and so is the text on which it is judged: the beginning of validation.
    """
    grid = list(product(terms.learning_rates, terms.dropouts))
    if len(grid) == 1:
        return contender.tuned(*grid[0]), []
    found = [_tried(contender.tuned(*point), corpus, terms, seed, out) for point in grid]
    best = min(found, key=lambda tried: _or_infinite(tried["valid_bits_per_char"]))
    return contender.tuned(best["learning_rate"], best["dropout"]), found


def _tried(contender: Contender, corpus: Corpus, terms: Terms, seed: int, out: Path) -> dict[str, Any]:
    rate, dropout = contender.schedule.learning_rate, contender.model.dropout
    name = f"{contender.name}_tuning_{rate:g}_{dropout:g}"

    def find() -> dict[str, Any]:
        short = contender.trained_on(terms.tuning_chars)
        bits = validations(trained(short, corpus, replace(terms, points=1), seed, out / name).lines)
        return {"learning_rate": rate, "dropout": dropout, "valid_bits_per_char": bits[-1] if bits else None}

    tried = once(out, name, TUNED, find)
    shutil.rmtree(out / name, ignore_errors=True)
    return tried


def _or_infinite(bits: float | None) -> float:
    return float("inf") if bits is None else bits


def trained(contender: Contender, corpus: Corpus, terms: Terms, seed: int, out: Path) -> Run:
    """Trains from one seed, or goes on with the run in `out`."""
    out.mkdir(exist_ok=True)
    config = configured(contender, corpus, terms, seed, out)
    tokenizer, sha256 = contender.tokenizer, corpus.sha256
    trainer = Trainer(contender.model, tokenizer, contender.tokens, contender.schedule, seed)
    journal = open_journal(config, trainer, sha256, _kept_of(config, tokenizer, sha256))
    before = journal.tally.seconds
    valid = encode(tokenizer, StringText(beginning(corpus.valid.read(), terms.curve_chars)))
    try:
        return Run(trainer, train(trainer, valid, plan_of(config), journal, contender.name, seed), "", before)
    except TrainingError as error:
        console.print(f"  {contender.name} diverged: {error}", soft_wrap=True)
        return Run(trainer, journal.lines, str(error), before)


def configured(contender: Contender, corpus: Corpus, terms: Terms, seed: int, out: Path) -> Config:
    """The run of a contender from one seed, as `experiments.train` would be told."""
    form, model, schedule = contender.form, contender.model, contender.schedule
    names = ("steps", "batch_size", "length", "learning_rate")
    shared = {name: getattr(schedule, name) for name in names}
    shared |= {name: getattr(model, name) for name in ("embed_size", "hidden_size", "tied", "dropout", "input_mode")}
    chosen = {"cell": terms.cell, "precision": terms.precision, "pieces": form.pieces, "points": terms.points}
    return Config(corpus.name, tokenizer=form.kind, **shared, **chosen, seed=seed, keep=1, out=out)


def _kept_of(config: Config, tokenizer: Tokenizer, corpus_sha256: str) -> Kept | None:
    """What is in the folder of a contender's run, if anything is. Raises InputError for another run than this one."""
    if not steps(config.out / "checkpoints"):
        return None
    kept = read_run(config.out)
    moved = replace(kept.config, corpus=config.corpus, out=config.out)  # a text or folder may have another path now
    if (moved, kept.tokenizer, kept.corpus_sha256) != (config, tokenizer, corpus_sha256):
        raise InputError(f"{config.out} has a run of another comparison: remove it, and it is trained again")
    return kept


def beginning(text: str, chars: int) -> str:
    """Not more than so many characters, up to the last line break if there is one: no word is cut."""
    return text[: text.rfind("\n", 0, chars) + 1] or text[:chars]
