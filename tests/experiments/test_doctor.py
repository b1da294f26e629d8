import os
import shutil
import subprocess
import sys

import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import KNOWN
from experiments import doctor, machine, self_check
from experiments.doctor import Config
from experiments.environment import processor
from experiments.self_check import Check
from tests.corpora_folder import FOLDER, needs_corpora

# Orbax warns of its own plans, and leaves event loops open.
pytestmark = pytest.mark.filterwarnings("default")


def said(config, capsys):
    """The exit code and what was printed, its lines joined."""
    try:
        doctor.main(config)
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    return code, " ".join(capsys.readouterr().out.split())


def test_it_runs_as_a_command_in_80_columns_and_leaves_nothing_behind(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "CHARRNN_DATA": ""}
    command = [sys.executable, "-m", "experiments.doctor", "--out", str(tmp_path / "a" / "b")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"All {len(self_check.all_checks(tmp_path, machine.find_corpora(tmp_path)))} checks are ok" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not (tmp_path / "a").exists()


def test_a_broken_check_is_reported_and_the_others_still_run(tmp_path, capsys, monkeypatch):
    def wrong():
        raise ValueError("two and two\nare five")

    checks = [Check("first", lambda: "", ""), Check("sums", wrong, "learn to add"), Check("last", lambda: "fine", "")]
    monkeypatch.setattr(doctor, "all_checks", lambda *_: checks)
    code, out = said(Config(out=tmp_path), capsys)
    assert code == 1
    assert "failed sums: ValueError: two and two are five. What to do: learn to add" in out
    assert "ok last fine" in out
    assert "1 of 3 checks failed" in out


def test_a_recurrence_that_computes_wrong_is_found(monkeypatch):
    def wrong(cell, layer, u, state):
        return self_check.scan(cell, layer, u * 1.001, state)

    assert self_check.recurrence("gru").startswith("within")
    monkeypatch.setattr(self_check, "fast_scan", wrong)
    with pytest.raises(AssertionError, match="they differ by"):
        self_check.recurrence("gru")


def test_a_state_that_comes_back_changed_is_found(tmp_path, monkeypatch):
    def forgetful(_, state):
        return state._replace(step=state.step + 1)

    monkeypatch.setattr(self_check, "_through_disk", forgetful)
    with pytest.raises(AssertionError, match="differ"):
        self_check.kept(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_processor_is_told_by_model_and_instructions(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    core = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu avx2 avx512f avx512_bf16\n"
    cpuinfo.write_text(f"processor\t: 0\n{core}\nprocessor\t: 1\n{core}")
    assert processor(cpuinfo) == "AMD EPYC 9R14 (family 25, model 17, AVX2, AVX-512, AVX-512 bfloat16)"
    assert processor(tmp_path / "none")


def test_without_devices_the_other_checks_are_left_out(tmp_path, capsys, monkeypatch):
    def none():
        raise RuntimeError("no such platform")

    monkeypatch.setattr("jax.devices", none)
    code, out = said(Config(out=tmp_path), capsys)
    assert code == 1
    assert "devices unknown (RuntimeError: no such platform)" in out
    assert "they were left out" in out


@needs_corpora
def test_corpora_are_found_in_a_folder_and_a_damaged_one_fails(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "all_checks", lambda _, corpora: [Check("c", lambda: self_check.whole(corpora), "")])
    shutil.copytree(FOLDER / "ptb", tmp_path / "ptb")
    code, out = said(Config(data_dir=tmp_path, out=tmp_path), capsys)
    assert code == 0
    assert "at hand: sotu, ptb in" in out
    assert machine.find_corpora(tmp_path)[:3] == (
        ("sotu", "ptb"),
        ("tinyshakespeare", "tinyshakespeare-rows", "wikitext-2", "text8", "enwik8"),
        (),
    )
    (tmp_path / "ptb" / "ptb.test.txt").write_text("another text")
    code, out = said(Config(data_dir=tmp_path, out=tmp_path), capsys)
    assert code == 1
    assert "ptb.test.txt has sha256" in out


def test_every_known_corpus_is_looked_for(tmp_path):
    found = machine.find_corpora(tmp_path)
    assert found.absent == tuple(machine.FILES)
    assert {*found.at_hand, *machine.FILES} == set(KNOWN)


def test_where_everything_is_missing_facts_say_so(tmp_path, monkeypatch):
    """No folder can be made below a file."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("CHARRNN_DATA", str(file / "corpora"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    lines = dict(machine.facts(file / "out", machine.find_corpora(None)))
    assert "cannot be written" in lines["output"]
    assert "at hand: none" in lines["corpora"]
    with pytest.raises(AssertionError, match="is no folder"):
        self_check.whole(machine.find_corpora(None))


def test_folders_that_cannot_be_are_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for config in (Config(data_dir=tmp_path / "missing"), Config(out=file), Config(out=file / "below")):
        with pytest.raises(InputError, match=r"is no folder|is a file"):
            doctor.main(config)
