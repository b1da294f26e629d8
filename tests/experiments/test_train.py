import gc
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.model import init_params, init_state
from charrnn_jax.training import init_train_state
from experiments import run_folder, sample
from experiments.fit import Schedule, make_optimizer
from experiments.run_folder import Config
from experiments.train import main

# Orbax warns of its own plans, and leaves event loops open: both end with the test that used it.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _collected():
    yield
    gc.collect()


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Sunny days are the best days to go for a walk. " * 400)
    return str(path)


def config_of(text, out, **changes):
    sizes = {"hidden_size": 16, "embed_size": 8, "steps": 20, "batch_size": 4, "length": 16, "points": 2}
    return Config(corpus=text, out=out, **{**sizes, **changes})


def test_a_run_is_kept_and_sampled(tmp_path, text, capsys):
    main(config_of(text, tmp_path / "run"))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["curve"][-1]["step"] == 20
    sample.main(sample.Config(run=tmp_path / "run", prompt="Zürich 😀 ", tokens=10, count=2))
    assert capsys.readouterr().out.count("Zürich 😀 ") == 2
    with pytest.raises(InputError, match="holds another run"):
        main(config_of(text, tmp_path / "run"))


def test_a_resumed_run_is_bitwise_the_unbroken_one(tmp_path, text, monkeypatch):
    main(config_of(text, tmp_path / "whole", dropout=0.2))

    kept = run_folder.keep

    def keep_and_die(*arguments):
        kept(*arguments)
        if arguments[2]:
            raise KeyboardInterrupt

    monkeypatch.setattr("experiments.train.keep", keep_and_die)
    with pytest.raises(KeyboardInterrupt):
        main(config_of(text, tmp_path / "broken", dropout=0.2))
    monkeypatch.setattr("experiments.train.keep", kept)
    main(Config(out=tmp_path / "broken", resume=True))
    whole, broken = (_last_state(tmp_path / name) for name in ("whole", "broken"))
    jax.tree.map(np.testing.assert_array_equal, whole[0], broken[0])
    assert _without_seconds(whole[1]) == _without_seconds(broken[1])


def _last_state(out):
    config, _ = run_folder.read_config(out)
    model = run_folder.model_of(config, run_folder.read_tokenizer(out))
    schedule = Schedule(config.steps, config.batch_size, config.length, config.learning_rate)
    params = init_params(model, jax.random.key(9))
    template = init_train_state(params, make_optimizer(schedule), init_state(model, config.batch_size))
    return run_folder.last(out, template)


def _without_seconds(curve):
    return [{name: value for name, value in point.items() if name != "seconds"} for point in curve]


@pytest.fixture
def finished(tmp_path, text):
    main(config_of(text, tmp_path / "run"))
    return tmp_path / "run"


def test_resuming_a_finished_run_keeps_its_curve(finished):
    before = json.loads((finished / "results.json").read_text())["curve"]
    main(Config(out=finished, resume=True))
    assert json.loads((finished / "results.json").read_text())["curve"] == before


def test_resuming_refuses_another_text_and_other_flags(finished, text):
    with pytest.raises(InputError, match="--steps 8 is not what the run"):
        main(Config(out=finished, resume=True, steps=8))
    named = [sys.executable, "-m", "experiments.train", "--out", str(finished), "--resume", "--steps", "2000"]
    done = subprocess.run(named, capture_output=True, text=True, check=False)
    assert (done.returncode, "--steps 2000 is not what" in done.stderr) == (2, True)
    Path(text).write_text("Another text altogether. " * 900)
    with pytest.raises(InputError, match="not the text that the run"):
        main(Config(out=finished, resume=True))


@pytest.mark.parametrize("damage", ["truncated", "altered", "of another model"])
def test_a_damaged_checkpoint_is_said(finished, damage):
    if damage == "of another model":
        path = finished / "config.json"
        path.write_text(path.read_text().replace('"hidden_size": 16', '"hidden_size": 20'))
    for path in (finished / "checkpoints" / "20").rglob("*"):
        if path.is_file() and damage == "truncated":
            path.write_bytes(path.read_bytes()[:3])
        elif path.is_file() and damage == "altered":
            path.write_bytes(b"junk")
    with pytest.raises(InputError, match="damaged, or of another model"):
        sample.main(sample.Config(run=finished))


@pytest.mark.parametrize("content", ["{", "[]", '{"config": {}}', '{"corpus_sha256": "", "config": {"cell": "foo"}}'])
def test_a_damaged_configuration_is_said(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match="is damaged"):
        sample.main(sample.Config(run=tmp_path))


def test_a_curve_ahead_of_its_state_is_cut(tmp_path, text, monkeypatch):
    """The process ends between the curve and the checkpoint: the run goes on from the checkpoint before."""
    out, saved = tmp_path / "run", run_folder.checkpoints.save

    def save_or_die(folder, state):
        if int(state.step) == 20:
            raise KeyboardInterrupt
        saved(folder, state)

    monkeypatch.setattr("experiments.run_folder.checkpoints.save", save_or_die)
    with pytest.raises(KeyboardInterrupt):
        main(config_of(text, out))
    monkeypatch.undo()
    main(Config(out=out, resume=True))
    assert [point["step"] for point in json.loads((out / "results.json").read_text())["curve"]] == [10, 20]


def test_a_run_interrupted_before_its_first_point_begins_again(tmp_path, text, monkeypatch):
    out = tmp_path / "run"

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.train.train_to", interrupt)
    with pytest.raises(KeyboardInterrupt):
        main(config_of(text, out))
    monkeypatch.undo()
    main(Config(out=out, resume=True))
    assert json.loads((out / "results.json").read_text())["curve"][-1]["step"] == 20


@pytest.mark.parametrize("name", ["[b]u", "what?", "n\udcff"])
def test_a_folder_that_checkpoints_cannot_bear_is_refused(tmp_path, text, name):
    with pytest.raises(InputError, match="no checkpoint's folder may have"):
        main(config_of(text, tmp_path / name))


def test_a_closed_vocabulary_must_cover_the_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a b c\n" * 500 + "never seen\n" * 20)
    with pytest.raises(InputError, match="outside the closed vocabulary"):
        main(config_of(str(path), tmp_path / "run", tokenizer="closed_word"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "no-such-file"], "no corpus and no file"),
        (["--batch-size", "-1"], "--batch-size is -1 and must be above zero"),
        (["--corpus", "TEXT", "--batch-size", "1000"], "use --batch-size 264 or less"),
        (["--tied"], "--tied needs"),
        (["--cell", "transformer"], "invalid choice 'transformer'"),
        (["--stepz", "3"], "--stepz"),
        (["--steps", "many"], "--steps"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(tmp_path, text, arguments, message):
    arguments = [text if argument == "TEXT" else argument for argument in arguments]
    command = [sys.executable, "-m", "experiments.train", "--out", str(tmp_path / "out"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
