"""The fast twin of `recurrence.scan`: equal values, equal gradients, and a backward loop of its own.

Automatic differentiation runs, in every step backward, the derivative of each operation of the cell and adds a
product to the gradient of R. Here a step backward is one multiplication by factors that the forward loop left
behind, and the one product that the recurrence cannot do without:

    (du_t, dr_t, ds_{t-1}) = pull_back(factors_t, ds_t + dh_t)        dh_{t-1} += dr_t Rᵀ

and the gradient of R is one product over all time, after the loop: `dR = Σ_t h_{t-1}ᵀ dr_t`.

Memory is what is left to save. The factors of step t overwrite u_t, which no one needs again, and du_t overwrites
the factors: the buffer of the pre-activations becomes, in place, that of their gradient.
"""

from functools import partial

import jax
import jax.numpy as jnp

from charrnn_jax.backward import Held, gradient_of_weights, joined, parted
from charrnn_jax.cells import Cell, State
from charrnn_jax.linearised import Blocks, Factors, linearise
from charrnn_jax.products import Precision, multiplier, multiplier_with_transposed
from charrnn_jax.recurrence import Layer, biased, masked, mixed
from charrnn_jax.types import Array, Float


def fast_scan(
    cell: Cell,
    layer: Layer,
    u: Float[Array, "T B GH"],
    state: State,
    precision: Precision = "float32",
    keep: State | None = None,
    mask: Float[Array, "B H"] | None = None,
) -> tuple[State, Float[Array, "T B H"]]:
    """As `recurrence.scan`: the state after the last step, and the output `h` of every step.

    `keep` and `mask` have no gradient.
    """
    return _scan(cell, precision, layer.R, layer.b_R, u, state, (keep, mask))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan(cell: Cell, precision: Precision, R: Array, b_R: Array | None, u: Array, state: State, held: Held):
    """Without a derivative no factors are left behind, and u stays as it is."""
    step_of, (keep, mask) = linearise(cell).step, held
    times_R = multiplier(R, u.shape[1], len(u), precision)

    def step(state: State, x: tuple[Array, State | None]) -> tuple[State, Array]:
        u, keep = x
        after, _ = step_of(u, biased(times_R(masked(mask, state.h)), b_R), state)
        state = mixed(keep, state, after)
        return state, state.h

    return jax.lax.scan(step, state, (u, keep))


def _forward(cell: Cell, precision: Precision, R: Array, b_R: Array | None, u: Array, state: State, held: Held):
    step_of, (keep, mask) = linearise(cell).step, held
    times_R = multiplier(R, u.shape[1], len(u), precision)

    def step(carry: tuple[State, Array], x) -> tuple[tuple[State, Array], tuple[Array, Factors]]:
        (state, buffer), (t, keep) = carry, x
        r = biased(times_R(masked(mask, state.h)), b_R)
        after, factors = step_of(_row(buffer, t), r, state)
        state = mixed(keep, state, after)
        return (state, _set_blocks(buffer, t, factors.of_u)), (state.h, factors._replace(of_u=None))

    (last, of_u), (h, factors) = jax.lax.scan(step, (state, u), (_steps(u), keep))
    return (last, h), (R, b_R, state.h, h, factors._replace(of_u=of_u), held)


def _backward(cell: Cell, precision: Precision, remembered, cotangents: tuple[State, Array]):
    R, b_R, first, h, factors, (keep, mask) = remembered
    pull_back, (T, B, _) = linearise(cell).pull_back, h.shape
    times_R_T = multiplier_with_transposed(R, B, T, precision)

    def step(carry: tuple[State, Array], x) -> tuple[tuple[State, Array], Array | None]:
        (d_state, buffer), (t, dh, factors, keep) = carry, x
        d_state = d_state._replace(h=d_state.h + dh)
        kept, d_after = parted(keep, d_state)
        du, dr, before = pull_back(factors._replace(of_u=_blocks(_row(buffer, t), cell.gates)), d_after)
        before = joined(kept, before, masked(mask, times_R_T(du if dr is None else dr)))
        return (before, _set_blocks(buffer, t, (du,))), dr

    d_last, dh = cotangents
    xs = _steps(h), dh, factors._replace(of_u=None), keep
    (d_first, du), dr = jax.lax.scan(step, (d_last, factors.of_u), xs, reverse=True)
    dr = du if dr is None else dr
    d_b_R = None if b_R is None else dr.sum(axis=(0, 1))
    return gradient_of_weights(first, h, mask, dr, precision), d_b_R, du, d_first, None


def _steps(x: Array) -> Array:
    return jnp.arange(len(x), dtype=jnp.int32)


def _row(buffer: Array, t: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(buffer, t, keepdims=False, allow_negative_indices=False)


def _blocks(row: Array, gates: int) -> Blocks:
    return tuple(jnp.split(row, gates, axis=-1))


def _set_blocks(buffer: Array, t: Array, blocks: Blocks) -> Array:
    """With row t made of these blocks, side by side: XLA writes each where it belongs, as it works it out."""
    column = 0
    for block in blocks:
        place = t, jnp.int32(0), jnp.int32(column)
        buffer = jax.lax.dynamic_update_slice(buffer, block[None], place, allow_negative_indices=False)
        column += block.shape[-1]
    return buffer


_scan.defvjp(_forward, _backward)
