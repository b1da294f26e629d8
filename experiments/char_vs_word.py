"""The lecture's claim 4, measured: characters against words, on one text, in bits per character of that text.

    python -m experiments.char_vs_word [--preset quick|standard] [--corpus NAME|PATH] [--cell lstm|gru|elman]

Trains a character-level and a word-level RNN language model with the same number of parameters (within 2 %) and on
the same number of training characters, and prints them side by side. Both tie their output weights to the
embedding, and learn through about the same span of characters. On a corpus with an open vocabulary the word model
spells the words that it does not know, so that both give a probability to the same raw text.

Hardware: two CPU cores. Time: `quick` at most 2 minutes, `standard` at most 10.
Expected: see the README.
"""

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from charrnn_jax.cells import CELLS
from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus, load
from charrnn_jax.model import LanguageModel, count_parameters
from charrnn_jax.sampling import Filters
from charrnn_jax.text.streams import fold_streams
from charrnn_jax.text.tokenizer import Kind, Tokenizer, train_tokenizer
from charrnn_jax.text.words import alphabetic_words, nonsense_rate
from experiments.fit import Point, Schedule, Trainer, require_lossless, train_to, write_samples
from experiments.report.curves import draw_curves
from experiments.report.table import comparison_table
from experiments.shell import (
    banner,
    command,
    console,
    environment,
    open_out,
    require_positive,
    require_seed,
    run,
    write_json,
)


@dataclass(frozen=True)
class Terms:
    """What is equal for both models."""

    parameters: int
    chars: int
    """Characters of training text, repeated passes counted."""
    pieces: int
    """The largest word vocabulary."""
    span: int = 128
    """Characters through which the gradient goes back."""
    batch_size: int = 32
    sample_chars: int = 1000
    samples: int = 8
    points: int = 8
    """Points of a learning curve."""
    curve_chars: int = 30_000
    """Characters of the validation text that each point is measured on."""


PRESETS = {
    "quick": Terms(parameters=400_000, chars=800_000, pieces=2_000, points=5),
    "standard": Terms(parameters=1_000_000, chars=5_000_000, pieces=6_000),
}


@dataclass(frozen=True)
class Config:
    """Characters against words on one text."""

    preset: Literal["quick", "standard"] = "standard"
    """quick: at most 2 minutes on two CPU cores; standard: at most 10."""
    corpus: str = "sotu"
    """sotu, tinyshakespeare, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
    data_dir: Path | None = None
    """Folder with the known corpora; without it they are downloaded."""
    cell: Literal["elman", "gru", "lstm"] = "lstm"
    seeds: int = 1
    """Runs of each model, from this many seeds."""
    seed: int = 0
    """The first seed."""
    learning_rate: float | None = None
    """4e-3 if not given, and 5e-4 for the elman cell, which diverges above."""
    batch_size: int | None = None
    """Streams of the character model and of the word model; the preset's if not given."""
    chars: int | None = None
    """Training characters; the preset's if not given."""
    out: Path = Path("runs/char_vs_word")
    """A new folder for results.json and the pictures."""


def main(config: Config) -> None:
    """Compares, prints, and writes."""
    begun = time.perf_counter()
    require_positive(seeds=config.seeds, learning_rate=_learning_rate(config))
    require_seed(config.seed, config.seed + config.seeds - 1)
    terms = _terms(config)
    corpus = load(config.corpus, config.data_dir)
    open_out(config.out)
    banner("Characters against words")
    sizes = {split: len(getattr(corpus, split)) for split in ("train", "valid", "test")}
    console.print(f"  corpus     {corpus.name}: " + ", ".join(f"{n:,} {s}" for s, n in sizes.items()) + " characters")
    console.print(f"  terms      {terms.parameters:,} parameters, {terms.chars:,} training characters\n")
    known = set(alphabetic_words(corpus.train + corpus.valid + corpus.test))
    word_kind: Kind = "closed_word" if corpus.closed_vocabulary else "word"
    models, curves = {}, {}
    kinds: dict[str, Kind] = {"char": "char", "word": word_kind}
    for name, kind in kinds.items():
        models[name], curves[name] = _study(name, kind, corpus, known, terms, config)
    draw_curves(curves, config.out / "learning_curves.png")
    results = {
        "schema": 1,
        "corpus": {"name": corpus.name, "sha256": corpus.sha256, "chars": sizes},
        "terms": asdict(terms),
        "models": models,
        "environment": environment(),
        "command": command(),
        "seconds": time.perf_counter() - begun,
    }
    write_json(config.out / "results.json", results)
    console.print()
    console.print(comparison_table(results))
    if corpus.valid is corpus.test:
        console.print(f"  {corpus.name} has no test part: test repeats validation.")
    for name, model in models.items():
        console.print(f"\n[bold]{name} model writes[/bold]")
        console.print(model["samples"][0][:400].strip(), markup=False)
    console.print(f"\nwrote {config.out}/results.json and learning_curves.png in {results['seconds']:.0f} s")


