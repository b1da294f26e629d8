"""Every test runs strict: see DESIGN, house style 13."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # nothing that an earlier run compiled, nothing left behind

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS", "cpu"))
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

install_import_hook("charrnn_jax", "beartype.beartype")

pytest_plugins = ["tests.hostile", "tests.summary"]
