"""The most that XLA gets out of this machine: the product of two large square matrices."""

from functools import partial

import jax
import jax.numpy as jnp

from experiments.peers.work import Step, Work

ROWS = 2048


def make_step(work: Work) -> Step:
    """One product, of operands in the precision of the work, summed in float32."""
    matrix = jnp.ones((ROWS, ROWS), jnp.dtype(work.precision))
    product = jax.jit(partial(jnp.matmul, preferred_element_type=jnp.float32))

    def step() -> float:
        return float(product(matrix, matrix)[0, 0])

    return step
