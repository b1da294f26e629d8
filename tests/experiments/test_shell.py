import os
import subprocess
import sys

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
