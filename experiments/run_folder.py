"""The folder of one training run: how it is configured, and what its checkpoints tell of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
from filelock import FileLock, Timeout

from charrnn_jax.errors import InputError
from charrnn_jax.io.checkpoints import MANIFEST, Found, Which, find, load
from charrnn_jax.io.corpora import Corpus
from charrnn_jax.io.corpora import load as load_corpus
from charrnn_jax.model import LanguageModel
from charrnn_jax.optimisers import mean_or_last
from charrnn_jax.text.tokenizer import Tokenizer, from_json, to_json
from charrnn_jax.training import TrainState
from charrnn_jax.types import Params
from experiments.command_line import from_plain, plain, write_config
from experiments.fit import Trainer, shapes_of
from experiments.journal import Journal
from experiments.processes import leads
from experiments.run_check import check
from experiments.run_config import Config, model_of, schedule_of
from experiments.shell import LOCK, console

SCHEMA = 2


def about(config: Config, tokenizer: Tokenizer, corpus_sha256: str) -> dict[str, Any]:
    """What a checkpoint says beside its state: with it, a run goes on from the checkpoint alone."""
    return {
        "schema": SCHEMA,
        "config": plain(config),
        "corpus_sha256": corpus_sha256,
        "tokenizer": json.loads(to_json(tokenizer)),
        "devices": [device.platform for device in jax.devices()],
        "prng": {"implementation": str(jax.random.key_impl(jax.random.key(0))), "seed": config.seed},
    }


class Kept(NamedTuple):
    """A run as one of its checkpoints tells it."""

    config: Config
    tokenizer: Tokenizer
    corpus_sha256: str
    found: Found


def read_run(folder: Path, which: Which = "last") -> Kept:
    """The run in that folder, or of that one checkpoint. Says which checkpoints are damaged and left out.

    Raises InputError where there is none.
    """
    whole = (folder / MANIFEST).is_file()
    if not whole and not (folder / "checkpoints").is_dir():
        raise InputError(f"{folder} holds no training run: give the --out folder of experiments.train")
    found = find(folder if whole else folder / "checkpoints", which)
    for said in found.damaged:
        console.print(f"  {said}: going back to checkpoint {found.step}", style="bold", soft_wrap=True)
    stored = found.about
    try:
        if stored["schema"] != SCHEMA:
            raise InputError(f"{found.path} has schema {stored['schema']!r}, this version reads {SCHEMA}: train again")
        config = from_plain(Config, stored["config"])
        check(config)
        tokenizer = from_json(json.dumps(stored["tokenizer"]))
        return Kept(config, tokenizer, stored["corpus_sha256"], found)
    except (TypeError, KeyError) as error:
        raise InputError(f"{found.path} is of another version ({error}): train again") from None


def load_state(kept: Kept, where: TrainState | None = None) -> TrainState:
    """The train state of a run, in NumPy arrays; or on devices, as another state of the same model is."""
    return load(kept.found, shapes_of(model_of(kept.config, kept.tokenizer), schedule_of(kept.config)), where)


def load_params(kept: Kept) -> Params:
    """What a run has learned, in NumPy arrays: the mean of its parameters where they are averaged."""
    state = load_state(kept)
    return mean_or_last(state.params, state.opt_state)


class Trained(NamedTuple):
    """What a run has learned."""

    model: LanguageModel
    tokenizer: Tokenizer
    params: Params
    kept: Kept
    """What they were read from."""


def read_trained(folder: Path, best: bool, data_dir: Path | None = None) -> Trained:
    """The model of the last checkpoint of a run, or of the best; `data_dir` is where its text is now, if it moved."""
    kept = read_run(folder, "best" if best else "last")
    kept = kept._replace(config=replace(kept.config, data_dir=data_dir or kept.config.data_dir))
    return Trained(model_of(kept.config, kept.tokenizer), kept.tokenizer, load_params(kept), kept)


def text_of(config: Config, sha256: str) -> Corpus:
    """The text that a run was trained on. Raises InputError where it is another one now."""
    corpus = load_corpus(config.corpus, config.data_dir)
    if corpus.sha256 != sha256:
        raise InputError(f"{config.corpus} is not the text that the run was trained on: restore it")
    return corpus


def require_run(folder: Path) -> None:
    """Raises InputError for a folder that cannot be gone on with, before anything is written there."""
    if (folder / MANIFEST).is_file():
        raise InputError(f"{folder} is one checkpoint: give the folder of its run, two above, or --init-from")
    if not (folder / "config.json").is_file() and not (folder / "checkpoints").is_dir():
        raise InputError(f"{folder} holds no training run: give the --out folder of experiments.train")


def open_journal(config: Config, trainer: Trainer, corpus_sha256: str, kept: Kept | None) -> Journal:
    """The journal of a run in its folder; trainer and journal go on from what was kept, if anything was."""
    told = about(config, trainer.tokenizer, corpus_sha256)
    if kept:
        _compare(kept.found.about, told)
    if leads():
        write_config(config.out / "config.json", config)
    journal = Journal(config.out, told, config.keep, config.tensorboard, trainer.whole_shapes)
    if kept:
        trainer.goes_on_from(load_state(kept, trainer.state))
        journal.goes_on_from(kept.found)
    elif leads():
        (config.out / "metrics.jsonl").unlink(missing_ok=True)  # of a process that died before its first checkpoint
    return journal


def _compare(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises InputError where the same steps would draw other numbers; says where they may round otherwise."""
    if before["prng"] != now["prng"]:
        drawn = before["prng"]["implementation"]
        raise InputError(f"the run drew its numbers with {drawn}: set JAX_DEFAULT_PRNG_IMPL to that")
    if before["devices"] != now["devices"]:
        said = f"the run had {before['devices']} as devices and has {now['devices']} now: it goes on, not bit for bit"
        console.print(f"  {said}", style="bold", soft_wrap=True)
    if (mesh := before["config"]["mesh"]) != now["config"]["mesh"]:
        had = f"--mesh {mesh}" if mesh else "no --mesh"
        console.print(f"  the run had {had}: on another it goes on, not bit for bit", style="bold", soft_wrap=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, for this process alone, or with others that it leads. Raises InputError where another one is at
    work in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} holds no training run: give the --out folder of one")
    if not leads():
        yield
        return
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"another process is at work in {folder}: wait for it, or choose another --out") from None
    try:
        yield
    finally:
        lock.release()
