"""Experiments compile the same programs in test after test: within one session, these are kept on disk."""

import gc

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def _kept(compiled):
    kept = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(compiled),
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }
    before = {name: getattr(jax.config, name) for name in kept}
    _update(kept)
    yield
    _update(before)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Sunny days are the best days to go for a walk. " * 400)
    return str(path)


@pytest.fixture
def collected():
    """What Orbax leaves open ends with the test that used it."""
    yield
    gc.collect()


def _update(values):
    for name, value in values.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # JAX asks only once whether there is one
