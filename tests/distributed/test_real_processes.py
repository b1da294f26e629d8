"""Real processes: `make test` has the short form, `make test-distributed` (CHARRNN_DISTRIBUTED=long) the long one."""

import json
import os
import random
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests.distributed.group import PATIENCE, devices, ended, run_group, start_group
from tests.faults.harness import SMALL, end_all, fingerprint, run, saved, signalled, start, text, wait_for

LONG = os.environ.get("CHARRNN_DISTRIBUTED") == "long"
KILLS = 10 if LONG else 1
MESHES = [(2, "data=2,vocab=2", "float32")]
"""Devices of each process, and how they are spread."""
if LONG:
    MESHES += [(1, "vocab=2", "float32"), (1, "data=2", "float32"), (2, "data=4", "float32")]
    MESHES += [(2, "data=1,vocab=4", "float32")]
    MESHES += [(4, "data=4,vocab=2", "float32"), (4, "data=2,vocab=4", "float32"), (4, "data=8", "float32")]
    MESHES += [(1, "data=2", "bfloat16"), (2, "data=2,vocab=2", "bfloat16")]
QUIET = ["--steps", 100, "--points", 2, "--report-every", 1, "--hidden-size", 24, "--embed-size", 8, "--batch-size", 8]
QUIET += ["--length", 12, "--drop-state", 0, "--tokenizer", "word", "--pieces", 43]
"""No noise, whose draws depend on the mesh; every step reported, and the last windows of a pass not even."""
ROOT = Path(__file__).parents[2]
GLOO = re.compile(r"\[Gloo\] Rank|is connected to|peer ranks\.|Expected number of connected|peer ranks is|[\d:\s]")
"""The pieces of what its threads write, each at any time."""
# Orbax leaves event loops open: they end with the test that used them.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _ended():
    yield
    end_all()


