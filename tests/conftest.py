"""Every test runs strict: see DESIGN, house style 13."""

import os
import shutil
import tempfile

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # nothing that an earlier run compiled, nothing left behind
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiling is most of what the tests do
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="charrnn_jax-tests-")

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS", "cpu"))
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

install_import_hook("charrnn_jax", "beartype.beartype")

pytest_plugins = ["tests.hostile", "tests.summary"]


def pytest_unconfigure():
    """The user's cache, as these tests had it."""
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
