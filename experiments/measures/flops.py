"""What a window costs: the floating-point operations of its matrix products, counted from the shapes.

One multiply-add is two operations. Products alone are counted: pointwise work (gates, softmax, Adam) is left out. By
XLA's count it is 1 to 3 % more at the sizes of the study. The look-up and its gradient, rows copied and rows added,
are no product.

Backward, each product of activations and weights costs two of its size, one for the gradient of either. Where the
softmax goes by chunks, the logits are worked out once more. Counts are those of one device; D devices that share the
streams cost D times `flops(model, T, B / D, ...)`, which differs by the folded embedding alone.
"""

from typing import NamedTuple

from charrnn_jax.cells import CELLS
from charrnn_jax.losses import goes_by_chunks
from charrnn_jax.model import LanguageModel

MULTIPLY_ADD = 2


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
    """Of the products of one window: forward, and backward where `training`."""
    tokens, V, H = T * B, model.vocab_size, model.hidden_size
    both = 3 if training else 1
    width = CELLS[model.cell].gates * H
    one_hot = tokens * V * model.embed_size if model.input_mode == "one_hot" else 0
    above = (model.num_layers - 1) * tokens * H * width
    recurrences = model.num_layers * tokens * H * width
    return Flops(
        embedding=MULTIPLY_ADD * one_hot * (2 if training else 1),  # one-hot vectors have no gradient
        recurrent=MULTIPLY_ADD * (_first_projection(model, T, B) + above + recurrences) * both,
        output=output_flops(tokens, V, H, training, goes_by_chunks(tokens, V)),
    )


def output_flops(tokens: int, V: int, H: int, training: bool, by_chunks: bool) -> int:
    """Of the output layer, tied or not."""
    products = 1 if not training else 4 if by_chunks else 3
    return MULTIPLY_ADD * tokens * H * V * products


def flops_per_char(model: LanguageModel, T: int, B: int, training: bool, chars_per_token: float) -> float:
    """Operations for each character of the raw text: the unit in which vocabularies compare."""
    return flops(model, T, B, training).total / (T * B) / chars_per_token


def _first_projection(model: LanguageModel, T: int, B: int) -> int:
    """Multiply-adds of the input of the first layer: `direct` looks its rows up."""
    if model.input_mode == "direct":
        return 0
    rows = model.vocab_size if model.folds(T, B) else T * B
    return rows * model.embed_size * CELLS[model.cell].gates * model.hidden_size
