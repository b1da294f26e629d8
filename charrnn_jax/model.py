"""The language model: it names parameters, and calls the functions of the other files."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from charrnn_jax.cells import CELLS, State
from charrnn_jax.cudnn import cudnn_lstm
from charrnn_jax.embedding import embed_lookup, embed_one_hot, fold
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.initialisation import init_bias, init_output, init_table, uniform, with_forget_bias
from charrnn_jax.losses import Output, linear, token_nats
from charrnn_jax.products import Precision
from charrnn_jax.recurrence import Layer, init_layer, project
from charrnn_jax.regularisation import dropout
from charrnn_jax.types import Array, Float, Ids, Nats, Params

InputMode: TypeAlias = Literal["lookup", "one_hot", "direct"]


class LanguageModel(nn.Module):
    """Token ids -> hidden states -> the probability of every next token.

    `input_mode` says how an id enters the first recurrent layer:

    - `lookup`: through an embedding layer, by index;
    - `one_hot`: through the same embedding layer, by a product with one-hot vectors;
    - `direct`: as a one-hot vector, straight into the hidden layer, whose input weights do the embedding. Their
      product with a one-hot vector is one of their rows, so that no one-hot vector is ever made.

    `tied` takes the embedding table, transposed, as output weights (Press and Wolf, 2017): it needs E = H.
    `dropout` is the rate on the non-recurrent connections, for calls that bring a key. `precision` is that of the
    operands of every product; parameters, sums, state and softmax are float32 whatever it is. `cudnn` has an
    NVIDIA GPU's own routine run the layers that it knows: LSTMs in float32, fed with vectors, over more than one step.
    `init_scale` draws every parameter uniform in ± itself; `forget_bias` is what the LSTM's forget gates start from,
    after that.
    """

    vocab_size: int
    embed_size: int
    hidden_size: int
    num_layers: int = 1
    cell: str = "lstm"
    input_mode: InputMode = "lookup"
    tied: bool = False
    dropout: float = 0.0
    precision: Precision = "float32"
    cudnn: bool = False
    init_scale: float | None = None
    forget_bias: float | None = None

    def setup(self) -> None:
        """Declares the parameters `embedding`, `layer_0` ... `layer_{L-1}` and `output`."""
        V, E, H = self.vocab_size, self.embed_size, self.hidden_size
        direct = self.input_mode == "direct"
        if self.tied and (direct or E != H):
            raise ValueError("tied weights need an embedding layer with embed_size equal to hidden_size")
        if not direct:
            self.table = self.param("embedding", init_table, V, E)
        input_sizes = [V if direct else E] + [H] * (self.num_layers - 1)
        self.layers: list[Layer] = [
            self.param(f"layer_{i}", init_layer, CELLS[self.cell], size, H) for i, size in enumerate(input_sizes)
        ]
        if self.tied:
            self.output = Output(self.table.T, self.param("output", init_bias, V))
        else:
            self.output = self.param("output", init_output, H, V)

    def __call__(
        self, ids: Ids, state: tuple[State, ...], key: Array | None = None
    ) -> tuple[tuple[State, ...], Float[Array, "T B H"]]:
        """The state after the last id, and what the last layer says after each: `h`, before the output layer."""
        drop = self._dropper(key)
        last, h = self._first_layer(ids, state[0], drop)
        states = [last]
        for i, layer in enumerate(self.layers[1:], start=1):
            last, h = self._layer(layer, drop(i, h), state[i])
            states.append(last)
        return tuple(states), drop(self.num_layers, h)

    def logits(self, h: Float[Array, "T B H"]) -> Float[Array, "T B V"]:
        """The output layer: unnormalised log-probabilities of the next token."""
        return linear(self.output, h, self.precision)

    def step(self, ids: Ids, state: tuple[State, ...]) -> tuple[tuple[State, ...], Float[Array, "T B V"]]:
        """The state after the last id, and the logits after each."""
        state, h = self(ids, state)
        return state, self.logits(h)

    def score(
        self, ids: Ids, targets: Ids, state: tuple[State, ...], key: Array | None = None
    ) -> tuple[tuple[State, ...], Nats]:
        """The state after the last id, and the nats that each target costs."""
        state, h = self(ids, state, key)
        return state, token_nats(self.output, h, targets, self.precision)

    def _dropper(self, key: Array | None) -> Callable[[int, Array], Array]:
        """`drop(place, x)`: dropout with the mask of that place in the network, or nothing at all."""

        def drop(place: int, x: Array) -> Array:
            if key is None or self.dropout == 0.0:
                return x
            return dropout(jax.random.fold_in(key, place), self.dropout, x)

        return drop

    def _first_layer(
        self, ids: Ids, state: State, drop: Callable[[int, Array], Array]
    ) -> tuple[State, Float[Array, "T B H"]]:
        first = self.layers[0]
        if self.input_mode == "direct":
            return self._recurrence(first, embed_lookup(first.W, ids) + first.b[None, None, :], state)
        if self.folds(*ids.shape):
            return self._recurrence(first, embed_lookup(fold(self.table, first.W, first.b, self.precision), ids), state)
        embed = embed_one_hot if self.input_mode == "one_hot" else embed_lookup
        return self._layer(first, drop(0, embed(self.table, ids)), state)

    def folds(self, T: int, B: int) -> bool:
        """Whether the embedding is folded into the input projection: nothing in between, and fewer rows than tokens."""
        nothing_between = self.input_mode == "lookup" and self.dropout == 0.0 and not self._runs_on_cudnn(T)
        return nothing_between and self.vocab_size < T * B

    def _runs_on_cudnn(self, T: int) -> bool:
        return self.cudnn and self.cell == "lstm" and self.precision == "float32" and T > 1

    def _layer(self, layer: Layer, x: Float[Array, "T B X"], state: State) -> tuple[State, Float[Array, "T B H"]]:
        if self._runs_on_cudnn(x.shape[0]):
            return cudnn_lstm(layer, x, state)
        return self._recurrence(layer, project(layer, x, self.precision), state)

    def _recurrence(self, layer: Layer, u: Float[Array, "T B GH"], state: State) -> tuple[State, Float[Array, "T B H"]]:
        return fast_scan(CELLS[self.cell], layer, u, state, self.precision)


def score(
    model: LanguageModel,
    params: Params,
    ids: Ids,
    targets: Ids,
    state: tuple[State, ...],
    key: Array | None = None,
) -> tuple[tuple[State, ...], Nats]:
    """`LanguageModel.score` as a function of the parameters: what training and evaluation differentiate and sum."""
    applied: Any = model.apply({"params": params}, ids, targets, state, key, method="score")
    return applied


def step(
    model: LanguageModel, params: Params, ids: Ids, state: tuple[State, ...]
) -> tuple[tuple[State, ...], Float[Array, "T B V"]]:
    """The state after the last id and the logits after each, as a function of the parameters: what sampling scans."""
    applied: Any = model.apply({"params": params}, ids, state, method="step")
    return applied


class ParameterCount(NamedTuple):
    """How many numbers a model learns, by part."""

    embedding: int
    recurrent: int
    output: int

    @property
    def total(self) -> int:
        """The whole model."""
        return sum(self)


def init_state(model: LanguageModel, batch_size: int) -> tuple[State, ...]:
    """The state before the first token of `batch_size` streams: zeros, for each layer arrays of its own."""
    return tuple(CELLS[model.cell].init(batch_size, model.hidden_size) for _ in range(model.num_layers))


def init_params(model: LanguageModel, key: Array) -> Params:
    """The parameters before training: a dictionary with `embedding`, `layer_0` ..., `output`."""
    ids = jnp.zeros((1, 1), jnp.int32)
    params: Params = model.init(key, ids, ids, init_state(model, 1), method="score")["params"]
    if model.init_scale is not None:
        params = uniform(key, params, model.init_scale)
    if model.forget_bias is not None:
        params = with_forget_bias(params, model.forget_bias, model.hidden_size)
    return params


def count_parameters(model: LanguageModel) -> ParameterCount:
    """Counts without allocating: shapes alone are worked out. Tied output weights count as embedding."""
    params = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
    counts = {"embedding": 0, "layer": 0, "output": 0}
    for name, part in params.items():
        counts[name.split("_")[0]] += sum(leaf.size for leaf in jax.tree.leaves(part))
    return ParameterCount(counts["embedding"], counts["layer"], counts["output"])
