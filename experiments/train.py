"""Trains one language model on a text of one's own, and keeps it.

    python -m experiments.train --corpus my.txt --out runs/mine
    python -m experiments.train --resume runs/mine

Writes config.json, metrics.jsonl, checkpoints/ and results.json into --out. Ctrl-C and SIGTERM finish the step and
save. Hardware: two CPU cores. Time: the defaults take about three minutes on the default corpus. Expected: bits per
character on validation and test, falling towards the figures in the README.
"""

import shlex
import sys
from typing import Any, NamedTuple

import jax

from charrnn_jax.errors import InputError
from charrnn_jax.io.checkpoints import steps
from charrnn_jax.io.corpora import Corpus, load
from charrnn_jax.metrics import Score
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.tokenizer import Tokenizer, to_json, train_tokenizer
from charrnn_jax.text.tokens import Tokens
from experiments import process
from experiments.command_line import OF_A_START, command, command_of, continued, plain, read_config
from experiments.encoded import tokens_of
from experiments.environment import environment
from experiments.fit import Trainer
from experiments.journal import Line
from experiments.json_files import write_json
from experiments.loop import train
from experiments.meshes import described, spread_of
from experiments.pretrained import begin_with_vectors
from experiments.processes import Membership, joined, leads, require_same, require_shared, several, wait_for_all
from experiments.processes import check as check_processes
from experiments.recipes import recipe, table_of_recipes
from experiments.run_check import check, check_vocabulary
from experiments.run_config import Config, model_of, plan_of, schedule_of
from experiments.run_folder import Kept, load_params, load_state, locked, open_journal, read_run, require_run, text_of
from experiments.scorer import require_lossless
from experiments.shell import banner, console, open_out, print_score, print_whatever_the_terminal, refuse_used, run
from experiments.watch import watching

OWN = ("corpus", "data_dir", "store_dir")
"""Of several processes each may have its own: paths of one text."""
RESTORE = "restore it, or begin another run in a new folder with --out"


class Run(NamedTuple):
    """Everything that training needs."""

    config: Config
    corpus: Corpus
    sha256: str
    """Of the text as it was encoded."""
    tokens: dict[str, Tokens]
    """Of each split."""
    trainer: Trainer
    kept: Kept | None = None
    """What to go on from."""


def main(config: Config) -> None:
    """Trains, saves at every point, and scores the test text: alone, or as one of several processes."""
    told = Membership(config.distributed, config.coordinator, config.processes, config.process_id)
    check_processes(told)
    with joined(told):
        console.quiet = not leads()
        _train(config)


def _train(config: Config) -> None:
    require_same("the configuration", {name: value for name, value in plain(config).items() if name not in OWN})
    if config.resume:
        require_run(config.resume)
    made = None if config.resume else begun(config)  # nothing is written before everything fits
    if not config.resume and leads():
        open_out(config.out)
    require_shared(config.folder)
    with locked(config.folder):
        run = made or resumed(config)
        config, trainer = run.config, run.trainer
        wait_for_all("the run is read")
        journal = open_journal(config, trainer, run.sha256, run.kept)
        introduce(config, run.corpus, trainer)
        with watching():
            lines = train(trainer, run.tokens["valid"], plan_of(config), journal, config.tokenizer, config.seed)
            if config.patience:
                trainer.goes_on_from(load_state(read_run(config.out, "best"), trainer.state))
            finish(run, lines)


def begun(config: Config) -> Run:
    """A new run."""
    check(config)
    if leads():
        refuse_used(config.out, resumable=True)
    return fresh(config)


def fresh(config: Config) -> Run:
    """A run before its first step."""
    corpus = load(config.corpus, config.data_dir)
    tokenizer = train_tokenizer(config.tokenizer, corpus.train, config.pieces)
    run = _prepared(config, corpus, corpus.sha256, tokenizer)
    if config.init_from:
        run.trainer.goes_on_from(run.trainer.whole_state._replace(params=_weights(config, tokenizer)))
    if config.vectors:
        begin_with_vectors(config.vectors, run.trainer, run.tokens["train"])
    return run


