"""What a measure may ask of a language model, whatever it is made of."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Int32

from charrnn_jax.model import LanguageModel, init_state, score
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.types import Array, Float, Ids, Int, Nats, Params


class Reader(NamedTuple):
    """A model that starts each column of `[T, B]` ids from the zero state.

    Columns shorter than T are padded behind their end, with any id: nothing before it depends on that. The first
    input of a text is the token before it or, at its beginning, `tokenizer.start_id`. Each new shape is compiled.
    """

    tokenizer: Tokenizer
    nats: Callable[[Int32[np.ndarray, "T B"], Int32[np.ndarray, "T B"]], Float32[np.ndarray, "T B"]]
    """`nats(inputs, targets)`: what each target costs after its input and all before it."""
    after: Callable[[Int32[np.ndarray, "T B"], Int32[np.ndarray, "B"]], Float32[np.ndarray, "B V"]]
    """`after(inputs, last)`: the log-probabilities of what follows `inputs[last[b], b]`, in nats."""


def reader_of(model: LanguageModel, tokenizer: Tokenizer, params: Params) -> Reader:
    """A trained model as a measure sees it."""
    nats, after = (jax.jit(partial(function, model)) for function in (_nats, _after))
    return Reader(
        tokenizer,
        lambda inputs, targets: np.asarray(nats(params, inputs, targets)),
        lambda inputs, last: np.asarray(after(params, inputs, last)),
    )


def _nats(model: LanguageModel, params: Params, inputs: Ids, targets: Ids) -> Nats:
    return score(model, params, inputs, targets, init_state(model, inputs.shape[1]))[1]


def _after(model: LanguageModel, params: Params, inputs: Ids, last: Int[Array, "B"]) -> Float[Array, "B V"]:
    variables = {"params": params}
    h: Any = model.apply(variables, inputs, init_state(model, inputs.shape[1]))[1]
    there = jnp.take_along_axis(h, last[None, :, None], axis=0)
    logits: Any = model.apply(variables, there, method="logits")
    return jax.nn.log_softmax(logits[0])
