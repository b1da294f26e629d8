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
"""What a step leaves for its derivative: a NamedTuple whose first field, `of_u`, has a `[B, H]` for each block of u,
which the recurrence keeps in u's place."""
Blocks: TypeAlias = tuple[Array, ...]
"""As many as the cell has gates, each `[B, H]`."""


class Linearised(NamedTuple):
    """A cell with the derivative of its step."""

    step: Callable[..., tuple[State, Factors]]
    """`step(u, r, state)` -> the state after the step, and the factors of the derivative."""
    pull_back: Callable[..., tuple[Array, Array | None, State]]
    """`pull_back(factors, d_state)` -> the cotangents of u, of r (None where it is that of u) and, r apart, of the
    state before."""


class ElmanFactors(NamedTuple):
    """The derivative of h' by the pre-activation."""

    of_u: Blocks


def linearised_elman(u: Float[Array, "B H"], r: Float[Array, "B H"], state: HiddenState) -> tuple[HiddenState, Factors]:
    """`h' = tanh(a)`, so that `dh'/da = 1 - h'²`."""
    del state
    h = jnp.tanh(u + r)
    return HiddenState(h), ElmanFactors((1 - h * h,))


def pull_back_elman(factors: ElmanFactors, d_state: HiddenState) -> tuple[Array, None, HiddenState]:
    """The state before has no way to the output but through r."""
    return d_state.h * factors.of_u[0], None, HiddenState(jnp.zeros_like(d_state.h))


class GRUFactors(NamedTuple):
    """Derivatives of h' by the blocks of u; by r's third block and by h, each `[B, H]`."""

    of_u: Blocks
    n_r: Array
    h: Array


def linearised_gru(u: Float[Array, "B GH"], r: Float[Array, "B GH"], state: HiddenState) -> tuple[HiddenState, Factors]:
    """`h' = n + z (h - n)` with `n = tanh(u_n + reset r_n)`."""
    H = state.h.shape[-1]
    gates = 0.5 * jnp.tanh(0.5 * (u[:, : 2 * H] + r[:, : 2 * H])) + 0.5
    reset, z = gates[:, :H], gates[:, H:]
    r_n = r[:, 2 * H :]
    n = jnp.tanh(u[:, 2 * H :] + reset * r_n)
    by_n = (1 - z) * (1 - n * n)
    of_u = by_n * r_n * reset * (1 - reset), (state.h - n) * z * (1 - z), by_n
    return HiddenState(n + z * (state.h - n)), GRUFactors(of_u, n_r=by_n * reset, h=z)


def pull_back_gru(factors: GRUFactors, d_state: HiddenState) -> tuple[Array, Array, HiddenState]:
    """u and r differ in the third block alone, where reset multiplies r."""
    d = d_state.h
    by_reset, by_z, by_n = factors.of_u
    du = jnp.concatenate([d * by_reset, d * by_z, d * by_n], axis=-1)
    dr = jnp.concatenate([d * by_reset, d * by_z, d * factors.n_r], axis=-1)
    return du, dr, HiddenState(d * factors.h)


class LSTMFactors(NamedTuple):
    """Derivatives of c' by each block but the last, of h' by o, the last; of c' by c and of h' by c', `[B, H]` both."""

    of_u: Blocks
    c: Array
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
    of_u = g * i * (1 - i), state.c * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)
    return LSTMState(o * tanh_c, c), LSTMFactors(of_u, c=f, c_after=o * (1 - tanh_c * tanh_c))


