"""What a comparison is told, and the preset that follows from it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from charrnn_jax.errors import InputError
from charrnn_jax.products import Precision
from experiments.shell import require_positive, require_seed
from experiments.study.presets import PRESETS, Preset
from experiments.study.terms import Budget, Size

ELMAN_LEARNING_RATE = 5e-4


@dataclass(frozen=True)
class Config:
    """Characters against words on one text."""

    preset: Literal["quick", "standard", "full"] = "standard"
    """quick: at most 2 minutes on two CPU cores; standard: at most 15; full: at most 4 hours."""
    corpus: str = "sotu"
    """sotu, tinyshakespeare, tinyshakespeare-rows, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
    data_dir: Path | None = None
    """Folder with the known corpora; without it they are downloaded."""
    contenders: str | None = None
    """Of char, word, byte, bpe1k, bpe4k, bpe16k and word_full, with commas between; the preset's if not given."""
    size: Size = "parameters"
    """What is equal of the models: parameters, or hidden units."""
    budget: Budget = "chars"
    """What is equal of their training: characters read, or floating-point operations."""
    cell: Literal["elman", "gru", "lstm"] = "lstm"
    """The recurrent cell of all models."""
    precision: Precision = "float32"
    """Of the operands of every product; all else is float32."""
    seeds: int | None = None
    """Runs of each model, from this many seeds; the preset's if not given."""
    seed: int = 0
    """The first seed."""
    learning_rate: float | None = None
    """For all, instead of the preset's, which the elman cell has lower: it diverges above 5e-4."""
    batch_size: int | None = None
    """Streams of every model; the preset's if not given."""
    parameters: int | None = None
    """Of each model; the preset's if not given."""
    chars: int | None = None
    """Training characters; the preset's if not given."""
    sample_chars: int | None = None
    """Characters that every model writes at each temperature; the preset's if not given."""
    dictionary: Path | None = None
    """Words that are not invented, one a line, beside those of the corpus; an English list if not given."""
    open: bool = False
    """Open the page in the browser at the end."""
    resume: Path | None = None
    """The folder of a comparison to go on with, where it stopped; --seeds may be more."""
    out: Path | None = None
    """A new folder for results.json, report.html and the runs; runs/char_vs_word-CORPUS-PRESET if not given."""

    @property
    def folder(self) -> Path:
        """Where the comparison is, or will be."""
        return self.resume or self.out or Path("runs") / f"char_vs_word-{Path(self.corpus).stem}-{self.preset}"


def preset_of(config: Config) -> Preset:
    """The preset, with what the command line says. Raises InputError for what no run can have."""
    preset = PRESETS[config.preset]
    rate = ELMAN_LEARNING_RATE if config.cell == "elman" else None
    rate = rate if config.learning_rate is None else config.learning_rate
    names = {} if config.contenders is None else {"contenders": _each_once(config.contenders)}
    given = {name: getattr(config, name) for name in ("batch_size", "parameters", "chars", "sample_chars")}
    given = {name: value for name, value in given.items() if value is not None}
    require_positive(**given, **({} if rate is None else {"learning_rate": rate}))
    rates = {} if rate is None else {"learning_rates": (rate,)}
    equal = {name: getattr(config, name) for name in ("size", "budget", "cell", "precision")}
    seeds = {} if config.seeds is None else {"seeds": config.seeds, "other_seeds": config.seeds}
    preset = preset._replace(terms=replace(preset.terms, **equal, **names, **given, **rates), **seeds)
    require_positive(seeds=preset.seeds)
    require_seed(config.seed, config.seed + preset.seeds - 1)
    return preset


def _each_once(contenders: str) -> tuple[str, ...]:
    names = tuple(contenders.split(","))
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--contenders has {name!r} twice: name each of them once")
    return names
