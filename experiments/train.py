"""Trains one language model on a text of one's own, and keeps it.

    python -m experiments.train --corpus my.txt --out runs/mine
    python -m experiments.train --resume runs/mine

Writes config.json, metrics.jsonl, checkpoints/ and results.json into --out. Ctrl-C and SIGTERM finish the step and
save. Hardware: two CPU cores. Time: the defaults take about three minutes on the default corpus. Expected: bits per
character on validation and test, falling towards the figures in the README.
"""

from typing import Any, NamedTuple

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus, load
from charrnn_jax.metrics import Score
from charrnn_jax.model import count_parameters
from charrnn_jax.text.tokenizer import Tokenizer, train_tokenizer
from experiments import process
from experiments.command_line import command, continued
from experiments.encoded import tokens_of
from experiments.fit import Trainer, require_lossless
from experiments.journal import Line
from experiments.json_files import write_json
from experiments.loop import train
from experiments.run_config import Config, check, model_of, plan_of, schedule_of
from experiments.run_folder import Kept, load_state, locked, open_journal, read_run
from experiments.shell import banner, console, environment, open_out, print_score, refuse_used, run


class Run(NamedTuple):
    """Everything that training needs."""

    config: Config
    corpus: Corpus
    trainer: Trainer
    kept: Kept | None = None
    """What to go on from."""


def main(config: Config) -> None:
    """Trains, saves at every point, and scores the test text."""
    made = None if config.resume else begun(config)  # nothing is written before everything fits
    with locked(config.folder if config.resume else open_out(config.out)):
        config, corpus, trainer, kept = made or resumed(config)
        journal = open_journal(config, trainer, corpus.sha256, kept)
        introduce(config, corpus, trainer)
        valid = tokens_of(corpus, "valid", trainer.tokenizer, config.store_dir)
        lines = train(trainer, valid, plan_of(config), journal, config.tokenizer, config.seed)
        if config.patience:
            trainer.goes_on_from(load_state(read_run(config.out, "best")))
        finish(config, trainer, corpus, lines)


def begun(config: Config) -> Run:
    """A new run."""
    check(config)
    refuse_used(config.out, f"--resume {config.out} goes on with it, or choose another --out")
    corpus = load(config.corpus, config.data_dir)
    tokenizer = train_tokenizer(config.tokenizer, corpus.train, config.pieces)
    trainer = _trainer(config, tokenizer, corpus)
    if config.init_from:
        trainer.goes_on_from(trainer.state._replace(params=_weights(config, tokenizer)))
    return Run(config, corpus, trainer)


def resumed(given: Config) -> Run:
    """The run in that folder, as it was when it was last saved."""
    assert given.resume
    kept = read_run(given.resume)
    config = continued(given, kept.config, free={"data_dir", "store_dir", "tensorboard"})
    corpus = load(config.corpus, config.data_dir)
    if corpus.sha256 != kept.corpus_sha256:
        raise InputError(f"{config.corpus} is not the text that the run in {config.out} began with: restore it")
    return Run(config, corpus, _trainer(config, kept.tokenizer, corpus), kept)


def introduce(config: Config, corpus: Corpus, trainer: Trainer) -> None:
    """Says what is trained, and from where."""
    model = trainer.model
    banner(f"Training on {corpus.name}", config.precision)
    console.print(f"  {model.num_layers} × {model.hidden_size} {model.cell}, vocabulary {model.vocab_size:,}")
    console.print(f"  {count_parameters(model).total:,} parameters; from step {int(trainer.state.step)}\n")


def _trainer(config: Config, tokenizer: Tokenizer, corpus: Corpus) -> Trainer:
    for split in ("train", "valid", "test"):
        require_lossless(tokenizer, getattr(corpus, split), f"the {split} text of {corpus.name}")
    tokens = tokens_of(corpus, "train", tokenizer, config.store_dir)
    return Trainer(model_of(config, tokenizer), tokenizer, tokens, schedule_of(config), config.seed)


def _weights(config: Config, tokenizer: Tokenizer) -> Any:
    """The parameters of another run, for a model of the same form that reads the same tokens."""
    assert config.init_from
    kept = read_run(config.init_from)
    if (model_of(kept.config, kept.tokenizer), kept.tokenizer) != (model_of(config, tokenizer), tokenizer):
        raise InputError(f"{config.init_from} has another model or tokenizer: repeat its flags, and use its text")
    return load_state(kept).params


def finish(config: Config, trainer: Trainer, corpus: Corpus, lines: list[Line]) -> None:
    """Scores both held-out texts, and writes and prints what came out."""
    held_out = {split: tokens_of(corpus, split, trainer.tokenizer, config.store_dir) for split in ("valid", "test")}
    scores = {split: trainer.evaluate(tokens) for split, tokens in held_out.items()}
    results = {
        "schema": 2,
        "corpus": {"name": corpus.name, "sha256": corpus.sha256},
        "scores": {split: describe(score) for split, score in scores.items()},
        "step": int(trainer.state.step),
        "curve": [line._asdict() for line in lines if line.valid_bits_per_char is not None],
        "environment": environment(config.precision),
        "command": command(),
    }
    write_json(config.out / "results.json", results)
    for split, score in scores.items():
        print_score(split, score)
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


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
