import importlib
import json
import math
import sys

import pytest

from charrnn_jax.errors import InputError
from experiments import process, speed
from experiments.peers.work import SIZES, Size, Work, window_of
from experiments.process import TUNABLES, prepare, settings

TINY = Size(V=7, E=4, H=5, L=2, B=4, T=6)
PEERS = {"ours": "jax", "naive": "jax", "flax": "flax", "haiku": "haiku", "torch": "torch"}


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
@pytest.mark.parametrize(("program", "package"), PEERS.items())
def test_every_program_starts_at_chance_and_learns(program, package, cell):
    pytest.importorskip(package)
    step = importlib.import_module(f"experiments.peers.{program}").make_step(Work(cell, TINY, "float32"))
    losses = [step() for _ in range(60)]
    assert losses[0] == pytest.approx(math.log(TINY.V), abs=0.8)
    assert losses[-1] < losses[0]


def test_all_read_the_same_window():
    inputs, targets = window_of(TINY)
    assert inputs.shape == targets.shape == (TINY.T, TINY.B)
    assert (inputs[1:] == targets[:-1]).all()


def test_the_work_of_a_step_is_six_operations_a_weight_and_token():
    assert speed.flops("lstm", SIZES["S"]) == 6 * 64 * 64 * ((64 + 128) * 4 * 128 + 128 * 65)
    assert speed.flops("elman", TINY) == 6 * 24 * ((4 + 5) * 5 + (5 + 5) * 5 + 5 * 7)


def test_bfloat16_is_measured_against_our_own_float32():
    assert set(speed.programs_for("gru", "bfloat16")) - set(speed.programs_for("gru", "float32")) == {"ours_float32"}
    steps = {
        name: importlib.import_module(f"experiments.peers.{name}").make_step(Work("gru", TINY, precision))
        for name, precision in [("ours_float32", "bfloat16"), ("ours", "float32")]
    }
    assert steps["ours_float32"]() == steps["ours"]()


def test_a_gpu_brings_cudnn_and_a_size_of_its_own(monkeypatch):
    assert "X" not in speed.sizes_here()
    monkeypatch.setattr(speed, "on_nvidia", lambda: True)
    assert "X" in speed.sizes_here()
    assert "cudnn" in speed.programs_for("lstm", "float32")
    assert "cudnn" not in (*speed.programs_for("gru", "float32"), *speed.programs_for("lstm", "bfloat16"))


def test_every_core_is_a_device_and_memory_is_kept_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert settings()["XLA_FLAGS"].startswith(
        "--xla_cpu_enable_fast_math=false --xla_force_host_platform_device_count="
    )
    restarted = []
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(process.os, "execv", lambda *arguments: restarted.append(arguments))
    prepare()
    assert restarted == [(sys.executable, [sys.executable, *sys.orig_argv[1:]])]
    assert "huge" in process.os.environ["GLIBC_TUNABLES"]
    prepare()
    assert settings() == {}
    assert len(restarted) == 1, "once only"


def test_equal_settings_are_everyones_and_installed_ones_our_own():
    programs = ("ours", "ours_float32", "torch", "flax")
    installed, equal = (speed.environments(programs, setting) for setting in ("installed", "equal"))
    assert installed["torch"] == installed["flax"] == {}
    assert installed["ours"] == installed["ours_float32"] == settings()
    assert {variables["GLIBC_TUNABLES"] for variables in equal.values()} == {TUNABLES}


def test_a_row_compares_programs_that_take_turns(monkeypatch):
    monkeypatch.setattr(speed, "PROGRAMS", ("ours", "naive", "peak"))
    monkeypatch.setattr(speed, "WARM_UP", 0.01)
    monkeypatch.setattr(speed, "TURN", 0.01)
    row = speed.row_of("elman", "S", "bfloat16", "installed", rounds=2)
    assert row["ratio_to"].keys() == {"naive", "ours_float32"}
    assert row["ms"].keys() == {"ours", "naive", "ours_float32"}
    assert row["tokens_per_second"] == pytest.approx(4096 / (row["ms"]["ours"] / 1e3))
    assert 0 < row["fraction_of_peak"] < 1
    json.dumps(row, allow_nan=False)


def test_slow_first_steps_neither_end_the_warm_up_nor_shorten_a_turn(monkeypatch):
    taken = iter([[0.9, 0.8, 0.1], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]])
    monkeypatch.setattr(speed, "turn", lambda *_: next(taken))
    monkeypatch.setattr(speed, "WARM_UP", 2.0)
    monkeypatch.setattr(speed, "TURN", 0.7)
    assert speed.warm_up(None, "ours") == 7
    assert len(list(taken)) == 1


def test_a_program_that_cannot_run_is_named(monkeypatch):
    monkeypatch.setattr(speed, "PROGRAMS", ("no_such_program",))
    with pytest.raises(InputError, match="no_such_program could not take a step"):
        speed.row_of("elman", "S", "float32", "installed", rounds=1)


@pytest.mark.parametrize("name", ["sizes", "cells", "precisions", "settings"])
def test_an_empty_list_is_refused_before_anything_is_written(name, tmp_path):
    with pytest.raises(InputError, match=f"^--{name} names nothing: name one at least, or leave it out$"):
        speed.main(speed.Config(**{name: ()}, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
