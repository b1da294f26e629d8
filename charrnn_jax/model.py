"""The language model: it names parameters, and calls the functions of the other files."""

from itertools import pairwise
from typing import Any, Literal, TypeAlias

import flax.linen as nn
import jax.numpy as jnp

from charrnn_jax import sharded_vocabulary as sharded
from charrnn_jax.cells import CELLS, State
from charrnn_jax.cudnn import cudnn_lstm
from charrnn_jax.embedding import embed_lookup, embed_one_hot, fold
from charrnn_jax.fast_recurrence import fast_scan
from charrnn_jax.initialisation import Initial, init_bias, init_output, init_table, redrawn
from charrnn_jax.losses import Output, linear, token_nats
from charrnn_jax.noise import Noise, Rates, noise, penalty
from charrnn_jax.products import Precision
from charrnn_jax.recurrence import Layer, init_layer, project
from charrnn_jax.types import Array, Float, Ids, Nats, Params

InputMode: TypeAlias = Literal["lookup", "one_hot", "direct"]


class LanguageModel(nn.Module):
    """Token ids -> hidden states -> the probability of every next token.

    `input_mode` says how an id enters the first recurrent layer:

    - `lookup`: through an embedding layer, by index;
    - `one_hot`: through the same embedding layer, by a product with one-hot vectors;
    - `direct`: as a one-hot vector, straight into the hidden layer, whose input weights do the embedding. Their
      product with a one-hot vector is one of their rows, so that no one-hot vector is ever made.

    `tied` takes the embedding table, transposed, as output weights (Press and Wolf, 2017): the last layer has E units.
    `dropout` is the rate on the non-recurrent connections, for calls that bring a key; `rates` has all other noise.
    `precision` is that of the operands of every product; parameters, sums, state and softmax are float32 whatever it
    is. `cudnn` has an NVIDIA GPU's own routine run the layers that it knows: LSTMs in float32, fed with vectors, over
    more than one step. `initial` has other initial values than those that the parts draw of their own.
    With `shards` above 1 it is the model as one of so many devices has it (`sharded_vocabulary`), inside `shard_map`.
    """

    vocab_size: int
    embed_size: int
    hidden_size: int
    num_layers: int = 1
    cell: str = "lstm"
    input_mode: InputMode = "lookup"
    tied: bool = False
    dropout: float = 0.0
    rates: Rates = Rates()
    precision: Precision = "float32"
    cudnn: bool = False
    initial: Initial = Initial()
    shards: int = 1

    def setup(self) -> None:
        """Declares the parameters `embedding`, `layer_0` ... `layer_{L-1}` and `output`."""
        V, E = sharded.rows_of_shard(self.vocab_size, self.shards), self.embed_size
        if self.tied and (self.input_mode == "direct" or (self.num_layers == 1 and self.hidden_size != E)):
            raise ValueError("tied weights need an embedding layer, and a single layer embed_size equal to hidden_size")
        if self.input_mode != "direct":
            self.table = self.param("embedding", init_table, V, E)
        sizes = V if self.input_mode == "direct" else E, *self.layer_sizes
        self.layers: list[Layer] = [
            self.param(f"layer_{i}", init_layer, CELLS[self.cell], *pair) for i, pair in enumerate(pairwise(sizes))
        ]
        if self.tied:
            self.output = Output(self.table.T, self.param("output", init_bias, V))
        else:
            self.output = self.param("output", init_output, sizes[-1], V)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """The hidden units of each layer."""
        last = self.embed_size if self.tied else self.hidden_size
        return (*[self.hidden_size] * (self.num_layers - 1), last)

    def __call__(
        self, ids: Ids, state: tuple[State, ...], key: Array | None = None
    ) -> tuple[tuple[State, ...], Float[Array, "T B H"]]:
        """The state after the last id, and what the last layer says after each: `h`, before the output layer."""
        states, _, h = self._run(ids, state, key)
        return states, h

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
        return state, self._nats(h, targets)

    def penalised_score(
        self, ids: Ids, targets: Ids, state: tuple[State, ...], key: Array
    ) -> tuple[tuple[State, ...], Nats, Nats]:
        """As `score`, and what the rates add to the loss of each target."""
        states, raw, h = self._run(ids, state, key)
        nats = self._nats(h, targets)
        return states, nats, penalty(self.rates, self.output, raw, h, targets)

    def _run(self, ids: Ids, state: tuple[State, ...], key: Array | None) -> tuple[tuple[State, ...], Array, Array]:
        """The states after the last id, and the last layer's `h` before and after dropout."""
        drawn = noise(self.rates, self.dropouts, key)
        last, h = self._first_layer(ids, state[0], drawn)
        states = [last]
        for i in range(1, self.num_layers):
            last, h = self._layer(i, drawn.drop(i, h), state[i], drawn)
            states.append(last)
        return tuple(states), h, drawn.drop(self.num_layers, h)

    def _nats(self, h: Float[Array, "T B H"], targets: Ids) -> Nats:
        if self.shards == 1:
            return token_nats(self.output, h, targets, self.precision)
        return sharded.token_nats(self.output, h, targets, self.vocab_size, self.precision)

    @property
    def dropouts(self) -> tuple[float, ...]:
        """The rate of each connection, from that into the first layer to that out of the last."""
        into, between = self.rates.input_dropout, self.rates.hidden_dropout
        own = [into, *[between] * (self.num_layers - 1), None]
        return tuple(self.dropout if rate is None else rate for rate in own)

    def _first_layer(self, ids: Ids, state: State, drawn: Noise) -> tuple[State, Float[Array, "T B H"]]:
        first = self.layers[0]
        if self.input_mode == "direct":
            return self._recurrence(0, embed_lookup(first.W, ids) + first.b[None, None, :], state, drawn)
        if self.shards > 1:
            table = drawn.of_shard().embedding(self.table)
            return self._layer(0, drawn.drop(0, sharded.embed_lookup(table, ids, self.vocab_size)), state, drawn)
        table = drawn.embedding(self.table)
        if self.folds(*ids.shape):
            folded = fold(table, first.W, first.b, self.precision)
            return self._recurrence(0, embed_lookup(folded, ids), state, drawn)
        embed = embed_one_hot if self.input_mode == "one_hot" else embed_lookup
        return self._layer(0, drawn.drop(0, embed(table, ids)), state, drawn)

    def folds(self, T: int, B: int) -> bool:
        """Whether the embedding is folded into the input projection: nothing in between, and fewer rows than tokens."""
        nothing_between = self.input_mode == "lookup" and self.dropouts[0] == 0.0 and not self._runs_on_cudnn(T)
        return nothing_between and self.vocab_size < T * B

    def _runs_on_cudnn(self, T: int) -> bool:
        zoneout = self.rates.zoneout_hidden or self.rates.zoneout_cell
        return self.cudnn and self.cell == "lstm" and self.precision == "float32" and T > 1 and not zoneout

    def _layer(
        self, i: int, x: Float[Array, "T B X"], state: State, drawn: Noise
    ) -> tuple[State, Float[Array, "T B H"]]:
        if self._runs_on_cudnn(x.shape[0]):
            return cudnn_lstm(drawn.weights(i, self.layers[i]), x, state)
        return self._recurrence(i, project(self.layers[i], x, self.precision), state, drawn)

    def _recurrence(
        self, i: int, u: Float[Array, "T B GH"], state: State, drawn: Noise
    ) -> tuple[State, Float[Array, "T B H"]]:
        layer, kept = drawn.weights(i, self.layers[i]), drawn.kept(i, len(u), state)
        return fast_scan(CELLS[self.cell], layer, u, state, self.precision, kept)


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