def _learning_rate(config: Config) -> float:
    if config.learning_rate is None:
        return 5e-4 if config.cell == "elman" else 4e-3
    return config.learning_rate


def _terms(config: Config) -> Terms:
    given = {"batch_size": config.batch_size, "chars": config.chars}
    given = {name: value for name, value in given.items() if value is not None}
    require_positive(**given)
    return Terms(**{**asdict(PRESETS[config.preset]), **given})


def _study(
    name: str, kind: Kind, corpus: Corpus, known: set[str], terms: Terms, config: Config
) -> tuple[dict[str, Any], list[list[Point]]]:
    """One kind of model, from every seed: what `results.json` says of it, and its learning curves."""
    tokenizer = train_tokenizer(kind, corpus.train, terms.pieces)
    require_lossless(tokenizer, corpus)
    model = solve_hidden_size(tokenizer.vocab_size, config.cell, terms.parameters)
    console.print(f"  {name}: vocabulary {tokenizer.vocab_size:,}, {model.hidden_size} hidden units")
    runs, curves = [], []
    for seed in range(config.seed, config.seed + config.seeds):
        record, curve = _run(name, model, tokenizer, corpus, known, terms, _learning_rate(config), seed)
        runs.append(record)
        curves.append(curve)
    counts = count_parameters(model)
    return {
        "vocab_size": tokenizer.vocab_size,
        "hidden_size": model.hidden_size,
        "parameters": {**counts._asdict(), "total": counts.total},
        "bytes": 4 * counts.total,
        "output_layer": {"rows": model.hidden_size, "columns": tokenizer.vocab_size, "tied": model.tied},
        "bits_per_char": {
            split: float(np.mean([r["bits_per_char"][split] for r in runs])) for split in ("valid", "test")
        },
        **{
            field: float(np.mean([r[field] for r in runs]))
            for field in ("train_chars_per_second", "nonsense_word_rate", "seconds")
        },
        "samples": [sample for r in runs for sample in r.pop("samples")],
        "seeds": runs,
    }, curves


def _run(
    name: str,
    model: LanguageModel,
    tokenizer: Tokenizer,
    corpus: Corpus,
    known: set[str],
    terms: Terms,
    learning_rate: float,
    seed: int,
) -> tuple[dict[str, Any], list[Point]]:
    """Trains one model from one seed and measures it."""
    begun = time.perf_counter()
    ids = tokenizer.encode(corpus.train)
    chars_per_token = len(corpus.train) / len(ids)
    length = max(1, round(terms.span / chars_per_token))
    windows = fold_streams(ids, tokenizer.start_id, terms.batch_size, length).windows
    steps = max(1, round(terms.chars / len(corpus.train) * windows))
    schedule = Schedule(steps, terms.batch_size, length, learning_rate)
    trainer = Trainer(model, tokenizer, corpus.train, schedule, seed)
    curve = train_to(trainer, corpus.valid[: terms.curve_chars], terms.points, name)
    scores = {split: trainer.evaluate(getattr(corpus, split)) for split in ("valid", "test")}
    tokens = round(terms.sample_chars / chars_per_token)
    samples = write_samples(model, tokenizer, trainer.state.params, seed, terms.samples, tokens, Filters())
    # A sample ends anywhere: its last word may not be whole.
    whole_words = "\n".join(re.sub(r"\S+\s*$", "", sample) for sample in samples)
    return {
        "seed": seed,
        "bits_per_char": {split: score.bits_per_char for split, score in scores.items()},
        "perplexity_per_token": {split: score.perplexity_per_token for split, score in scores.items()},
        "perplexity_per_word": {split: score.perplexity_per_word for split, score in scores.items()},
        "denominators": {split: score._asdict() for split, score in scores.items()},
        "train_chars_per_second": curve[-1].chars / curve[-1].seconds,
        "nonsense_word_rate": nonsense_rate(whole_words, known),
        "seconds": time.perf_counter() - begun,
        "curve": [point._asdict() for point in curve],
        "samples": samples,
    }, curve


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
        raise InputError(f"a vocabulary of {vocab_size:,} does not fit into {parameters:,} parameters")
    return best


if __name__ == "__main__":
    run(main, Config, __doc__)
