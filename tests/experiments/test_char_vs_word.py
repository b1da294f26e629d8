import json
import math
import random
import shutil
from dataclasses import replace

import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import load
from experiments.char_vs_word import agree, main
from experiments.fit import Trainer
from experiments.study.config import Config, preset_of
from experiments.study.presets import PRESETS
from experiments.study.terms import Terms

MODEL_FIELDS = {
    "vocab_size",
    "parameters",
    "bytes",
    "output_layer",
    "bits_per_char",
    "train_chars_per_second",
    "generation_chars_per_second",
    "nonsense_word_rate",
    "seconds",
    "samples",
    "seeds",
    "flops_per_char",
    "memory",
    "peak_bytes",
    "output_share",
    "nonsense",
    "context_use",
    "effective_context_chars",
    "closers",
    "agreement",
    "neighbours",
    "tuning",
    "chosen",
}


@pytest.fixture(autouse=True)
def _tiny():
    """Models and measures that take no time: what the measures say of a model is tested elsewhere."""
    quick = PRESETS["quick"]
    sizes = {"context_chars": 256, "closers": 2, "agreement_items": 4, "sample_chars": 400}
    PRESETS["quick"] = quick._replace(terms=replace(quick.terms, temperatures=(1.0,), **sizes))
    yield
    PRESETS["quick"] = quick


@pytest.fixture
def text(tmp_path):
    draw = random.Random(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "so", "did", "I"]
    path = tmp_path / "words.txt"
    path.write_text(" ".join(draw.choices(words, k=30_000)))
    return path


def small(text, out, **changes):
    return Config(**{"preset": "quick", "corpus": str(text), "cell": "elman", "chars": 20_000, "out": out, **changes})


def test_the_comparison_writes_results_that_compare(tmp_path, text):
    main(small(text, tmp_path / "out", seeds=2))
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results.keys() >= {"schema", "corpus", "models", "environment", "command"}
    assert results["schema"] == 2
    assert results["claims"].keys() == {"memory", "output_layer", "nonsense_words", "long_distance"}
    chars = [seed["curve"][-1]["chars"] for model in results["models"].values() for seed in model["seeds"]]
    assert max(chars) - min(chars) < 0.1 * 20_000  # one step of the small model reads that much
    assert (tmp_path / "out" / "learning_curves.png").stat().st_size > 1000
    for model in results["models"].values():
        assert model.keys() >= MODEL_FIELDS
        assert math.isclose(model["parameters"]["total"], 400_000, rel_tol=0.02)
        assert 0 < model["bits_per_char"]["test"]["low"] <= model["bits_per_char"]["test"]["high"] < 8
        assert len(model["seeds"]) == 2
        assert {seed["denominators"]["test"]["chars"] for seed in model["seeds"]} == {
            results["corpus"]["chars"]["test"]
        }


def test_a_comparison_cut_short_goes_on_in_the_middle_of_a_run(tmp_path, text, monkeypatch):
    main(small(text, tmp_path / "whole"))
    out, taken, take_step = tmp_path / "out", [], Trainer.take_step

    def take_step_or_die(trainer, n):
        if len(taken) == 7:
            raise KeyboardInterrupt  # as suddenly as a kill: nothing is saved
        taken.append(n)
        return take_step(trainer, n)

    monkeypatch.setattr(Trainer, "take_step", take_step_or_die)
    with pytest.raises(KeyboardInterrupt):
        main(small(text, out))
    monkeypatch.undo()
    assert taken == [0, 1, 2, 3, 4, 0, 1]
    with monkeypatch.context() as changed:
        changed.setitem(PRESETS, "quick", PRESETS["standard"])
        with pytest.raises(InputError, match="other terms"):
            main(Config(resume=out))
    with pytest.raises(InputError, match="--chars 30000 is not what the run"):
        main(Config(resume=out, chars=30_000))
    main(Config(resume=out))
    whole, broken = (
        json.loads((folder / "results.json").read_text())["models"] for folder in (tmp_path / "whole", out)
    )
    assert {name: model["bits_per_char"] for name, model in whole.items()} == {
        name: model["bits_per_char"] for name, model in broken.items()
    }
    assert whole["word"]["samples"] == broken["word"]["samples"]


