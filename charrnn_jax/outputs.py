"""The output layers that a model can have, behind one contract.

    nats = nats(params, h, targets)        logits = logits(params, h)

Whatever the softmax, `nats` is exactly `-log softmax(logits)[target]`. To add one: write its file, and name it in
`output_of`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from charrnn_jax.adaptive_softmax import adaptive_log_probs, adaptive_nats, init_adaptive
from charrnn_jax.initialisation import init_output
from charrnn_jax.losses import Output, linear, token_nats
from charrnn_jax.mixture_of_softmaxes import Mixture, init_mixture, mixture_log_probs, mixture_nats
from charrnn_jax.products import Precision, transposed
from charrnn_jax.sampled_softmax import sampled_softmax_nats
from charrnn_jax.types import Array, Float, Nats, Params


@dataclass(frozen=True)
class Softmax:
    """Which softmax is over the vocabulary: the plain one, unless one of these says otherwise."""

    cutoffs: tuple[int, ...] = ()
    """Adaptive softmax: the ids at which clusters of rarer tokens begin."""
    components: int = 1
    """Mixture of softmaxes: how many."""
    samples: int = 0
    """Sampled softmax: how many tokens the target is compared with in training; 0: all."""

    @property
    def plain(self) -> bool:
        """Whether none of these says otherwise."""
        return self == Softmax()


class OutputLayer(NamedTuple):
    """One output layer, as functions of its parameters."""

    init_params: Callable[[Array, int, int], Params]
    """`init_params(key, hidden_size, vocab_size)` -> the parameters before training."""
    with_weights: Callable[[Params, Float[Array, "E V"] | None], Params] | None
    """Its parameters with other weights, or with None for weights, which are then the embedding's; None if it has no
    weights of that shape."""
    nats: Callable[..., Nats]
    """`nats(params, h, targets, precision=precision)` -> nats per token."""
    logits: Callable[[Params, Float[Array, "... H"], Precision], Float[Array, "... V"]]
    """`logits(params, h, precision)` -> the log-probabilities of every token, up to a constant for each h."""
    estimate: Callable[..., Nats] | None = None
    """`estimate(params, h, targets, key=key, precision=precision)`: what training has in place of `nats`, if any."""

    def init_tied(self, key: Array, hidden_size: int, vocab_size: int) -> Params:
        """The parameters without the weights that are the embedding's. Raises ValueError where there are none such."""
        if self.with_weights is None:
            raise ValueError("an adaptive softmax has no weights that could be tied to the embedding")
        return self.with_weights(self.init_params(key, hidden_size, vocab_size), None)


def tied_weights(table: Float[Array, "V E"], precision: Precision) -> Float[Array, "E V"]:
    """The embedding as output weights. For bfloat16 it is written out: XLA has, on the CPU, no product in bfloat16 for
    the gradient of a transposition that it took into the product."""
    return transposed(table) if precision == "bfloat16" else table.T


def _with_weights(params: Output, W: Float[Array, "E V"] | None) -> Output:
    return params._replace(W=W)


def _mixture_with_weights(params: Mixture, W: Float[Array, "E V"] | None) -> Mixture:
    return params._replace(output=params.output._replace(W=W))


def output_of(softmax: Softmax, embed_size: int) -> OutputLayer:
    """What `softmax` asks for; components of a mixture have E units. Raises ValueError if it asks for two things."""
    plain = OutputLayer(init_output, _with_weights, token_nats, linear)
    asked: list[Any] = [softmax.cutoffs, softmax.components > 1, softmax.samples]
    if sum(map(bool, asked)) > 1:
        raise ValueError(f"a softmax is adaptive, a mixture or sampled, not two of these: {softmax}")
    if softmax.cutoffs:
        init_params = partial(init_adaptive, cutoffs=softmax.cutoffs)
        return OutputLayer(init_params, None, adaptive_nats, adaptive_log_probs)
    if softmax.components > 1:
        init_params = partial(init_mixture, latent_size=embed_size, components=softmax.components)
        return OutputLayer(init_params, _mixture_with_weights, mixture_nats, mixture_log_probs)
    if softmax.samples:
        return plain._replace(estimate=partial(sampled_softmax_nats, samples=softmax.samples))
    return plain
