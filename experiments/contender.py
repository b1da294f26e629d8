"""One contender of the comparison: a tokenizer with a model of the size that the terms allow, trained and measured."""

import re
import time
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charrnn_jax.cells import CELLS
from charrnn_jax.errors import InputError, TrainingError
from charrnn_jax.io.checkpoints import steps
from charrnn_jax.io.corpora import Corpus
from charrnn_jax.model import LanguageModel, count_parameters
from charrnn_jax.products import Precision
from charrnn_jax.sampling import Filters
from charrnn_jax.text.streams import fold_streams
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import Kind, Tokenizer, train_tokenizer
from charrnn_jax.text.tokens import Tokens, encode
from charrnn_jax.text.words import nonsense_rate
from experiments.fit import Schedule, Trainer, require_lossless, write_samples
from experiments.loop import train
from experiments.run_config import Config, plan_of
from experiments.run_folder import Kept, open_journal, read_run
from experiments.shell import console


@dataclass(frozen=True)
class Terms:
    """What is equal for all contenders."""

    parameters: int
    chars: int
    """Characters of training text, repeated passes counted."""
    pieces: int
    """The largest word vocabulary."""
    cell: str = "lstm"
    precision: Precision = "float32"
    learning_rate: float = 4e-3
    span: int = 128
    """Characters through which the gradient goes back."""
    batch_size: int = 32
    sample_chars: int = 1000
    samples: int = 8
    points: int = 8
    """Points of a learning curve."""
    curve_chars: int = 30_000
    """Characters of the validation text that each point is measured on."""


SPLITS = ("valid", "test")
DIVERGED = {
    **dict.fromkeys(("bits_per_char", "perplexity_per_token", "perplexity_per_word"), dict.fromkeys(SPLITS)),
    "denominators": None,
    "nonsense_word_rate": None,
    "samples": [],
}
"""The figures of a run whose numbers were no numbers any more."""


RECORD = {"seed", *DIVERGED, "curve", "train_chars_per_second", "seconds"}
"""What is kept of a run."""


class Contender(NamedTuple):
    """A tokenizer, and the model that reads it."""

    name: str
    kind: Kind
    tokenizer: Tokenizer
    tokens: Tokens
    """Of the training text."""
    model: LanguageModel
    schedule: Schedule


def prepare(name: str, kind: Kind, corpus: Corpus, terms: Terms) -> Contender:
    """A tokenizer of that kind for the corpus, and a model of the size that is left to it."""
    tokenizer = train_tokenizer(kind, corpus.train, terms.pieces)
    for split in ("train", "valid", "test"):
        require_lossless(tokenizer, getattr(corpus, split), f"the {split} text of {corpus.name}")
    tokens = encode(tokenizer, corpus.train)
    model = solve_hidden_size(tokenizer.vocab_size, terms.cell, terms.parameters).clone(precision=terms.precision)
    return Contender(name, kind, tokenizer, tokens, model, schedule_of(tokens, tokenizer.start_id, terms))


def solve_hidden_size(vocab_size: int, cell: str, parameters: int) -> LanguageModel:
    """The tied one-layer model whose parameter count is closest to the budget.

    Raises InputError where none comes within 2 % of it.
    """

    def model_of(H: int) -> LanguageModel:
        return LanguageModel(vocab_size, H, H, cell=cell, tied=True)

    # (V + 2 G H) H, and smaller terms: the square root is close, its neighbours are tried.
    slope = 4 * CELLS[cell].gates
    guess = round((-vocab_size + (vocab_size**2 + 2 * slope * parameters) ** 0.5) / slope)
    candidates = [model_of(H) for H in range(max(1, guess - 2), guess + 3)]
    best = min(candidates, key=lambda m: abs(count_parameters(m).total - parameters))
    if abs(count_parameters(best).total - parameters) > 0.02 * parameters:
        sizes = f"a vocabulary of {vocab_size:,} does not fit into {parameters:,} parameters"
        raise InputError(f"{sizes}: use --preset standard, or a text with fewer symbols")
    return best


def schedule_of(tokens: Tokens, start_id: int, terms: Terms) -> Schedule:
    """As many steps as read the characters that the terms allow, in windows of the span that they state."""
    length = max(1, round(terms.span * len(tokens.ids) / tokens.chars))
    windows = fold_streams(tokens.ids, start_id, terms.batch_size, length).windows
    return Schedule(max(1, round(terms.chars / tokens.chars * windows)), terms.batch_size, length, terms.learning_rate)


