"""Mixture of softmaxes: K softmaxes over one vocabulary, mixed in proportions that the context decides.

Yang et al. (2018), Breaking the Softmax Bottleneck: A High-Rank RNN Language Model, section 2. From the output g of
the recurrence (here `h`):

    p(x | c) = Σ_k π_k softmax(h_k W + b)_x       π = softmax(g W_π)       h_k = tanh(g W_k + b_k)

The logarithm of a mixture is not linear in anything, so that the matrix of log-probabilities of contexts by tokens may
have a higher rank than the hidden state has units; that of one softmax cannot. As in the authors' code, `h_k` and the
output layer have biases, π none.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.initialisation import init_output, init_weights
from charrnn_jax.losses import Output, linear, token_nats
from charrnn_jax.products import Precision, product
from charrnn_jax.types import Array, Float, Ids, Nats


class Mixture(NamedTuple):
    """The weights of K components. `KE` is one axis of K·E columns; `output` has E rows, and serves all components."""

    prior: Float[Array, "H K"]
    latent: Output
    """`[H, KE]`: not logits, but what the tanh takes."""
    output: Output


def init_mixture(key: Array, hidden_size: int, vocab_size: int, latent_size: int, components: int) -> Mixture:
    """Weights uniform in ±1/√(rows), as in PyTorch; biases zero.

    `latent_size` is E, the size of each `h_k`: with that of the embedding, the output weights may be tied to its table.
    """
    prior_key, latent_key, output_key = jax.random.split(key, 3)
    columns = components * latent_size
    return Mixture(
        prior=init_weights(prior_key, hidden_size, components),
        latent=init_output(latent_key, hidden_size, columns),
        output=init_output(output_key, latent_size, vocab_size),
    )


def _components(
    params: Mixture, h: Float[Array, "N H"], precision: Precision
) -> tuple[Float[Array, "K N"], Float[Array, "K N E"]]:
    """`log π_k` and `h_k`, component by component."""
    log_prior = jax.nn.log_softmax(product(h, params.prior, precision), axis=-1).T
    latent = jnp.tanh(linear(params.latent, h, precision))
    return log_prior, latent.reshape(h.shape[0], log_prior.shape[0], -1).swapaxes(0, 1)


def mixture_nats(params: Mixture, h: Float[Array, "T B H"], targets: Ids, precision: Precision = "float32") -> Nats:
    """`-log p(target)` of every token, in nats. A target outside `[0, V)` gives NaN.

    Only the probabilities of the target are mixed: `-log Σ_k exp(log π_k - nats_k)`. The `nats_k` are those of K times
    as many tokens through one softmax, chunk by chunk where its logits are many.
    """
    log_prior, latent = _components(params, h.reshape(-1, h.shape[-1]), precision)
    wanted = jnp.broadcast_to(targets.reshape(1, -1), log_prior.shape)
    nats = token_nats(params.output, latent, wanted, precision)
    return -jax.nn.logsumexp(log_prior - nats, axis=0).reshape(targets.shape)


def mixture_log_probs(
    params: Mixture, h: Float[Array, "... H"], precision: Precision = "float32"
) -> Float[Array, "... V"]:
    """`log p` of every token of the vocabulary: K·V numbers for every h. For sampling, as logits are."""
    log_prior, latent = _components(params, h.reshape(-1, h.shape[-1]), precision)
    component = jax.nn.log_softmax(linear(params.output, latent, precision), axis=-1)
    return jax.nn.logsumexp(log_prior[..., None] + component, axis=0).reshape(*h.shape[:-1], -1)
