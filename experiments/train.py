"""Trains one language model on a text of one's own, and keeps it.

    python -m experiments.train --corpus my.txt --out runs/mine
    python -m experiments.train --out runs/mine --resume

Writes config.json, tokenizer.json, checkpoints/, curve.json and results.json into --out. Hardware: two CPU cores.
Time: the defaults take about three minutes on the default corpus. Expected: bits per character on validation and
test, falling towards the figures in the README.
"""

from typing import Any

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus, load
from charrnn_jax.metrics import Score
from charrnn_jax.model import count_parameters
from charrnn_jax.text.tokenizer import Tokenizer, train_tokenizer
from experiments import process
from experiments.fit import Point, Schedule, Trainer, require_lossless, train_to
from experiments.run_folder import Config, check, continued, keep, last, model_of, read_tokenizer, start
from experiments.shell import banner, command, console, environment, refuse_used, run, write_json


def main(config: Config) -> None:
    """Trains, saves at every point, and scores the test text."""
    config, trainer, corpus, before = resumed(config) if config.resume else begun(config)
    model = trainer.model
    banner(f"Training on {corpus.name}", config.precision)
    console.print(f"  {model.num_layers} × {model.hidden_size} {model.cell}, vocabulary {model.vocab_size:,}")
    console.print(f"  {count_parameters(model).total:,} parameters; from step {int(trainer.state.step)}\n")

    def keep_point(curve: list[Point]) -> None:
        keep(config.out, trainer.state, before + [point._asdict() for point in curve])

    seconds = before[-1]["seconds"] if before else 0.0
    curve = train_to(trainer, corpus.valid.read(), config.points, config.tokenizer, seconds, keep_point)
    finish(config, trainer, corpus, before + [point._asdict() for point in curve])


def finish(config: Config, trainer: Trainer, corpus: Corpus, curve: list[dict[str, Any]]) -> None:
    """Scores both held-out texts, and writes and prints what came out."""
    scores = {split: trainer.evaluate(getattr(corpus, split).read()) for split in ("valid", "test")}
    results = {
        "schema": 1,
        "corpus": {"name": corpus.name, "sha256": corpus.sha256},
        "scores": {split: describe(score) for split, score in scores.items()},
        "curve": curve,
        "environment": environment(config.precision),
        "command": command(),
    }
    write_json(config.out / "results.json", results)
    for split, score in scores.items():
        console.print(
            f"  {split}: {score.bits_per_char:.4f} bits/char, {score.nats / score.tokens:.4f} nats/token,\n"
            f"    perplexity {score.perplexity_per_token:.2f} per token, {score.perplexity_per_word:.1f} per word"
        )
    console.print(f"\nwrote {config.out}: python -m experiments.sample --run {config.out}", soft_wrap=True)


def begun(config: Config) -> tuple[Config, Trainer, Corpus, list[dict]]:
    """A new run: its folder is made once everything else has been found to fit."""
    check(config)
    refuse_used(config.out, "--resume goes on with it, or choose another --out")
    corpus = load(config.corpus, config.data_dir)
    tokenizer = train_tokenizer(config.tokenizer, corpus.train, config.pieces)
    trainer = _trainer(config, tokenizer, corpus)
    start(config, tokenizer, corpus.sha256)
    keep(config.out, trainer.state, [])
    return config, trainer, corpus, []


def resumed(given: Config) -> tuple[Config, Trainer, Corpus, list[dict]]:
    """The run in `--out`, as it was when it was last kept."""
    config, corpus_sha256 = continued(given)
    corpus = load(config.corpus, config.data_dir)
    if corpus.sha256 != corpus_sha256:
        raise InputError(f"{config.corpus} is not the text that the run in {config.out} began with: restore it")
    trainer = _trainer(config, read_tokenizer(config.out), corpus)
    trainer.state, before = last(config.out, trainer.state)
    return config, trainer, corpus, before


def _trainer(config: Config, tokenizer: Tokenizer, corpus: Corpus) -> Trainer:
    require_lossless(tokenizer, corpus)
    schedule = Schedule(config.steps, config.batch_size, config.length, config.learning_rate)
    return Trainer(model_of(config, tokenizer), tokenizer, corpus.train.read(), schedule, config.seed)


def describe(score: Score) -> dict[str, float]:
    """The figures of a score with their denominators."""
    return {
        **score._asdict(),
        "bits_per_char": score.bits_per_char,
        "nats_per_token": score.nats / score.tokens,
        "perplexity_per_token": score.perplexity_per_token,
        "perplexity_per_word": score.perplexity_per_word,
    }


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