def resumed(given: Config) -> Run:
    """The run in that folder, as it was when it was last saved; or from its beginning, if it was not yet."""
    assert given.resume
    kept = read_run(given.resume) if steps(given.resume / "checkpoints") else None
    stored = kept.config if kept else read_config(given.resume / "config.json", Config, RESTORE)
    config = continued(given, stored, free={"corpus", "data_dir", "store_dir", "tensorboard", "mesh", *OF_A_START})
    check(config)
    if kept is None:
        return fresh(config)
    corpus = text_of(config, kept.corpus_sha256)
    return _prepared(config, corpus, kept.corpus_sha256, kept.tokenizer, kept)


def _prepared(config: Config, corpus: Corpus, sha256: str, tokenizer: Tokenizer, kept: Kept | None = None) -> Run:
    """Reads the text for the last time: whoever changes it afterwards changes no figure."""
    check_vocabulary(config, tokenizer.vocab_size)
    tokens = {}
    for split in ("train", "valid", "test"):
        require_lossless(tokenizer, getattr(corpus, split), f"the {split} text of {corpus.name}")
        tokens[split] = tokens_of(corpus, split, tokenizer, config.store_dir)
    read = {"text": sha256, "tokenizer": to_json(tokenizer), "checkpoint": kept and kept.found.step}
    require_same("what is read", read)
    model, spread = model_of(config, tokenizer), spread_of(config.mesh)
    trainer = Trainer(model, tokenizer, tokens["train"], schedule_of(config), config.seed, spread)
    return Run(config, corpus, sha256, tokens, trainer, kept)


def introduce(config: Config, corpus: Corpus, trainer: Trainer) -> None:
    """Says what is trained, and from where."""
    model = trainer.model
    banner(f"Training on {corpus.name}", config.precision)
    console.print(f"  {model.num_layers} × {model.hidden_size} {model.cell}, vocabulary {model.vocab_size:,}")
    among = f" of {jax.process_count()} processes" if several() else ""
    console.print(f"  {count_parameters(model).total:,} parameters, mesh {described(trainer.mesh)}{among}")
    console.print(f"  from step {int(trainer.state.step)}\n")


def _weights(config: Config, tokenizer: Tokenizer) -> Any:
    """The parameters of another run, for a model of the same form that reads the same tokens."""
    assert config.init_from
    kept = read_run(config.init_from)
    if (model_of(kept.config, kept.tokenizer), kept.tokenizer) != (model_of(config, tokenizer), tokenizer):
        raise InputError(f"{config.init_from} has another model or tokenizer: repeat its flags, and use its text")
    return load_params(kept)


def finish(run: Run, lines: list[Line]) -> None:
    """Scores both held-out texts, and writes and prints what came out."""
    config, trainer = run.config, run.trainer
    scores = {split: trainer.evaluate(run.tokens[split]) for split in ("valid", "test")}
    results = {
        "schema": 2,
        "config": plain(config),
        "corpus": {"name": run.corpus.name, "sha256": run.sha256},
        "scores": {split: describe(score) for split, score in scores.items()},
        "step": int(trainer.state.step),
        "skipped": lines[-1].skipped,
        "curve": [line._asdict() for line in lines if line.valid_bits_per_char is not None],
        "environment": environment(config.precision),
        "command": command_of(config) if config.resume else command(),
    }
    ended = run.kept is not None and run.kept.found.step == config.steps  # before this process began
    if leads() and not (ended and (config.out / "results.json").exists()):
        write_json(config.out / "results.json", results)
    for split, score in scores.items():
        print_score(split, score)
    console.print(
        f"\nwrote {config.out}: python -m experiments.sample --run {shlex.quote(str(config.out))}", soft_wrap=True
    )


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
    if "--list-recipes" in sys.argv:
        print_whatever_the_terminal()
        console.print(table_of_recipes())
    else:
        run(main, Config, __doc__, named=recipe)
