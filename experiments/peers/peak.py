"""The most that XLA gets out of this machine: the product of two large square matrices."""

import jax
import jax.numpy as jnp

from experiments.peers.work import Step, Work

ROWS = 2048


def make_step(work: Work) -> Step:
    """One product, in the precision of the work."""
    matrix = jnp.ones((ROWS, ROWS), jnp.dtype(work.precision))
    product = jax.jit(jnp.matmul)

    def step() -> float:
        return float(product(matrix, matrix)[0, 0])

    return step
