"""Training under fire: `make test` has the short form, `make test-faults` (CHARRNN_FAULTS=long) the long one."""

import json
import os
import random
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest

from charrnn_jax.io import checkpoints
from tests.faults.harness import SMALL, end_all, fingerprint, run, saved, signalled, start, text, wait_for

LONG = os.environ.get("CHARRNN_FAULTS") == "long"
KILLS = 50 if LONG else 3
# Orbax leaves event loops open: they end with the test that used them.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _ended():
    yield
    end_all()


def flags(folder, kind="char", seed=0):
    return ["--corpus", text(folder), "--tokenizer", kind, "--seed", seed, *SMALL]


def test_a_run_that_is_killed_again_and_again_is_bitwise_the_unbroken_one(tmp_path, record_property):
    draw, kills, in_a_save, run_number = random.Random(0), 0, 0, 0
    while kills < KILLS:
        given = flags(tmp_path, ["word", "char"][run_number % 2], run_number)
        whole, out = tmp_path / f"whole{run_number}", tmp_path / f"killed{run_number}"
        assert run("train", *given, "--out", whole).returncode == 0
        process = start("train", *given, "--out", out)
        while kills < KILLS and (killed := kill(process, out, draw)) is not None:
            kills, in_a_save = kills + 1, in_a_save + killed
            process = start("train", "--resume", out)
        process.communicate(timeout=120)
        assert fingerprint(out) == fingerprint(whole)
        run_number += 1
    record_property("kills survived", kills)
    record_property("kills in the middle of a save survived", in_a_save)


def kill(process, out, draw):
    """SIGKILL somewhere in the next thirty steps, or while one of them is saved; whether it was in a save.

    None where the process came to its end.
    """
    goal = saved(out) + draw.randint(1, 30)
    wait_for(process, lambda: saved(out) >= goal)
    if draw.random() < 0.5:
        wait_for(process, lambda: any((out / "checkpoints").glob("*.part")))
    code, error = signalled(process, signal.SIGKILL)
    if code == 0:
        return None
    assert code == -signal.SIGKILL, error
    return any((out / "checkpoints").glob("*.part"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(tmp_path, number, code, record_property):
    out = tmp_path / "run"
    process = start("train", *flags(tmp_path), "--out", out, "--steps", 100_000)
    wait_for(process, lambda: saved(out) >= 10)
    exit_code, said = signalled(process, number)
    assert exit_code == code
    assert f"stopped after step {saved(out)}, which is saved: --resume {out} goes on" in said
    assert checkpoints.find(out / "checkpoints").damaged == ()
    record_property("signals obeyed", 1)


def test_a_second_ctrl_c_leaves_at_once_and_the_last_checkpoint_is_whole(tmp_path, record_property):
    out = tmp_path / "run"
    process = start("train", *flags(tmp_path), "--out", out, "--steps", 100_000, "--save-every", 1)
    wait_for(process, lambda: saved(out) >= 10)
    exit_code, _ = signalled(process, signal.SIGINT, signal.SIGINT)
    assert exit_code == 130
    assert checkpoints.find(out / "checkpoints").damaged == ()
    record_property("signals obeyed", 2)


def test_a_comparison_that_is_killed_goes_on_where_it_stood(tmp_path, record_property):
    given = [
        "--preset",
        "quick",
        "--corpus",
        text(tmp_path),
        "--cell",
        "elman",
        "--chars",
        60_000,
        "--batch-size",
        8,
        "--sample-chars",
        2_000,
    ]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run("char_vs_word", *given, "--out", whole).returncode == 0
    process = start("char_vs_word", *given, "--out", out)
    for name in ("char_seed0", "word_seed0"):
        wait_for(process, lambda name=name: saved(out / name) > 0)
        code, _ = signalled(process, signal.SIGKILL)
        assert code == -signal.SIGKILL
        process = start("char_vs_word", "--resume", out)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert "char vocabulary" not in output
    one, two = (json.loads((folder / "results.json").read_text())["models"] for folder in (whole, out))
    for name in one:
        for figure in ("bits_per_char", "samples", "nonsense_word_rate"):
            assert one[name][figure] == two[name][figure]
    record_property("kills survived", 2)


def test_two_processes_on_one_folder(tmp_path):
    out = tmp_path / "run"
    process = start("train", *flags(tmp_path), "--out", out, "--steps", 100_000)
    wait_for(process, lambda: saved(out) >= 5)
    second = run("train", "--resume", out)
    assert (second.returncode, "another process is at work" in second.stderr) == (2, True)
    assert signalled(process, signal.SIGTERM)[0] == 143


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=False)
    if mounted.returncode:
        pytest.skip("mounting a file system needs more rights")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount here")
def test_a_full_disk_ends_in_one_line_and_loses_nothing(tmp_path, record_property):
    assert run("train", *flags(tmp_path), "--out", tmp_path / "whole").returncode == 0
    with small_disk(tmp_path / "disk", "400k") as disk:
        out = disk / "run"
        ends_in_one_line(start("train", *flags(tmp_path), "--out", out), "No space left on device")
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert run("train", "--resume", out).returncode == 0
        assert fingerprint(out) == fingerprint(tmp_path / "whole")
    record_property("full, read-only and removed folders survived", 1)


def test_a_folder_that_becomes_read_only_ends_in_one_line_and_loses_nothing(tmp_path, record_property):
    out = tmp_path / "run"
    assert run("train", *flags(tmp_path), "--out", tmp_path / "whole").returncode == 0
    process = start("train", *flags(tmp_path), "--out", out)
    wait_for(process, lambda: saved(out) >= 10)
    read_only(out / "checkpoints", True)
    ends_in_one_line(process, "Permission denied" if os.geteuid() else "Operation not permitted")
    read_only(out / "checkpoints", False)
    assert run("train", "--resume", out).returncode == 0
    assert fingerprint(out) == fingerprint(tmp_path / "whole")
    record_property("full, read-only and removed folders survived", 1)


def read_only(folder, so):
    """Permissions are no obstacle to root."""
    if os.geteuid():
        folder.chmod(0o555 if so else 0o755)
    elif subprocess.run(["chattr", "+i" if so else "-i", folder], check=False).returncode:
        pytest.skip("this file system knows no immutable folders")


def ends_in_one_line(process, reason):
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    assert len(error.strip().splitlines()) == 1, error
    assert reason in error


def test_a_folder_that_is_removed_ends_in_one_line(tmp_path, record_property):
    out = tmp_path / "run"
    process = start("train", *flags(tmp_path), "--out", out, "--steps", 100_000)
    wait_for(process, lambda: saved(out) >= 10)
    out.rename(tmp_path / "elsewhere")
    ends_in_one_line(process, "No such file or directory")
    assert not out.exists()
    assert checkpoints.find(tmp_path / "elsewhere" / "checkpoints").damaged == ()
    record_property("full, read-only and removed folders survived", 1)