def test_what_another_comparison_left_is_refused(tmp_path, text):
    out = tmp_path / "out"
    main(small(text, out))
    for name in ("writing_seconds.json", "step_seconds.json", "char_seed0.json"):
        (out / name).write_text("{}")
        with pytest.raises(InputError, match=rf"{name} is damaged \(it has no \w+\): remove it, and it is measured"):
            main(Config(resume=out))
        (out / name).unlink()
    main(small(text, tmp_path / "other", learning_rate=1e-3))
    shutil.rmtree(out / "char_seed0")
    shutil.copytree(tmp_path / "other" / "char_seed0", out / "char_seed0")
    with pytest.raises(InputError, match="a run of another comparison"):
        main(Config(resume=out))
    shutil.rmtree(out / "char_seed0")
    main(Config(resume=out))
    (out / "char_seed0.json").unlink()
    moved = text.rename(tmp_path / "moved.txt")
    main(Config(resume=out, corpus=str(moved)))
    text = moved
    text.write_text(text.read_text().replace("cat", "tac"))
    with pytest.raises(InputError, match="not the text"):
        main(Config(resume=out))


def test_seeds_can_be_added_to_a_comparison(tmp_path, text):
    out = tmp_path / "out"
    main(small(text, out))
    kept = (out / "char_seed0.json").read_text()
    main(Config(resume=out, seeds=2))
    assert (out / "char_seed0.json").read_text() == kept
    models = json.loads((out / "results.json").read_text())["models"]
    assert [len(model["seeds"]) for model in models.values()] == [2, 2]


def test_a_run_that_diverges_is_said_and_kept(tmp_path, text, capsys):
    out = tmp_path / "out"
    main(small(text, out, learning_rate=1e30))
    assert "diverged" in capsys.readouterr().out
    assert json.loads((out / "results.json").read_text())["models"]["char"]["bits_per_char"]["test"]["mean"] is None


def test_a_text_too_short_leaves_no_folder(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("A short text. " * 200)
    with pytest.raises(InputError, match="use --batch-size"):
        main(small(path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["none", "empty", "used"])
def test_there_must_be_a_comparison_to_go_on_with(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds no comparison .* begin one in a new folder with --out"):
        main(Config(resume=tmp_path / name))


@pytest.mark.parametrize("content", ["{", "{}", '{"config": {"preset": "huge"}}'])
def test_a_damaged_configuration_is_to_be_restored(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match="another --out") as refused:
        main(Config(out=tmp_path))
    assert f"--resume {tmp_path} goes on with it" in str(refused.value)
    with pytest.raises(InputError, match=r"config.json is .*: restore it, or begin another comparison in a new folder"):
        main(Config(resume=tmp_path))


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_what_was_agreed_is_to_be_restored(tmp_path, text, content):
    config, corpus = small(text, tmp_path), load(str(text))
    agree(tmp_path, config, corpus, Terms())
    (tmp_path / "agreed.json").unlink()
    if content is not None:
        (tmp_path / "agreed.json").write_text(content)
    with pytest.raises(InputError, match=r"agreed.json is .*: restore it, or begin another comparison"):
        agree(tmp_path, replace(config, resume=tmp_path), corpus, Terms())


def test_a_model_is_compared_once():
    with pytest.raises(InputError, match="--contenders has 'char' twice"):
        preset_of(Config(contenders="char,word,char"))


def test_a_text_without_words_has_no_rate_of_nonsense(tmp_path):
    path = tmp_path / "blank.txt"
    path.write_text(" \n\t" * 20_000)
    main(small(path, tmp_path / "out", chars=10_000))
    content = (tmp_path / "out" / "results.json").read_text()
    assert "NaN" not in content
    assert "Infinity" not in content
    assert json.loads(content)["models"]["char"]["nonsense_word_rate"] is None


def test_another_run_is_not_overwritten(tmp_path, text):
    (tmp_path / "results.json").write_text("mine")
    with pytest.raises(InputError, match="holds another run: choose another --out"):
        main(Config(corpus=str(text), out=tmp_path))
    assert (tmp_path / "results.json").read_text() == "mine"
