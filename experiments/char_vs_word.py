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

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus, load
from experiments import process
from experiments.command_line import command_of, continued, plain, read_config, write_config
from experiments.encoded import in_memory
from experiments.environment import environment
from experiments.json_files import read_json, write_json
from experiments.report.table import comparison_table, verdicts
from experiments.report.writing import report_of, write_report
from experiments.run_folder import locked
from experiments.shell import banner, console, open_in_browser, refuse_used, run
from experiments.study.config import Config, preset_of
from experiments.study.contender import SPLITS, prepare
from experiments.study.presets import Preset
from experiments.study.study import Study, conduct, seconds_of, study_of
from experiments.study.terms import Terms

CHANGED = {"corpus", "data_dir", "seeds", "open", "dictionary"}
"""What `--resume` may be told anew."""
RESTORE = "restore it, or begin another comparison in a new folder with --out"


def main(config: Config) -> None:
    """Compares, prints, and writes."""
    config = begun_before(config) if config.resume else config
    preset, out = preset_of(config), config.folder
    if not config.resume:
        refuse_used(out, resumable=True)
    banner("Characters against words", config.precision)
    corpus = in_memory(load(config.corpus, config.data_dir))
    introduce(corpus, preset)
    study = study_of(corpus, prepare(corpus, preset.terms), preset, config.seed, config.dictionary, out)
    if config.preset == "full":
        console.print(f"  estimate   {seconds_of(study) / 3600:.1f} hours on this machine, as it is now")
    console.print()
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        agree(out, config, corpus, preset.terms)
        conclude(out, config, study, conduct(study))


def begun_before(config: Config) -> Config:
    """The comparison in `--resume`, and what it is told anew. Raises InputError where there is none."""
    path = config.folder / "config.json"
    if not path.exists():
        advice = "give the folder of one, or begin one in a new folder with --out"
        raise InputError(f"{config.folder} holds no comparison to go on with: {advice}")
    return continued(config, read_config(path, Config, RESTORE), free=CHANGED)


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


def agree(out: Path, config: Config, corpus: Corpus, terms: Terms) -> None:
    """Writes what is compared, on which text and terms; with `--resume`, they must be those of before."""
    path, now = out / "agreed.json", {"sha256": corpus.sha256, "terms": repr(terms)}
    if not config.resume:
        write_json(path, now)
    if not path.exists():
        raise InputError(f"{path} is not there: {RESTORE}")
    before = read_json(path, {"sha256": str, "terms": str}, RESTORE)
    if before["sha256"] != now["sha256"]:
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
        "command": command_of(replace(config, out=None, open=False)),
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
