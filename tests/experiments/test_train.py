import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from charrnn_jax.errors import InputError, TrainingError
from charrnn_jax.io.checkpoints import Writer
from charrnn_jax.text.streams import batch_at
from experiments import sample
from experiments.command_line import read_config
from experiments.fit import Trainer
from experiments.interruption import Interrupted
from experiments.run_config import Config
from experiments.run_folder import load_state, locked, read_run
from experiments.scorer import Scorer
from experiments.train import main
from tests.faults.harness import fingerprint, run

# Orbax warns of its own plans, and leaves event loops open: both end with the test that used it.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("collected")]


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("kind", "at"), [("char", 3), ("word", 10), ("char", 265)])
def test_a_run_stopped_and_resumed_is_bitwise_the_unbroken_one(tmp_path, text, monkeypatch, kind, at, number):
    """Inside a pass through the text, at a point, and where a pass ends."""
    changes = {"dropout": 0.2, "tokenizer": kind, "report_every": 4, "steps": 300 if at > 20 else 20, "sample_chars": 9}
    main(config_of(text, tmp_path / "whole", **changes))
    windows = interrupt(monkeypatch, at, number)
    with pytest.raises(Interrupted, match=f"stopped after step {at}, which is saved") as stopped:
        main(config_of(text, tmp_path / "broken", **changes))
    assert stopped.value.exit_code == 128 + number
    assert at != 265 or windows == [265]
    monkeypatch.undo()
    main(Config(resume=tmp_path / "broken"))
    assert fingerprint(tmp_path / "broken") == fingerprint(tmp_path / "whole")
    told = json.loads((tmp_path / "broken" / "results.json").read_text())["command"]
    assert "--resume" not in told
    assert f"--tokenizer {kind}" in told or kind == "char"
    assert f"--out {tmp_path / 'broken'}" in told


def interrupt(monkeypatch, at, number):
    """A signal during step `at - 1`, so that `at` steps are taken; notes how many windows make a pass."""
    take_step, windows = Trainer.take_step, []

    def take_step_and_signal(trainer, n):
        if n == at - 1:
            windows.append(trainer.streams.windows)
            os.kill(os.getpid(), number)
        return take_step(trainer, n)

    monkeypatch.setattr(Trainer, "take_step", take_step_and_signal)
    return windows


@pytest.fixture
def finished(tmp_path, text):
    main(config_of(text, tmp_path / "run"))
    return tmp_path / "run"


def test_the_log_has_a_line_for_every_report(tmp_path, text):
    main(config_of(text, tmp_path / "run", report_every=8, tensorboard=True))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [8, 10, 16, 20]
    assert [line["valid_bits_per_char"] is None for line in lines] == [True, False, True, False]
    for line in lines:
        assert line["bits_per_char"] == pytest.approx(line["nats"] / np.log(2))  # a token is a character
        assert min(line[name] for name in ("chars", "seconds", "learning_rate", "grad_norm", "chars_per_second")) > 0
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert all(name in events.read_bytes() for name in (b"nats", b"valid_bits_per_char", b"learning_rate"))


def test_tensorboard_of_a_resumed_run_has_every_line_once(tmp_path, text, monkeypatch):
    interrupt(monkeypatch, 9, signal.SIGTERM)
    with pytest.raises(Interrupted):
        main(config_of(text, tmp_path / "run", report_every=4, tensorboard=True))
    monkeypatch.undo()
    main(Config(resume=tmp_path / "run"))
    steps = []
    for file in sorted((tmp_path / "run" / "tensorboard").iterdir(), key=lambda file: file.stat().st_mtime_ns):
        for event in events_of(file):
            if event.session_log.status == event.session_log.START:
                steps = [step for step in steps if step < event.step]  # void, as TensorBoard has it
            steps += [event.step for value in event.summary.value if value.tag == "nats"]
    assert steps == [4, 8, 10, 12, 16, 20]