def linearised_cifg(u: Float[Array, "B GH"], r: Float[Array, "B GH"], state: LSTMState) -> tuple[LSTMState, Factors]:
    """`c' = g + f (c - g)` and `h' = o tanh(c')`; pulled back as the LSTM is."""
    B, H = state.h.shape
    half = jnp.array([0.5, 1.0, 0.5], u.dtype)[None, :, None]
    tanh = jnp.tanh(half * (u + r).reshape(B, 3, H))
    f, g, o = 0.5 * tanh[:, 0] + 0.5, tanh[:, 1], 0.5 * tanh[:, 2] + 0.5
    c = g + f * (state.c - g)
    tanh_c = jnp.tanh(c)
    of_u = (state.c - g) * f * (1 - f), (1 - f) * (1 - g * g), tanh_c * o * (1 - o)
    return LSTMState(o * tanh_c, c), LSTMFactors(of_u, c=f, c_after=o * (1 - tanh_c * tanh_c))


def pull_back_lstm(factors: LSTMFactors, d_state: LSTMState) -> tuple[Array, None, LSTMState]:
    """Through the output into the memory cell, and from there into the gates."""
    dc = d_state.c + d_state.h * factors.c_after
    *of_c, o = factors.of_u
    da = jnp.concatenate([*(dc * by for by in of_c), d_state.h * o], axis=-1)
    return da, None, LSTMState(jnp.zeros_like(dc), dc * factors.c)


LINEARISED: dict[Callable[..., State], Linearised] = {
    CELLS["elman"].apply: Linearised(linearised_elman, pull_back_elman),
    CELLS["gru"].apply: Linearised(linearised_gru, pull_back_gru),
    CELLS["lstm"].apply: Linearised(linearised_lstm, pull_back_lstm),
    CELLS["cifg"].apply: Linearised(linearised_cifg, pull_back_lstm),
}
"""The derivatives written by hand, by the function of the cell."""


def linearise(cell: Cell) -> Linearised:
    """The derivative written by hand where there is one, else the diagonal Jacobian worked out by `jax.linearize`."""
    if cell.apply in LINEARISED:
        return LINEARISED[cell.apply]
    return _by_jacobian(cell)


class JacobianFactors(NamedTuple):
    """The diagonal Jacobian of any cell, each entry a state: column k is the derivative by one `[B, H]` input."""

    of_u: Blocks
    """Of h' by u's blocks."""
    by_u: tuple[tuple[Array, ...], ...]
    """Of the other fields of the state by u's blocks."""
    by_r: tuple[State, ...]
    by_state: tuple[State, ...]


def _by_jacobian(cell: Cell) -> Linearised:
    blocks = cell.gates

    def step(u: Array, r: Array, state: State) -> tuple[State, Factors]:
        def split(*inputs: Array) -> State:
            u, r, before = inputs[:blocks], inputs[blocks : 2 * blocks], inputs[2 * blocks :]
            return cell.apply(jnp.concatenate(u, axis=-1), jnp.concatenate(r, axis=-1), type(state)(*before))

        inputs = *jnp.split(u, blocks, axis=-1), *jnp.split(r, blocks, axis=-1), *state
        after, push = jax.linearize(split, *inputs)
        columns = [
            push(*(jnp.ones_like(x) if j == k else jnp.zeros_like(x) for j, x in enumerate(inputs)))
            for k in range(len(inputs))
        ]
        by_u, by_r, by_state = columns[:blocks], columns[blocks : 2 * blocks], columns[2 * blocks :]
        of_u = tuple(column[0] for column in by_u)
        rest = tuple(tuple(column[1:]) for column in by_u)
        return after, JacobianFactors(of_u, rest, tuple(by_r), tuple(by_state))

    def pull_back(factors: JacobianFactors, d_state: State) -> tuple[Array, Array, State]:
        def through(column: tuple[Array, ...]) -> Array:
            return jax.tree.reduce(jnp.add, [d * by for d, by in zip(d_state, column, strict=True)])

        by_u = zip(factors.of_u, factors.by_u, strict=True)
        du = jnp.concatenate([through((of_u, *rest)) for of_u, rest in by_u], axis=-1)
        dr = jnp.concatenate([through(column) for column in factors.by_r], axis=-1)
        return du, dr, type(d_state)(*(through(column) for column in factors.by_state))

    return Linearised(step, pull_back)
