"""The fast twin of a plain scan whose step is not pointwise, and has parameters of its own besides R.

Automatic differentiation adds a product to the gradient of R in every step backward, and keeps whatever each operation
of a step may need. Here what is kept is u, r = h R and the state; a step backward works out the rest again, and JAX
its derivative. The gradient of R is one product over all time, after the loop: `dR = Σ_t h_{t-1}ᵀ dr_t`.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from charrnn_jax.backward import Held, gradient_of_weights, joined, parted
from charrnn_jax.cells import State
from charrnn_jax.products import Precision, multiplier, multiplier_with_transposed
from charrnn_jax.recurrence import masked, mixed
from charrnn_jax.types import Array, Float, Params


def deferred_scan(
    step: Callable[..., State],
    params: Params,
    R: Float[Array, "H GH"],
    u: Float[Array, "T B GH"],
    state: State,
    precision: Precision = "float32",
    keep: State | None = None,
    mask: Float[Array, "B H"] | None = None,
) -> tuple[State, Float[Array, "T B H"]]:
    """`step(params, u, r, state)` over time, `r = h R`: the state after the last step, and the output of every step.

    Its plain twin is `recurrence.scan` of a cell that applies `partial(step, params)`. `step` is a function of a
    module: all that has a gradient comes in by its arguments. `keep` and `mask` are those of `recurrence.scan`, and
    have none.
    """
    return _scan(step, precision, params, R, u, state, (keep, mask))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan(step: Callable, precision: Precision, params: Params, R: Array, u: Array, state: State, held: Held):
    last, (_, states) = _run(step, precision, params, R, u, state, held)
    return last, states.h


def _run(step: Callable, precision: Precision, params: Params, R: Array, u: Array, state: State, held: Held):
    """The last state; for every step r, and the state after it."""
    times_R, (keep, mask) = multiplier(R, u.shape[1], len(u), precision), held

    def one(state: State, x: tuple[Array, State | None]) -> tuple[State, tuple[Array, State]]:
        u, keep = x
        r = times_R(masked(mask, state.h))
        state = mixed(keep, state, step(params, u, r, state))
        return state, (r, state)

    return jax.lax.scan(one, state, (u, keep))


def _forward(step: Callable, precision: Precision, params: Params, R: Array, u: Array, state: State, held: Held):
    last, (r, states) = _run(step, precision, params, R, u, state, held)
    return (last, states.h), (params, R, u, state, r, states, held)


def _backward(step: Callable, precision: Precision, remembered, cotangents: tuple[State, Array]):
    params, R, u, first, r, states, (keep, mask) = remembered
    times_R_T = multiplier_with_transposed(R, u.shape[1], len(u), precision)

    def one(carry: tuple[State, Params], x) -> tuple[tuple[State, Params], tuple[Array, Array]]:
        (d_state, d_params), (u, r, before, dh, keep) = carry, x
        kept, d_after = parted(keep, d_state._replace(h=d_state.h + dh))
        _, pull_back = jax.vjp(step, params, u, r, before)
        d_step, du, dr, d_before = pull_back(d_after)
        d_before = joined(kept, d_before, masked(mask, times_R_T(dr)))
        return (d_before, jax.tree.map(jnp.add, d_params, d_step)), (du, dr)

    d_last, dh = cotangents
    before = jax.tree.map(lambda x, after: jnp.concatenate([x[None], after[:-1]]), first, states)
    zeros = jax.tree.map(jnp.zeros_like, params)
    (d_first, d_params), (du, dr) = jax.lax.scan(one, (d_last, zeros), (u, r, before, dh, keep), reverse=True)
    return d_params, gradient_of_weights(first.h, states.h, mask, dr, precision), du, d_first, None


_scan.defvjp(_forward, _backward)
