import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

from charrnn_jax.errors import InputError
from experiments.interruption import terminate
from experiments.shell import refuse_used, run

PROGRAM = """
import jax
from experiments.shell import keep_compiled

keep_compiled()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.jit(lambda x: x @ x)(jax.numpy.ones((5, 5)))
"""


def kept(folder, **variables):
    """The names of the compiled programs in that folder, after one more process."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "true", **variables}
    environment = {name: value for name, value in environment.items() if value}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    return sorted(path.name for path in folder.rglob("*-cache"))


def test_compiled_programs_stay_in_the_users_cache_folder(tmp_path):
    first = kept(tmp_path / "charrnn_jax", XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="")
    assert any("lambda" in name for name in first)
    assert kept(tmp_path / "charrnn_jax", XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="") == first


def test_another_folder_can_be_named(tmp_path):
    assert kept(tmp_path / "other", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "other"))


def test_a_folder_below_a_file_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file: choose another --out"):
        refuse_used(tmp_path / "file" / "x" / "y")


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch):
    def read_only(**_):
        raise PermissionError

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with pytest.raises(InputError, match="x cannot be written: choose another --out"):
        refuse_used(tmp_path / "x")


def test_only_what_was_begun_is_gone_on_with(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(InputError, match="holds another run: choose another --out"):
        refuse_used(tmp_path, resumable=True)
    (tmp_path / "config.json").write_text("")
    with pytest.raises(InputError, match=f"--resume {tmp_path} goes on with it, or choose another --out"):
        refuse_used(tmp_path, resumable=True)


@dataclass(frozen=True)
class Nothing:
    """Nothing to choose."""


def test_who_is_told_to_end_is_asked_as_before_once_all_is_done(monkeypatch):
    def asked(*_):
        raise AssertionError

    seen = []
    before = signal.signal(signal.SIGTERM, asked)
    try:
        monkeypatch.setattr(sys, "argv", ["nothing"])
        run(lambda _: seen.append(signal.getsignal(signal.SIGTERM)), Nothing, "Does nothing.")
        assert signal.getsignal(signal.SIGTERM) is asked
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [terminate]
