"""The cells again, each with its derivative: what the fast recurrence runs.

A cell is pointwise, so that its Jacobian is diagonal: one number a unit for each pair of a state and a
pre-activation. `step` works out, beside the next state, those numbers (or what they are made of) inside the forward
loop, while all that they need is in the cache; `pull_back` only multiplies. One `tanh` serves all gates of a step:
σ(x) = ½ tanh(½ x) + ½.

To give a new cell a derivative of its own, add it to `LINEARISED`; `linearise` works one out for any other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from charrnn_jax.cells import CELLS, Cell, HiddenState, LSTMState, State
from charrnn_jax.types import Array, Float

Factors: TypeAlias = Any
"""What a step leaves for its derivative: a pytree of `[B, ...]` arrays."""


class Linearised(NamedTuple):
    """A cell with the derivative of its step."""

    step: Callable[..., tuple[State, Factors]]
    """`step(u, r, state)` -> the state after the step, and the factors of the derivative."""
    pull_back: Callable[..., tuple[Array, Array, State]]
    """`pull_back(factors, d_state)` -> the cotangents of u, of r and, r apart, of the state before."""


def linearised_elman(u: Float[Array, "B H"], r: Float[Array, "B H"], state: HiddenState) -> tuple[HiddenState, Factors]:
    """`h' = tanh(a)`, so that `dh'/da = 1 - h'²`."""
    del state
    h = jnp.tanh(u + r)
    return HiddenState(h), 1 - h * h


def pull_back_elman(factors: Factors, d_state: HiddenState) -> tuple[Array, Array, HiddenState]:
    """The state before has no way to the output but through r."""
    da = d_state.h * factors
    return da, da, HiddenState(jnp.zeros_like(d_state.h))


class GRUFactors(NamedTuple):
    """Derivatives of h' by r's three blocks and by u's third, and by h: each `[B, H]`."""

    r: Array
    z: Array
    n_r: Array
    n_u: Array
    h: Array


def linearised_gru(u: Float[Array, "B GH"], r: Float[Array, "B GH"], state: HiddenState) -> tuple[HiddenState, Factors]:
    """`h' = n + z (h - n)` with `n = tanh(u_n + reset r_n)`."""
    H = state.h.shape[-1]
    gates = 0.5 * jnp.tanh(0.5 * (u[:, : 2 * H] + r[:, : 2 * H])) + 0.5
    reset, z = gates[:, :H], gates[:, H:]
    r_n = r[:, 2 * H :]
    n = jnp.tanh(u[:, 2 * H :] + reset * r_n)
    by_n = (1 - z) * (1 - n * n)
    by_reset = by_n * r_n * reset * (1 - reset)
    return HiddenState(n + z * (state.h - n)), GRUFactors(by_reset, (state.h - n) * z * (1 - z), by_n * reset, by_n, z)


def pull_back_gru(factors: GRUFactors, d_state: HiddenState) -> tuple[Array, Array, HiddenState]:
    """u and r differ in the third block alone, where reset multiplies r."""
    d = d_state.h
    d_reset, d_z = d * factors.r, d * factors.z
    du = jnp.concatenate([d_reset, d_z, d * factors.n_u], axis=-1)
    dr = jnp.concatenate([d_reset, d_z, d * factors.n_r], axis=-1)
    return du, dr, HiddenState(d * factors.h)


class LSTMFactors(NamedTuple):
    """Derivatives of c' by i, f and g and by c; of h' by o and by c': each `[B, H]`."""

    i: Array
    f: Array
    g: Array
    c: Array
    o: Array
    c_after: Array


def linearised_lstm(u: Float[Array, "B GH"], r: Float[Array, "B GH"], state: LSTMState) -> tuple[LSTMState, Factors]:
    """`c' = f c + i g` and `h' = o tanh(c')`."""
    B, H = state.h.shape
    half = jnp.array([0.5, 0.5, 1.0, 0.5], u.dtype)[None, :, None]
    tanh = jnp.tanh(half * (u + r).reshape(B, 4, H))
    i, f, o = (0.5 * tanh[:, k] + 0.5 for k in (0, 1, 3))
    g = tanh[:, 2]
    c = f * state.c + i * g
    tanh_c = jnp.tanh(c)
    factors = LSTMFactors(
        i=g * i * (1 - i),
        f=state.c * f * (1 - f),
        g=i * (1 - g * g),
        c=f,
        o=tanh_c * o * (1 - o),
        c_after=o * (1 - tanh_c * tanh_c),
    )
    return LSTMState(o * tanh_c, c), factors


def pull_back_lstm(factors: LSTMFactors, d_state: LSTMState) -> tuple[Array, Array, LSTMState]:
    """Through the output into the memory cell, and from there into the gates."""
    dc = d_state.c + d_state.h * factors.c_after
    da = jnp.concatenate([dc * factors.i, dc * factors.f, dc * factors.g, d_state.h * factors.o], axis=-1)
    return da, da, LSTMState(jnp.zeros_like(dc), dc * factors.c)


LINEARISED: dict[Callable[..., State], Linearised] = {
    CELLS["elman"].apply: Linearised(linearised_elman, pull_back_elman),
    CELLS["gru"].apply: Linearised(linearised_gru, pull_back_gru),
    CELLS["lstm"].apply: Linearised(linearised_lstm, pull_back_lstm),
}
"""The derivatives written by hand, by the function of the cell."""


def linearise(cell: Cell) -> Linearised:
    """The derivative written by hand where there is one, else the diagonal Jacobian worked out by `jax.linearize`."""
    if cell.apply in LINEARISED:
        return LINEARISED[cell.apply]
    blocks = cell.gates

    def step(u: Array, r: Array, state: State) -> tuple[State, Factors]:
        def split(u: tuple[Array, ...], r: tuple[Array, ...], state: State) -> State:
            return cell.apply(jnp.concatenate(u, axis=-1), jnp.concatenate(r, axis=-1), state)

        inputs = tuple(jnp.split(u, blocks, axis=-1)), tuple(jnp.split(r, blocks, axis=-1)), state
        after, push = jax.linearize(split, *inputs)
        leaves, tree = jax.tree.flatten(inputs)
        columns = []
        for k in range(len(leaves)):
            unit = [jnp.ones_like(leaf) if k == j else jnp.zeros_like(leaf) for j, leaf in enumerate(leaves)]
            columns.append(push(*jax.tree.unflatten(tree, unit)))
        return after, jax.tree.unflatten(tree, columns)

    def pull_back(factors: Factors, d_state: State) -> tuple[Array, Array, State]:
        def through(column: State) -> Array:
            return jax.tree.reduce(jnp.add, [d * by for d, by in zip(d_state, column, strict=True)])

        by_u, by_r, by_state = factors
        du, dr = (jnp.concatenate([through(column) for column in block], axis=-1) for block in (by_u, by_r))
        return du, dr, type(by_state)(*(through(column) for column in by_state))

    return Linearised(step, pull_back)
