"""The axis legend, and the array types that use it.

    T  time steps              V  vocabulary size        H  hidden units
    B  batch (streams)         E  embedding size         G  gates: blocks of H columns in u and r
    N  tokens of a text        L  layers                 X  inputs of a layer

Arrays that move through time are time-major, `[T, B, ...]`. `GH` is one axis of G·H columns.
"""

from typing import Any, TypeAlias

from jaxtyping import Array, Bool, Float, Int, Integer

Ids: TypeAlias = Int[Array, "T B"]
"""Token ids, each in `[0, V)`."""

Nats: TypeAlias = Float[Array, "T B"]
"""Negative log-probability of each target, in nats."""

Params: TypeAlias = Any
"""A pytree of float arrays, as `LanguageModel.init` returns it."""

__all__ = ["Array", "Bool", "Float", "Ids", "Int", "Integer", "Nats", "Params"]
