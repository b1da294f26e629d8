"""Scores any text with any checkpoint.

    python -m experiments.evaluate --run runs/mine --split test [--data-dir DIR]
    python -m experiments.evaluate --run runs/mine --text other.txt [--best] [--per-token surprisal.tsv]
        [--dynamic RATE] [--dynamic-decay D] [--dynamic-length T] [--dynamic-rms [--data-dir DIR]]
        [--cache WINDOW] [--cache-theta θ] [--cache-lambda λ]

Prints bits per character of the raw text and perplexities. With --per-token it also writes a line for each token:
the token in JSON, and its surprisal in bits. Hardware: any. Time: five seconds and, on two CPU cores, about one more
for each half million characters of a small model. Expected: with `--split test`, what the
run's results.json says.

--dynamic and --cache print one more figure each, behind the plain one: of a model that goes on learning from the text
(`charrnn_jax.dynamic_evaluation`), and of one that looks up what followed similar hidden states
(`charrnn_jax.neural_cache`). Both read the text as one contiguous stream (`experiments.adaptive`), which takes minutes
for a million characters. Choose their values on a validation text. Surprisals are always those of the plain model.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from charrnn_jax.errors import InputError
from charrnn_jax.io.text_file import open_text
from charrnn_jax.text.texts import Text
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.tokens import encode
from experiments import process
from experiments.adaptive import Extras, check, extra_scores
from experiments.run_folder import Kept, read_trained, text_of
from experiments.scorer import Scorer, require_lossless
from experiments.shell import banner, console, print_score, run


@dataclass(frozen=True, kw_only=True)
class Config(Extras):
    """A text, scored by a trained model."""

    text: Path | None = None
    """Any UTF-8 text."""
    split: Literal["valid", "test"] | None = None
    """Or, of the text that the run was trained on, this part."""
    data_dir: Path | None = None
    """The folder of the run's own text, if it is not where the run found it: for --split and --dynamic-rms."""
    run: Path = Path("runs/train")
    """The --out folder of experiments.train, or one checkpoint of it."""
    best: bool = False
    """Take the checkpoint with the best validation, not the last."""
    per_token: Path | None = None
    """A new file for the surprisal of each token, in bits."""


def main(config: Config) -> None:
    """Prints the score, and writes the surprisals where asked; then the figures beside it."""
    check(config)
    if config.per_token and config.per_token.exists():
        raise InputError(f"{config.per_token} exists: choose another --per-token, or remove it")
    if (config.text is None) == (config.split is None):
        raise InputError("there is one text to score: give either --text FILE or --split valid or test")
    if config.text and not config.text.is_file():
        raise InputError(f"{config.text} is no file: give the path of a text")
    if config.per_token and not config.per_token.parent.is_dir():
        raise InputError(f"{config.per_token.parent} is no folder: make it, or choose another --per-token")
    trained = read_trained(config.run, config.best, config.data_dir)
    model, tokenizer, params, kept = trained
    name, text = _text(config, kept)
    tokens = encode(tokenizer, text)
    require_lossless(tokenizer, text, name, "--split takes the run's own text as the run read it")
    banner(f"Scoring {name} at step {kept.found.step} of {config.run}", model.precision)
    scorer = Scorer(model, tokenizer)
    print_score("text", scorer.score(params, tokens))
    if config.per_token:
        part = config.per_token.with_name(f"{config.per_token.name}.part")
        write_surprisal(part, tokenizer, tokens.ids, scorer.surprisal(params, tokens))
        part.replace(config.per_token)
        console.print(f"\nwrote {config.per_token}\n", soft_wrap=True)
    for figure in extra_scores(config, trained, tokens):
        print_score(figure.name, figure.score)
        console.print(f"    {figure.rule}")


def _text(config: Config, kept: Kept) -> tuple[str, Text]:
    """What is scored, with its name. A part of the run's own text comes as it was read there: a corpus may strip what
    its files have around lines.
    """
    if config.text:
        return str(config.text), open_text(config.text)
    assert config.split
    corpus = text_of(kept.config, kept.corpus_sha256)
    return f"the {config.split} text of {corpus.name}", getattr(corpus, config.split)


def write_surprisal(path: Path, tokenizer: Tokenizer, ids: np.ndarray, nats: np.ndarray) -> None:
    """A line for each token."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("token\tbits\n")
        for i, cost in zip(ids, nats.tolist(), strict=True):
            file.write(f"{json.dumps(tokenizer.decode(i[None]))}\t{cost / math.log(2):.6f}\n")


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
