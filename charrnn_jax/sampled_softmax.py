"""Sampled softmax: in training, the target against a few tokens of the vocabulary instead of all.

Jean et al. (2015), On Using Very Large Target Vocabulary for Neural Machine Translation, section 3: the normaliser is
estimated from tokens drawn from a proposal Q, each logit less the log of how often its token was to be expected among
them. Ids must be sorted by frequency, most frequent first, for the proposal is Zipf's law. For training only: what a
sampled softmax says of a target is no probability, and mostly less nats than the truth. Score and sample with `linear`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.embedding import int32_ids
from charrnn_jax.losses import Output, cross_entropy, linear
from charrnn_jax.products import Precision, rounded
from charrnn_jax.types import Array, Float, Ids, Int, Nats


class Sample(NamedTuple):
    """Different tokens of the vocabulary, S of them."""

    ids: Int[Array, "S"]
    log_expected: Float[Array, "V"]
    """Of every token, the log of its expected count: drawn at most once, that is its probability to be drawn."""


def log_uniform(vocab_size: int) -> Float[Array, "V"]:
    """Zipf's law: `q_j = log(1 + 1 / (j + 1)) / log(V + 1)`, which falls as one over the rank."""
    return jnp.log1p(1 / jnp.arange(1.0, vocab_size + 1)) / jnp.log(vocab_size + 1.0)


def draw_sample(key: Array, proposal: Float[Array, "V"], samples: int) -> Sample:
    """`samples` different tokens, one after the other in proportion to the proposal; all, if there are not as many.

    Every token has an alarm clock, exponential with rate `q_j`; the first to ring are drawn. With κ the time of the
    first one that is not, token j is expected `1 - exp(-q_j κ)` times: given the clocks of all others, that is the
    probability to be drawn, so that `Σ f_j / expected_j` over the sample has the expectation `Σ f_j` over the
    vocabulary, for every f (Duffield et al., 2007, Priority sampling for estimation of arbitrary subset sums).
    """
    time = jax.random.exponential(key, proposal.shape, proposal.dtype) / proposal
    if samples >= proposal.shape[0]:
        return Sample(jnp.arange(proposal.shape[0]), jnp.zeros_like(proposal))
    earliest, ids = jax.lax.top_k(-time, samples + 1)
    kappa = -earliest[samples]
    return Sample(ids[:samples], jnp.log(-jnp.expm1(-proposal * kappa)))


def sampled_softmax_nats(
    output: Output, h: Float[Array, "T B H"], targets: Ids, key: Array, samples: int, precision: Precision = "float32"
) -> Nats:
    """`-log softmax(corrected logits)[target]` over the target and one sample, the same for all tokens of the batch.

    A sampled token that is the target itself (an accidental hit) is left out. The target's logit is corrected as the
    others are: where the model is right, the mean gradient nearly vanishes; with the target's logit as it is, it does
    not. A full sample is the full softmax. A target outside `[0, V)` gives NaN.

    Saved are the products and the logits: T·B·S instead of T·B·V. Not saved: the draw works on V numbers, the weights
    of the targets are gathered, H for every token, and the gradient of W is an array of H·V, most columns zero.
    """
    sample = draw_sample(key, log_uniform(output.b.shape[0]).astype(output.b.dtype), samples)
    flat, wanted = h.reshape(-1, h.shape[-1]), int32_ids(targets).reshape(-1)
    corrected = output._replace(b=output.b - sample.log_expected)
    others = linear(Output(corrected.W[:, sample.ids], corrected.b[sample.ids]), flat, precision)
    others = jnp.where(wanted[:, None] == sample.ids[None, :].astype(wanted.dtype), -jnp.inf, others)
    logits = jnp.concatenate([_logit_of_each(corrected, flat, wanted, precision)[:, None], others], axis=1)
    first = jnp.zeros(targets.shape, wanted.dtype)
    return cross_entropy(logits.reshape(*targets.shape, -1), first)


def _logit_of_each(output: Output, h: Float[Array, "N H"], ids: Array, precision: Precision) -> Float[Array, "N"]:
    """The logit of one token for each row of h, the same as in `linear`; NaN for an id outside the vocabulary."""

    def column(x: Array) -> Array:
        return x.at[..., ids].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)

    W, h = (rounded(x, precision).astype(h.dtype) for x in (column(output.W), h))
    return jnp.sum(h.T * W, axis=0) + column(output.b)
