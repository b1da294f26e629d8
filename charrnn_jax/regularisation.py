"""What keeps a model from learning its training text by heart."""

import jax
import jax.numpy as jnp

from charrnn_jax.types import Array, Float


def dropout(key: Array, rate: float, x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Zeroes each number with probability `rate` and divides the others by `1 - rate`: the expectation stays `x`.

    Srivastava et al. (2014), Dropout; on the non-recurrent connections of an RNN, Zaremba et al. (2014),
    Recurrent Neural Network Regularization, section 3.2.
    """
    kept = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(kept, x / (1.0 - rate), 0.0)