def configured(contender: Contender, corpus: Corpus, terms: Terms, seed: int, out: Path) -> Config:
    """The run of a contender from one seed, as `experiments.train` would be told."""
    kind, model, schedule = contender.kind, contender.model, contender.schedule
    trained = {name: getattr(schedule, name) for name in ("steps", "batch_size", "length", "learning_rate")}
    sizes = {"embed_size": model.embed_size, "hidden_size": model.hidden_size, "tied": model.tied}
    chosen = {"cell": terms.cell, "precision": terms.precision, "pieces": terms.pieces, "points": terms.points}
    return Config(corpus.name, tokenizer=kind, **sizes, **chosen, **trained, seed=seed, keep=1, out=out)


def measure(
    contender: Contender, corpus: Corpus, known: Set[str], terms: Terms, seed: int, out: Path
) -> dict[str, Any]:
    """Trains from one seed, or goes on with the run in `out`; the record of it. `known`: the words of the corpus."""
    begun = time.perf_counter()
    config = configured(contender, corpus, terms, seed, out)
    tokenizer = contender.tokenizer
    trainer = Trainer(contender.model, tokenizer, contender.tokens, contender.schedule, seed)
    journal = open_journal(config, trainer, corpus.sha256, kept_of(config, tokenizer, corpus.sha256))
    seconds_before = journal.tally.seconds
    valid = encode(tokenizer, StringText(beginning(corpus.valid.read(), terms.curve_chars)))
    record: dict[str, Any] = {"seed": seed}
    try:
        lines = train(trainer, valid, plan_of(config), journal, contender.name, seed)
        record |= figures(trainer, corpus, known, terms, seed)
    except TrainingError as error:
        console.print(f"  {contender.name} diverged: {error}", soft_wrap=True)
        lines = journal.lines
        record |= DIVERGED
    curve = [line._asdict() for line in lines if line.valid_bits_per_char is not None]
    speed = curve[-1]["chars"] / curve[-1]["seconds"] if curve else None
    seconds = seconds_before + time.perf_counter() - begun
    return {**record, "curve": curve, "train_chars_per_second": speed, "seconds": seconds}


def kept_of(config: Config, tokenizer: Tokenizer, corpus_sha256: str) -> Kept | None:
    """What is in the folder of a contender's run, if anything is. Raises InputError for another run than this one."""
    if not steps(config.out / "checkpoints"):
        return None
    kept = read_run(config.out)
    moved = replace(kept.config, corpus=config.corpus, out=config.out)  # a text or folder may have another path now
    if (moved, kept.tokenizer, kept.corpus_sha256) != (config, tokenizer, corpus_sha256):
        raise InputError(f"{config.out} has a run of another comparison: remove it, or choose another --out")
    return kept


def figures(trainer: Trainer, corpus: Corpus, known: Set[str], terms: Terms, seed: int) -> dict[str, Any]:
    """What a trained contender is worth."""
    model, tokenizer = trainer.model, trainer.tokenizer
    scores = {split: trainer.evaluate(encode(tokenizer, getattr(corpus, split))) for split in SPLITS}
    tokens = max(1, round(terms.sample_chars / trainer.chars_per_token))
    samples = write_samples(model, tokenizer, trainer.state.params, seed, terms.samples, tokens, Filters())
    # A sample ends anywhere: its last word may not be whole.
    whole_words = "\n".join(re.sub(r"\S+\s*$", "", sample) for sample in samples)
    return {
        "bits_per_char": {split: score.bits_per_char for split, score in scores.items()},
        "perplexity_per_token": {split: score.perplexity_per_token for split, score in scores.items()},
        "perplexity_per_word": {split: score.perplexity_per_word for split, score in scores.items()},
        "denominators": {split: score._asdict() for split, score in scores.items()},
        "nonsense_word_rate": nonsense_rate(whole_words, known),
        "samples": samples,
    }


def beginning(text: str, chars: int) -> str:
    """Not more than so many characters, up to the last line break if there is one: no word is cut."""
    return text[: text.rfind("\n", 0, chars) + 1] or text[:chars]


def summary(contender: Contender, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What is true of a contender from every seed, the means over its seeds, and their records."""
    model, counts = contender.model, count_parameters(contender.model)
    means = {name: _mean(records, name) for name in ("train_chars_per_second", "nonsense_word_rate", "seconds")}
    return {
        "vocab_size": model.vocab_size,
        "hidden_size": model.hidden_size,
        "parameters": {**counts._asdict(), "total": counts.total},
        "bytes": 4 * counts.total,
        "output_layer": {"rows": model.hidden_size, "columns": model.vocab_size, "tied": model.tied},
        "bits_per_char": {split: _mean([record["bits_per_char"] for record in records], split) for split in SPLITS},
        **means,
        "samples": [sample for record in records for sample in record["samples"]],
        "seeds": [{name: value for name, value in record.items() if name != "samples"} for record in records],
    }


def _mean(records: list[dict[str, Any]], name: str) -> float | None:
    """Over the records that have the figure; a sample without words, for one, has no rate of nonsense."""
    values = [record[name] for record in records if record[name] is not None]
    return float(np.mean(values)) if values else None
