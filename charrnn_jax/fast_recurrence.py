"""The fast twin of `recurrence.scan`: equal values, equal gradients, and a backward loop of its own.

Automatic differentiation runs, in every step backward, the derivative of each operation of the cell and adds a
product to the gradient of R. Here a step backward is one multiplication by factors that the forward loop left
behind, and the one product that the recurrence cannot do without:

    (du_t, dr_t, ds_{t-1}) = pull_back(factors_t, ds_t + dh_t)        dh_{t-1} += dr_t Rᵀ

and the gradient of R is one product over all time, after the loop: `dR = Σ_t h_{t-1}ᵀ dr_t`.
"""

from functools import partial

import jax
import jax.numpy as jnp

from charrnn_jax.cells import Cell, State
from charrnn_jax.linearised import Factors, linearise
from charrnn_jax.recurrence import Layer
from charrnn_jax.types import Array, Float


def fast_scan(cell: Cell, layer: Layer, u: Float[Array, "T B GH"], state: State) -> tuple[State, Float[Array, "T B H"]]:
    """As `recurrence.scan`: the state after the last step, and the output `h` of every step."""
    return _scan(cell, layer.R, layer.b_R, u, state)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scan(cell: Cell, R: Array, b_R: Array | None, u: Array, state: State) -> tuple[State, Array]:
    last, (h, _) = _forward(cell, R, b_R, u, state)
    return last, h


def _forward(cell: Cell, R: Array, b_R: Array | None, u: Array, state: State) -> tuple[State, tuple[Array, Factors]]:
    linearised = linearise(cell)

    def step(state: State, u: Array) -> tuple[State, tuple[Array, Factors]]:
        r = state.h @ R
        if b_R is not None:
            r = r + b_R[None, :]
        state, factors = linearised.step(u, r, state)
        return state, (state.h, factors)

    return jax.lax.scan(step, state, u)


def _remember(cell: Cell, R: Array, b_R: Array | None, u: Array, state: State):
    last, (h, factors) = _forward(cell, R, b_R, u, state)
    return (last, h), (R, b_R, state.h, h, factors)


def _backward(cell: Cell, remembered, cotangents: tuple[State, Array]):
    R, b_R, first, h, factors = remembered
    linearised, R_T = linearise(cell), R.T

    def step(d_state: State, x: tuple[Array, Factors]) -> tuple[State, tuple[Array, Array]]:
        dh, factors = x
        du, dr, before = linearised.pull_back(factors, d_state._replace(h=d_state.h + dh))
        return before._replace(h=before.h + dr @ R_T), (du, dr)

    d_last, dh = cotangents
    d_first, (du, dr) = jax.lax.scan(step, d_last, (dh, factors), reverse=True)
    before = jnp.concatenate([first[None], h[:-1]])
    flat = dr.reshape(-1, dr.shape[-1])
    dR = before.reshape(-1, before.shape[-1]).T @ flat
    return dR, None if b_R is None else flat.sum(axis=0), du, d_first


_scan.defvjp(_remember, _backward)