def events_of(file):
    """What TensorBoard reads: each record is its length, a checksum, the event, a checksum."""
    rest = file.read_bytes()
    while rest:
        end = 12 + int.from_bytes(rest[:8], "little")
        yield Event.FromString(rest[12:end])
        rest = rest[end + 4 :]


def test_resuming_a_finished_run_changes_nothing(finished):
    before, results = fingerprint(finished), (finished / "results.json").read_bytes()
    main(Config(resume=finished))
    assert fingerprint(finished) == before
    assert (finished / "results.json").read_bytes() == results


def test_resuming_refuses_another_text_and_other_flags(finished, text):
    with pytest.raises(InputError, match="--steps 8 is not what the run"):
        main(Config(resume=finished, steps=8))
    done = run("train", "--resume", finished, "--steps", "2000")
    assert (done.returncode, "--steps 2000 is not what" in done.stderr) == (2, True)
    Path(text).write_text("Another text altogether. " * 900)
    with pytest.raises(InputError, match="not the text that the run"):
        main(Config(resume=finished))


def test_the_configuration_written_runs_again(finished, tmp_path):
    main(Config(resume=finished))  # which leaves no trace in the configuration
    again = run("train", "--config", finished / "config.json", "--out", tmp_path / "again")
    assert again.returncode == 0, again.stderr
    one, two = fingerprint(finished), fingerprint(tmp_path / "again")
    assert one == two


def test_a_damaged_checkpoint_is_said_and_the_one_before_taken(finished, capsys):
    before = fingerprint(finished)
    (finished / "checkpoints" / "20" / "about.json").write_bytes(b"junk")
    main(Config(resume=finished))
    said = "checkpoint 20 is damaged (about.json has changed): going back to checkpoint 10"
    assert said in " ".join(capsys.readouterr().out.split())
    assert fingerprint(finished) == before


def test_weights_alone_can_be_taken_from_another_run(finished, text, tmp_path):
    main(config_of(text, tmp_path / "next", init_from=finished, steps=1, points=1, learning_rate=1e-9, seed=5))
    of = [load_state(read_run(folder)).params for folder in (finished, tmp_path / "next")]
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-7), *of)
    with pytest.raises(InputError, match="another model or tokenizer"):
        main(config_of(text, tmp_path / "other", init_from=finished, hidden_size=20))


def test_training_ends_where_validation_gets_no_better(tmp_path, text, monkeypatch):
    bits = iter([3.0, 2.0, 2.5, 2.6, 2.7, 2.8])
    evaluate = Trainer.evaluate
    monkeypatch.setattr(Trainer, "evaluate", lambda *arguments: evaluate(*arguments)._replace(nats=next(bits, 9.0)))
    main(config_of(text, tmp_path / "run", points=10, patience=2))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [point["step"] for point in results["curve"]] == [2, 4, 6, 8]
    assert results["step"] == 4  # the best one is scored


def test_numbers_gone_wrong_stop_the_run_before_they_are_saved(tmp_path, text, monkeypatch):
    spoil(monkeypatch, 13)
    said = r"at step 13 the loss is not finite, after .*; its first stream reads '.*checkpoint 12, which is good"
    with pytest.raises(TrainingError, match=said):
        main(config_of(text, tmp_path / "run", save_every=3))
    monkeypatch.undo()
    assert read_run(tmp_path / "run").found.step == 12
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(load_state(read_run(tmp_path / "run"))))


def test_numbers_gone_wrong_can_be_skipped(tmp_path, text, monkeypatch):
    spoil(monkeypatch, 13)
    main(config_of(text, tmp_path / "run", on_nonfinite="skip", report_every=5))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["skipped"] for line in lines] == [0, 0, 1, 1]
    assert all(0 < line["nats"] < 10 for line in lines)


def spoil(monkeypatch, at):
    """One batch that no loss is finite on."""

    def spoilt(streams, n):
        batch = batch_at(streams, n)
        return batch._replace(weights=batch.weights * np.float32("nan")) if n == at else batch

    monkeypatch.setattr("experiments.fit.batch_at", spoilt)


