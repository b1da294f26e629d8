"""What a window costs: the floating-point operations of its matrix products, counted from the shapes.

One multiply-add is two operations. Counted are the products with weights, and those for their gradients. Left out are
pointwise work (gates, softmax, Adam) and sums, even the one that runs as a product with a row of ones, the gradient of
the output's bias: XLA counts 2 to 7 % more for the two models of the main job. The look-up and its gradient, rows
copied and rows added, are no product.

Backward, each product of activations and weights costs two of its size, one for the gradient of either. Where the
softmax goes by chunks, the logits are worked out once more. Counts are those of one device; D devices that share the
streams cost D times `flops(model, T, B / D, ...)`, which differs by the folded embedding alone.
"""

from functools import partial
from typing import NamedTuple

import jax

from charrnn_jax.losses import goes_by_chunks
from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.types import Params

MULTIPLY_ADD = 2
INPUT = jax.tree_util.GetAttrKey("W")
"""What every layer calls the weights of its input."""


class Flops(NamedTuple):
    """Floating-point operations of one window of T·B tokens, by the part of the model that `ParameterCount` has."""

    embedding: int
    """The products with one-hot vectors: none in any other input mode."""
    recurrent: int
    """The input projections and the recurrences. The folded embedding is the input projection of V rows."""
    output: int
    """The logits."""

    @property
    def total(self) -> int:
        """The whole model."""
        return sum(self)


def flops(model: LanguageModel, T: int, B: int, training: bool) -> Flops:
    """Of the products of one window: forward, and backward where `training`. The output layer is the plain softmax."""
    tokens, V = T * B, model.vocab_size
    shapes = jax.eval_shape(partial(init_params, model), jax.random.key(0))
    layers = [_weights(shapes[f"layer_{i}"]) for i in range(model.num_layers)]
    inputs = [_first_inputs(model, T, B), *[tokens] * (model.num_layers - 1)]
    products = sum(rows * W + tokens * others for rows, (W, others) in zip(inputs, layers, strict=True))
    one_hot = tokens * V * model.embed_size if model.input_mode == "one_hot" else 0
    return Flops(
        embedding=MULTIPLY_ADD * one_hot * (2 if training else 1),  # one-hot vectors have no gradient
        recurrent=MULTIPLY_ADD * products * (3 if training else 1),
        output=output_flops(tokens, V, model.layer_sizes[-1], training, goes_by_chunks(tokens, V)),
    )


def output_flops(tokens: int, V: int, H: int, training: bool, by_chunks: bool) -> int:
    """Of the output layer, tied or not."""
    products = 1 if not training else 4 if by_chunks else 3
    return MULTIPLY_ADD * tokens * H * V * products


def flops_per_char(model: LanguageModel, T: int, B: int, training: bool, chars_per_token: float) -> float:
    """Operations for each character of the raw text: the unit in which vocabularies compare."""
    return flops(model, T, B, training).total / (T * B) / chars_per_token


def _first_inputs(model: LanguageModel, T: int, B: int) -> int:
    """How many vectors the input weights of the first layer are multiplied with: `direct` looks their rows up."""
    if model.input_mode == "direct":
        return 0
    return model.vocab_size if model.folds(T, B) else T * B


def _weights(layer: Params) -> tuple[int, int]:
    """How many numbers the matrices of a layer have: those of its input, and the others."""
    matrices = [(path[-1], leaf.size) for path, leaf in jax.tree.leaves_with_path(layer) if leaf.ndim == 2]
    W = sum(size for name, size in matrices if name == INPUT)
    return W, sum(size for _, size in matrices) - W
