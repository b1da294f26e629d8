"""Rows of a parameter that no step moves: vectors that were learned elsewhere, kept as they came."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

from charrnn_jax.types import Array, Bool, Params


class FrozenState(NamedTuple):
    """Which rows stay, and what the optimiser remembers.

    The rows are part of what training carries, so that a checkpoint has them: whoever resumes a run needs its file of
    vectors no more.
    """

    rows: Bool[Array, "V"]
    inner: optax.OptState


def frozen(optimizer: optax.GradientTransformation, name: str) -> optax.GradientTransformationExtraArgs:
    """The optimiser, which leaves some rows of the parameter `name` as they are, bit for bit.

    After `init` no row is frozen yet: `freeze` says which are. The optimiser sees no gradient of these rows, so that
    the norm to which it clips is that of what is learned, and what it does without a gradient, such as weight decay,
    does not reach them.

    With tied weights the same rows are output weights too: the score of such a word stays the product of the hidden
    state with its fixed vector, and only its bias and the hidden state learn to predict it.
    """
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params: Params) -> FrozenState:
        return FrozenState(jnp.zeros(len(params[name]), jnp.bool_), optimizer.init(params))

    def hold(rows: Bool[Array, "V"], updates: Params) -> Params:
        moves = updates[name]
        # x + (-0.0) is x whatever x is, whereas -0.0 + 0.0 is 0.0.
        return {**updates, name: jnp.where(rows[:, None], jnp.full_like(moves, -0.0), moves)}

    def update(
        updates: Params, state: optax.OptState, params: Params | None = None, **told: Any
    ) -> tuple[Params, optax.OptState]:
        assert isinstance(state, FrozenState)
        updates, inner = optimizer.update(hold(state.rows, updates), state.inner, params, **told)
        return hold(state.rows, updates), FrozenState(state.rows, inner)

    return optax.GradientTransformationExtraArgs(init, update)


def freeze(state: optax.OptState, rows: Bool[Array | np.ndarray, "V"]) -> FrozenState:
    """The state of `frozen`, in which the rows stay that are true here."""
    assert isinstance(state, FrozenState)
    return state._replace(rows=jnp.asarray(rows))