def test_a_run_whose_updates_are_all_left_out_ends(tmp_path, text):
    with pytest.raises(TrainingError, match="the parameters are not finite"):
        main(config_of(text, tmp_path / "run", on_nonfinite="skip", learning_rate=1e38))


def test_a_checkpoint_is_no_run_to_go_on_with_and_stays_whole(finished):
    with pytest.raises(InputError, match="is one checkpoint"):
        main(Config(resume=finished / "checkpoints" / "20"))
    assert read_run(finished / "checkpoints" / "20").found.damaged == ()


def test_a_run_killed_before_its_first_checkpoint_begins_again(finished, tmp_path):
    out = tmp_path / "killed"
    out.mkdir()
    (out / "config.json").write_text((finished / "config.json").read_text())
    (out / "metrics.jsonl").write_text((finished / "metrics.jsonl").read_text())
    main(Config(resume=out))
    assert fingerprint(out) == fingerprint(finished)


def test_a_text_that_changes_or_moves_meanwhile_changes_no_figure(tmp_path, text, monkeypatch):
    main(config_of(text, tmp_path / "whole"))
    take_step, original = Trainer.take_step, Path(text).read_text()

    def take_step_and_change(trainer, n):
        Path(text).write_text(original[::-1])
        return take_step(trainer, n)

    monkeypatch.setattr(Trainer, "take_step", take_step_and_change)
    main(config_of(text, tmp_path / "run"))
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")
    monkeypatch.undo()
    moved = tmp_path / "moved.txt"
    moved.write_text(original)
    main(Config(resume=tmp_path / "run", corpus=str(moved)))
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")


def test_a_validation_cut_short_is_taken_up(tmp_path, text, monkeypatch):
    main(config_of(text, tmp_path / "whole"))
    score = Scorer.score

    def score_and_signal(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return score(*arguments)

    monkeypatch.setattr(Scorer, "score", score_and_signal)
    with pytest.raises(Interrupted, match="stopped after step 10, which is saved"):
        main(config_of(text, tmp_path / "broken"))
    monkeypatch.undo()
    main(Config(resume=tmp_path / "broken"))
    assert fingerprint(tmp_path / "broken") == fingerprint(tmp_path / "whole")


def test_a_signal_while_the_last_checkpoint_is_written_waits_for_it(tmp_path, text, monkeypatch):
    wait, calls = Writer.wait, []

    def signal_and_wait(writer):
        calls.append(len(calls))
        if len(calls) == 4:  # three before the saves at 0, 10 and 20, one after the last of them
            os.kill(os.getpid(), signal.SIGTERM)
        wait(writer)

    monkeypatch.setattr(Writer, "wait", signal_and_wait)
    with pytest.raises(Interrupted, match="stopped after step 20, which is saved"):
        main(config_of(text, tmp_path / "run"))
    assert read_run(tmp_path / "run").found.step == 20


def test_another_kind_of_random_numbers_is_refused(finished, monkeypatch):
    monkeypatch.setattr("jax.random.key_impl", lambda _: "rbg")
    with pytest.raises(InputError, match="set JAX_DEFAULT_PRNG_IMPL"):
        main(Config(resume=finished))


def test_one_process_at_a_time(finished):
    with locked(finished), pytest.raises(InputError, match="another process is at work"):
        main(Config(resume=finished))


@pytest.mark.parametrize("content", ["{", "[]", '{"config": {}}', '{"config": {"cell": "foo"}}'])
def test_a_damaged_configuration_is_said(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"is damaged|is no configuration"):
        read_config(tmp_path / "config.json", Config)


def test_there_must_be_a_run_to_go_on_with(tmp_path):
    with pytest.raises(InputError, match="holds no training run"):
        main(Config(resume=tmp_path))
    with pytest.raises(InputError, match="holds no training run"):
        main(Config(resume=tmp_path / "nowhere"))


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
