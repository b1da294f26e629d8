"""The lecture's claim 4, measured: characters against words, on one text, in bits per character of that text.

    python -m experiments.char_vs_word [--preset quick|standard|full] [--corpus NAME|PATH] [--cell lstm|gru|elman]

Trains character-level and word-level RNN language models on equal terms (see `experiments.study.terms`), measures
what the lecture says of them, and writes results.json and report.html: the four claims, each with a verdict that
follows from an interval. All give a probability to the same raw text. `full` has more seeds, bytes and pieces of
words beside the two, and a grid of learning rates and dropouts. `--resume DIR` goes on with a comparison where it
stopped, or adds `--seeds`.

Hardware: two CPU cores. Time: `quick` at most 2 minutes, `standard` at most 15, `full` at most 4 hours.
Expected: see the README.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus, load
from charrnn_jax.products import Precision
from experiments import process
from experiments.command_line import command_of, continued, plain, read_config, write_config
from experiments.encoded import in_memory
from experiments.json_files import read_json, write_json
from experiments.report.table import comparison_table, verdicts
from experiments.report.writing import report_of, write_report
from experiments.run_folder import locked
from experiments.shell import (
    banner,
    console,
    environment,
    open_in_browser,
    refuse_used,
    require_positive,
    require_seed,
    run,
)
from experiments.study.contender import SPLITS, prepare
from experiments.study.presets import PRESETS, Preset
from experiments.study.study import Study, conduct, seconds_of, study_of
from experiments.study.terms import Budget, Size, Terms

ELMAN_LEARNING_RATE = 5e-4
CHANGED = {"corpus", "data_dir", "seeds", "open", "dictionary"}
"""What `--resume` may be told anew."""


@dataclass(frozen=True)
class Config:
    """Characters against words on one text."""

    preset: Literal["quick", "standard", "full"] = "standard"
    """quick: at most 2 minutes on two CPU cores; standard: at most 15; full: at most 4 hours."""
    corpus: str = "sotu"
    """sotu, tinyshakespeare, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
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


def main(config: Config) -> None:
    """Compares, prints, and writes."""
    if config.resume:
        if not (config.resume / "config.json").exists():
            raise InputError(f"{config.resume} holds no comparison to go on with: leave out --resume")
        stored = read_config(config.resume / "config.json", Config)
        config = continued(config, stored, free=CHANGED)
    preset, out = preset_of(config), config.folder
    if not config.resume:
        refuse_used(out, f"--resume {out} goes on with it, or choose another --out")
    banner("Characters against words", config.precision)
    corpus = in_memory(load(config.corpus, config.data_dir))
    introduce(corpus, preset)
    contenders = prepare(corpus, preset.terms)
    study = study_of(corpus, contenders, preset, config.seed, config.dictionary, out)
    if config.preset == "full":
        console.print(f"  estimate   {seconds_of(study) / 3600:.1f} hours on this machine, as it is now")
    console.print()
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        agree(out, config, corpus, preset.terms)
        conclude(out, config, study, conduct(study))


def introduce(corpus: Corpus, preset: Preset) -> None:
    """Says what is compared on what."""
    terms = preset.terms
    sizes = ", ".join(f"{n:,} {split}" for split, n in sizes_of(corpus).items())
    console.print(f"  corpus     {corpus.name}: {sizes} characters")
    console.print(f"  terms      equal {terms.size}, {terms.parameters:,} parameters; ", end="")
    console.print(f"equal {terms.budget}, {terms.chars:,} training characters")


def sizes_of(corpus: Corpus) -> dict[str, int]:
    """The characters of each split."""
    return {split: getattr(corpus, split).chars for split in SPLITS}


def preset_of(config: Config) -> Preset:
    """The preset, with what the command line says. Raises InputError for what no run can have."""
    preset = PRESETS[config.preset]
    rate = ELMAN_LEARNING_RATE if config.cell == "elman" else None
    rate = rate if config.learning_rate is None else config.learning_rate
    names = {} if config.contenders is None else {"contenders": tuple(config.contenders.split(","))}
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


def agree(out: Path, config: Config, corpus: Corpus, terms: Terms) -> None:
    """Writes what is compared, on which text and terms; with `--resume`, they must be those of before."""
    path, now = out / "agreed.json", {"sha256": corpus.sha256, "terms": repr(terms)}
    if not config.resume:
        write_json(path, now)
    before = read_json(path) if path.exists() else {}
    if before.get("sha256") != now["sha256"]:
        raise InputError(f"{config.corpus} is not the text that the comparison in {out} began with: restore it")
    if before != now:
        raise InputError(f"the comparison in {out} is of a version with other terms: begin another with --out")
    write_config(out / "config.json", config)


def conclude(out: Path, config: Config, study: Study, found: dict[str, Any]) -> None:
    """Writes and prints what came out."""
    corpus, terms = study.corpus, study.preset.terms
    about = {"name": corpus.name, "sha256": corpus.sha256, "chars": sizes_of(corpus)}
    results = {
        "schema": 2,
        "corpus": {**about, "documents": len(study.exam.borders)},
        "terms": asdict(terms),
        **found,
        "environment": environment(config.precision),
        "command": command_of(replace(config, resume=None, out=None, open=False)),
        "config": plain(config),
        "seconds": sum(record["seconds"] for model in found["models"].values() for record in model["seeds"]),
    }
    write_json(out / "results.json", results)
    results = read_json(out / "results.json")  # as `experiments.report` will have it
    write_report(report_of(results), out)
    show(results, repeats_valid=corpus.valid is corpus.test)
    console.print(f"\nwrote {out}/report.html, report.md, results.json and learning_curves.png", soft_wrap=True)
    if config.open:
        open_in_browser(out / "report.html")


def show(results: dict[str, Any], repeats_valid: bool) -> None:
    """The table, the beginning of a sample of each model, and the verdicts."""
    console.print()
    console.print(comparison_table(results))
    if repeats_valid:
        console.print(f"  {results['corpus']['name']} has no test part: test repeats validation.")
    for name, model in results["models"].items():
        console.print(f"\n{name} model writes", style="bold")
        console.print(model["samples"][0][:400].strip() if model["samples"] else "nothing: it diverged")
    console.print()
    console.print(verdicts(results))


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
