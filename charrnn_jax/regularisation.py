"""What keeps a model from learning its training text by heart.

Each is one function, whose expectation is what it was given. A rate of zero leaves all as it was, in the same bits.
"""

import math

import jax
import jax.numpy as jnp

from charrnn_jax.losses import Output
from charrnn_jax.types import Array, Bool, Float, Ids, Nats

DRAWN = 2**16
"""So many different numbers are drawn from to leave something out or not."""


def dropout(key: Array, rate: float, x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Zeroes each number with probability `rate` and divides the others by `1 - rate`: the expectation stays `x`.

        y = m ⊙ x / (1 - p),   m ~ Bernoulli(1 - p)

    Srivastava et al. (2014), Dropout; on the non-recurrent connections of an RNN, Zaremba et al. (2014),
    Recurrent Neural Network Regularization, section 3.2.
    """
    return _masked(key, rate, x, x.shape)


def locked_dropout(key: Array, rate: float, x: Float[Array, "T B X"]) -> Float[Array, "T B X"]:
    """Dropout with one mask for all steps of a window, another for each stream.

        y_t = m ⊙ x_t / (1 - p),   m ~ Bernoulli(1 - p)

    Gal and Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent Neural Networks, section
    4.2, on the non-recurrent connections, as Merity et al. (2018), section 4.2, have it.
    """
    return _masked(key, rate, x, (1, *x.shape[1:]))


def embedding_dropout(key: Array, rate: float, table: Float[Array, "V E"]) -> Float[Array, "V E"]:
    """Zeroes whole rows of the embedding, wherever their type occurs in the window, and scales the others.

        E'_v = m_v E_v / (1 - p),   m_v ~ Bernoulli(1 - p)

    Gal and Ghahramani (2016), section 4.2; Merity et al. (2018), Regularizing and Optimizing LSTM Language Models, 4.3.
    """
    return _masked(key, rate, table, (len(table), 1))


def drop_connect(key: Array, rate: float, R: Float[Array, "H GH"]) -> Float[Array, "H GH"]:
    """Zeroes single recurrent weights, the same for all steps of a window, and scales the others.

        R' = M ⊙ R / (1 - p),   M ~ Bernoulli(1 - p)

    Wan et al. (2013), Regularization of Neural Networks using DropConnect; on the recurrent weights, Merity et al.
    (2018), section 2.
    """
    return _masked(key, rate, R, R.shape)


def _masked(key: Array, rate: float, x: Array, shape: tuple[int, ...]) -> Array:
    share = max(round((1.0 - rate) * DRAWN), 1) / DRAWN  # what `bernoulli` draws, so that the expectation stays x
    return jnp.where(bernoulli(key, share, shape), x / share, 0.0)


def bernoulli(key: Array, probability: float, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """True with that probability, to 1 in 65,536: two numbers from 32 random bits, which JAX spends on one of 16, too.

    On a CPU it takes a third of the time of `jax.random.bernoulli`.
    """
    size = math.prod(shape)
    pairs = jax.random.bits(key, ((size + 1) // 2,), jnp.uint32)
    bits = jax.lax.bitcast_convert_type(pairs, jnp.uint16).reshape(-1)[:size].reshape(shape)
    return bits.astype(jnp.uint32) < jnp.uint32(round(probability * DRAWN))


def zoneout(key: Array | None, rate: float, T: int, B: int, H: int) -> Float[Array, "T B H"] | Float[Array, "T 1 1"]:
    """How much of a state stays as it was, unit by unit: all or nothing, or without a key the expectation, `rate`.

        s_t = k_t · s_{t-1} + (1 - k_t) · ŝ_t

    Krueger et al. (2017), Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations, equation 3.
    """
    if key is None:
        return jnp.full((T, 1, 1), rate)
    return bernoulli(key, rate, (T, B, H)).astype(jnp.float32)


def smoothing_penalty(rate: float, output: Output, h: Float[Array, "T B H"], targets: Ids) -> Nats:
    """What label smoothing adds to the nats of each target: `rate · (mean over the vocabulary of -log p - nats)`.

    -log p of token v is log Z - logit_v, so that the normaliser Z cancels: what is left is the target's logit less the
    mean logit, which is one product with the mean column of W. Szegedy et al. (2016), Rethinking the Inception
    Architecture for Computer Vision, section 7.
    """
    mean = h @ output.W.mean(axis=1) + output.b.mean()
    at_target = jnp.sum(h * output.W.T[targets], axis=-1) + output.b[targets]
    return rate * (at_target - mean)


def activation_penalty(alpha: float, dropped: Float[Array, "T B H"]) -> Nats:
    """`α · mean h²` over the units of the last layer, after dropout.

    Merity et al. (2017), Revisiting Activation Regularization for Language RNNs, equation 1, with the mean of squares
    for the norm, as the authors' code has it.
    """
    return alpha * jnp.mean(dropped * dropped, axis=-1)


def temporal_penalty(beta: float, h: Float[Array, "T B H"], steps: Float[Array, ""] | None = None) -> Nats:
    """`β · mean (h_t - h_{t-1})²` over units and pairs of steps of the window, before dropout.

    The same, equation 2. The first step, which has no pair, has none of it: the others have that much more. `steps` is
    how many count, if not all T.
    """
    T = len(h)
    scale = beta * T / max(T - 1, 1) if steps is None else beta * steps / jnp.maximum(steps - 1, 1)
    change = h[1:] - h[:-1]
    pairs = scale * jnp.mean(change * change, axis=-1)
    return jnp.concatenate([jnp.zeros((1, h.shape[1])), pairs])