def penalised_score(
    model: LanguageModel, params: Params, ids: Ids, targets: Ids, state: tuple[State, ...], key: Array
) -> tuple[tuple[State, ...], Nats, Nats]:
    """`LanguageModel.penalised_score` as a function of the parameters: what training differentiates."""
    applied: Any = model.apply({"params": params}, ids, targets, state, key, method="penalised_score")
    return applied


def step(
    model: LanguageModel, params: Params, ids: Ids, state: tuple[State, ...]
) -> tuple[tuple[State, ...], Float[Array, "T B V"]]:
    """The state after the last id and the logits after each, as a function of the parameters: what sampling scans."""
    applied: Any = model.apply({"params": params}, ids, state, method="step")
    return applied


def init_state(model: LanguageModel, batch_size: int) -> tuple[State, ...]:
    """The state before the first token of `batch_size` streams: zeros, for each layer arrays of its own."""
    return tuple(CELLS[model.cell].init(batch_size, size) for size in model.layer_sizes)


def init_params(model: LanguageModel, key: Array) -> Params:
    """The parameters before training: a dictionary with `embedding`, `layer_0` ..., `output`."""
    ids = jnp.zeros((1, 1), jnp.int32)
    params: Params = model.init(key, ids, ids, init_state(model, 1), method="score")["params"]
    return redrawn(model.initial, key, params)
