"""One contender of the comparison: a tokenizer with a model of the size that the terms allow, trained and measured."""

import re
import time
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from charrnn_jax.cells import CELLS
from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus
from charrnn_jax.model import LanguageModel, count_parameters
from charrnn_jax.products import Precision
from charrnn_jax.sampling import Filters
from charrnn_jax.text.streams import fold_streams
from charrnn_jax.text.tokenizer import Kind, Tokenizer, train_tokenizer
from charrnn_jax.text.words import nonsense_rate
from experiments.fit import Schedule, Trainer, require_lossless, train_to, write_samples


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


class Contender(NamedTuple):
    """A tokenizer, and the model that reads it."""

    name: str
    tokenizer: Tokenizer
    model: LanguageModel
    schedule: Schedule


def prepare(name: str, kind: Kind, corpus: Corpus, terms: Terms) -> Contender:
    """A tokenizer of that kind for the corpus, and a model of the size that is left to it."""
    tokenizer = train_tokenizer(kind, corpus.train, terms.pieces)
    require_lossless(tokenizer, corpus)
    model = solve_hidden_size(tokenizer.vocab_size, terms.cell, terms.parameters).clone(precision=terms.precision)
    return Contender(name, tokenizer, model, schedule_of(tokenizer, corpus.train.read(), terms))


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


def schedule_of(tokenizer: Tokenizer, text: str, terms: Terms) -> Schedule:
    """As many steps as read the characters that the terms allow, in windows of the span that they state."""
    ids = tokenizer.encode(text)
    length = max(1, round(terms.span * len(ids) / len(text)))
    windows = fold_streams(ids, tokenizer.start_id, terms.batch_size, length).windows
    return Schedule(max(1, round(terms.chars / len(text) * windows)), terms.batch_size, length, terms.learning_rate)


def measure(contender: Contender, corpus: Corpus, known: Set[str], terms: Terms, seed: int) -> dict[str, Any]:
    """Trains from one seed; the record of it. `known` are the words of the corpus."""
    begun = time.perf_counter()
    name, tokenizer, model, schedule = contender
    trainer = Trainer(model, tokenizer, corpus.train.read(), schedule, seed)
    curve = train_to(trainer, beginning(corpus.valid.read(), terms.curve_chars), terms.points, name)
    scores = {split: trainer.evaluate(getattr(corpus, split).read()) for split in ("valid", "test")}
    tokens = max(1, round(terms.sample_chars / trainer.chars_per_token))
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
        "bits_per_char": {
            split: _mean([record["bits_per_char"] for record in records], split) for split in ("valid", "test")
        },
        **means,
        "samples": [sample for record in records for sample in record["samples"]],
        "seeds": [{name: value for name, value in record.items() if name != "samples"} for record in records],
    }


def _mean(records: list[dict[str, Any]], name: str) -> float | None:
    """Over the records that have the figure; a sample without words, for one, has no rate of nonsense."""
    values = [record[name] for record in records if record[name] is not None]
    return float(np.mean(values)) if values else None