def nats(out):
    """Of each step; and the scores."""
    log = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return np.array([line["nats"] for line in log]), json.loads((out / "results.json").read_text())["scores"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same runs on one device, by precision."""
    folder = tmp_path_factory.mktemp("alone")
    flags = ["--corpus", text(folder), *QUIET, "--mesh", "data=1"]
    for precision in {precision for *_, precision in MESHES}:
        assert run("train", *flags, "--precision", precision, "--out", folder / precision).returncode == 0
    return folder


@pytest.mark.parametrize(("number", "mesh", "precision"), MESHES)
def test_two_processes_train_and_score_as_one_device(tmp_path, alone, number, mesh, precision):
    flags = ["--corpus", alone / "text.txt", *QUIET, "--mesh", mesh, "--precision", precision]
    (_, said, _), (_, other, _) = run_group(2, number, tmp_path / "out", *flags)
    assert f"{2 * number} × cpu:cpu" in said
    (banner,) = (line for line in said.splitlines() if "mesh data=" in line)
    assert all(axis in banner for axis in mesh.split(","))
    assert not GLOO.sub("", other), "one of them talks"
    (ours, scores), (expected, theirs) = nats(tmp_path / "out"), nats(alone / precision)
    tolerance = 1e-5 if precision == "float32" else 1e-3
    np.testing.assert_allclose(ours, expected, rtol=tolerance)
    assert len(ours) == 100
    assert scores["test"]["nats"] == pytest.approx(theirs["test"]["nats"], rel=tolerance)


@pytest.mark.parametrize(
    ("of_one", "message"),
    [
        (["--learning-rate", 0.5], "the configuration is not the same for all processes"),
        (["--corpus", "another.txt"], "what is read is not the same for all processes"),
    ],
)
def test_processes_that_were_told_different_things_train_nothing(tmp_path, monkeypatch, of_one, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "another.txt").write_text(text(tmp_path).read_text()[::-1])
    group = start_group(2, 1, "--corpus", "text.txt", *SMALL, "--out", tmp_path / "out", of_one=of_one)
    found = ended(group, PATIENCE)
    assert found[0][0] == 2, found
    assert f"error in process 0: {message}" in found[0][2]
    assert not list(tmp_path.glob("out/checkpoints/*"))


def test_a_run_that_loses_a_process_again_and_again_is_bitwise_the_unbroken_one(tmp_path):
    """At a random step after it has got further; whichever goes, the other ends by itself and says which."""
    draw, out, whole = random.Random(0), tmp_path / "killed", tmp_path / "whole"
    flags = ["--corpus", text(tmp_path), *SMALL, "--save-every", 10, "--steps", 120 + 20 * KILLS]
    flags += ["--mesh", "data=2,vocab=2"]
    run_group(2, 2, whole, *flags)
    group = start_group(2, 2, *flags, "--out", out)
    for kill in range(KILLS):
        goal, lost = max(0, saved(out)) + draw.randint(1, 12), (kill + 1) % 2
        wait_for(group[lost], lambda goal=goal: saved(out) >= goal)
        time.sleep(draw.uniform(0, 0.2))
        code, error = signalled(group[lost], signal.SIGKILL)
        assert code == -signal.SIGKILL, error
        ((code, _, error),) = ended([group[1 - lost]], PATIENCE)
        assert code not in (0, 2)
        assert ("error: process 1 is gone" if lost else "leader") in error
        group = start_group(2, 2, "--resume", out)
    assert [code for code, *_ in ended(group)] == [0, 0]
    assert fingerprint(out) == fingerprint(whole)


@pytest.mark.skipif(not LONG, reason="the long form: make test-distributed")
def test_a_process_that_freezes_is_named_and_the_others_end(tmp_path):
    out = tmp_path / "run"
    flags = ["--corpus", text(tmp_path), *SMALL, "--steps", 100_000, "--mesh", "data=2", "--out", out]
    group = start_group(2, 1, *flags)
    wait_for(group[1], lambda: saved(out) >= 5)
    group[1].send_signal(signal.SIGSTOP)
    ((code, _, error),) = ended(group[:1], PATIENCE)
    assert (code, "error: process 1 is gone or does not answer" in error) == (1, True), error


@pytest.mark.skipif(not LONG, reason="the long form: make test-distributed")
def test_whatever_a_run_can_do_two_processes_can(tmp_path):
    """What reads or changes a state between its steps: other weights, a mean, the best point, samples, vectors."""
    flags = ["--corpus", text(tmp_path), *SMALL, "--mesh", "vocab=2"]
    words, out = set((tmp_path / "text.txt").read_text().split()), tmp_path / "averaged"
    (tmp_path / "vectors.txt").write_text("".join(f"{word} {' 0.5' * 8}\n" for word in words))
    averaging = ["--patience", 2, "--optimizer", "sgd", "--learning-rate", 50, "--average-after", 1, "--points", 24]
    ((_, said, _), _) = run_group(2, 1, out, *flags, *averaging, "--sample-chars", 20)
    assert "no better validation" in said
    run_group(2, 1, tmp_path / "again", *flags, "--init-from", out, "--random-length", "--decay", "anneal")
    vectors = ["--tokenizer", "word", "--vectors", tmp_path / "vectors.txt", "--freeze-vectors", "--accumulate", 2]
    ((_, said, _), _) = run_group(2, 1, tmp_path / "frozen", *flags, *vectors)
    assert "vectors for the vocabulary: " in said


def test_of_a_cluster_that_jax_knows_a_signal_to_one_stops_all_after_the_same_step(tmp_path):
    """SLURM's variables, as srun sets them for two tasks on one host; then one process goes on alone."""
    out = tmp_path / "run"
    slurm = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    flags = ["--distributed", "--corpus", text(tmp_path), *SMALL, "--mesh", "vocab=2", "--out", out]
    tasks = [{**slurm, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i), **devices(1)} for i in range(2)]
    group = [start("train", *flags, "--steps", 100_000, **task) for task in tasks]
    wait_for(group[1], lambda: saved(out) >= 5)
    group[1].send_signal(signal.SIGTERM)
    (code, _, error), (other, _, too) = ended(group, PATIENCE)
    assert (code, other) == (143, 143)
    stopped = saved(out)
    for said in (error, too):
        assert f"stopped after step {stopped}, which is saved: --resume {out} goes on" in said
    alone = start("train", "--resume", out, "--mesh", "data=1")
    wait_for(alone, lambda: saved(out) >= stopped + 5)
    code, error = signalled(alone, signal.SIGTERM)
    assert (code, saved(out) >= stopped + 5) == (143, True), error
