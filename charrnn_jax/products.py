"""The one product of matrices that everything else is made of, with its precision and its gradient."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint

from charrnn_jax.types import Array, Float

Precision: TypeAlias = Literal["float32", "bfloat16"]
"""What the operands of a product are rounded to; `float32` takes them as they are. Sums are never rounded."""

WORTH_A_TURN: dict[Precision, int] = {"float32": 6, "bfloat16": 8}
"""From so many numbers in W for each of x and of x W on, a CPU multiplies faster with W as the first operand.

`(calls - 1) K M / (calls · rows · (K + M))`; on two virtual cores of Xeons with AMX (family 6, models 167 and 207),
over 64 steps, an LSTM's step in float32 was 0.93 times as fast at 3 of them (128 units, 32 rows), 1.03 at 6 (256 units)
and 1.10 at 13 (512), a GRU's of 512 units 1.14 at 12; in bfloat16 an LSTM's 0.99 at 6 and 1.07 at 10. On a Zen 4 an
LSTM's in float32 was 1.00 at 6 and 1.1 at 13. Other CPUs were not measured.
"""

Multiplier: TypeAlias = Callable[[Float[Array, "N K"]], Float[Array, "N M"]]


def product(x: Float[Array, "N K"], W: Float[Array, "K M"], precision: Precision = "float32") -> Float[Array, "N M"]:
    """`x W`, and the gradients `dx = dy Wᵀ` and `dW = xᵀ dy`, operands in `precision`, summed in float32 at least."""
    y: Array = _product(precision, x, W)
    return y


def product_of_transposed(
    x: Float[Array, "N K"], y: Float[Array, "N M"], precision: Precision = "float32"
) -> Float[Array, "K M"]:
    """`xᵀ y`, the form that gradients of weights have."""
    return _dot(transposed(rounded(x, precision)), y, 0, precision)


def product_with_transposed(
    x: Float[Array, "N M"], W: Float[Array, "K M"], precision: Precision = "float32"
) -> Float[Array, "N K"]:
    """`x Wᵀ`, the form that gradients of inputs have."""
    return _dot(x, W, 1, precision)


def multiplier(W: Float[Array, "K M"], rows: int, calls: int, precision: Precision = "float32") -> Multiplier:
    """`x -> x W`, for so many `calls`, each with an x of so many `rows`: what a loop over time multiplies with.

    XLA's routines for the CPU copy their second operand into another order at every call. Where W is large that is x
    here, `x W = (Wᵀ xᵀ)ᵀ`, and W is copied once. Other devices take the operands as they come. It belongs inside a
    derivative of one's own: it has none that rounds as that of `product` does.
    """
    return _multiplier(W, 0, rows, calls, precision)


def multiplier_with_transposed(
    W: Float[Array, "M K"], rows: int, calls: int, precision: Precision = "float32"
) -> Multiplier:
    """`x -> x Wᵀ`, likewise."""
    return _multiplier(W, 1, rows, calls, precision)


def _multiplier(W: Array, axis: int, rows: int, calls: int, precision: Precision) -> Multiplier:
    W = rounded(W, precision)
    if (calls - 1) * W.size < WORTH_A_TURN[precision] * calls * rows * sum(W.shape):
        second = transposed(W) if axis else W
        return lambda x: _dot(x, second, 0, precision)
    first = W if axis else transposed(W)

    def turned(x: Array) -> Array:
        y = jax.lax.optimization_barrier(_dot(first, x, 1, precision))  # or XLA turns the operands back
        return transposed(y)  # or all that follows reads columns across

    multiply: Any = partial(jax.lax.platform_dependent, cpu=turned, default=lambda x: _dot(x, W, axis, precision))
    return multiply


def transposed(x: Float[Array, "N K"]) -> Float[Array, "K N"]:
    """`xᵀ`, written out row by row. XLA would fold the transposition into the product, and on the CPU multiply with a
    slower routine: by a tenth in float32, in bfloat16 by half. Other devices were not measured."""
    return with_layout_constraint(x.T, Layout(major_to_minor=(0, 1)))


def rounded(x: Float[Array, "..."], precision: Precision) -> Float[Array, "..."]:
    """An operand of a product."""
    return x.astype(jnp.bfloat16) if precision == "bfloat16" else x


def _dot(x: Array, W: Array, axis: int, precision: Precision) -> Array:
    """The rows of x with `axis` of W."""
    sums = jnp.float32 if x.dtype == jnp.bfloat16 else x.dtype
    operands = rounded(x, precision), rounded(W, precision)
    exact = jax.lax.Precision.HIGHEST  # a GPU would take TF32 for float32, a TPU bfloat16
    return jax.lax.dot_general(*operands, (((1,), (axis,)), ((), ())), exact, preferred_element_type=sums)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _product(precision: Precision, x: Array, W: Array) -> Array:
    return _dot(x, W, 0, precision)


def _remember(precision: Precision, x: Array, W: Array):
    return _dot(x, W, 0, precision), (x, W)


def _gradient(precision: Precision, operands: tuple[Array, Array], dy: Array):
    x, W = operands
    dx, dW = product_with_transposed(dy, W, precision), product_of_transposed(x, dy, precision)
    return dx.astype(x.dtype), dW.astype(W.dtype)


_product.defvjp(_remember, _gradient)
