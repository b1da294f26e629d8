"""The language model: it names parameters, and calls the functions of the other files."""

from functools import partial
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import flax.linen as nn
import jax.numpy as jnp

from charrnn_jax import sharded_vocabulary as sharded
from charrnn_jax.cells import State
from charrnn_jax.cudnn import cudnn_lstm
from charrnn_jax.embedding import embed_lookup, embed_one_hot
from charrnn_jax.initialisation import Initial, init_table, redrawn
from charrnn_jax.mogrifier import Gating
from charrnn_jax.noise import Noise, Rates, noise, penalty
from charrnn_jax.outputs import OutputLayer, Softmax, output_of, tied_weights
from charrnn_jax.padding import is_padding, steps_of
from charrnn_jax.products import Precision
from charrnn_jax.recurrences import Recurrence, recurrence_of
from charrnn_jax.types import Array, Float, Ids, Nats, Params

InputMode: TypeAlias = Literal["lookup", "one_hot", "direct"]
PROJECTED = "projected"
"""What `folded` adds to the parameters: the input projection of every row of the table."""


class LanguageModel(nn.Module):
    """Token ids -> hidden states -> the probability of every next token.

    `input_mode` says how an id enters the first recurrent layer:

    - `lookup`: through an embedding layer, by index;
    - `one_hot`: through the same embedding layer, by a product with one-hot vectors;
    - `direct`: as a one-hot vector, straight into the hidden layer, whose input weights do the embedding. Their
      product with a one-hot vector is one of their rows, so that no one-hot vector is ever made.

    `cell` names the recurrent layers (`recurrences.recurrence_of`; `gating` is for Mogrifiers), `softmax` the output
    layer (`outputs.output_of`), which with `sum_layers` reads the sum of what all layers say. `tied` takes the
    embedding table, transposed, as output weights (Press and Wolf, 2017): the last layer has E units. `dropout` is
    the rate on the non-recurrent connections, for calls that bring a key; `rates` has all other noise. `precision` is
    that of the operands of every product; parameters, sums, state and softmax are float32 whatever it is. `cudnn` has
    an NVIDIA GPU's own routine run the layers that it knows: LSTMs in float32, fed with vectors, over more than one
    step. `initial` has other initial values than those that the parts draw of their own. `padded` takes windows that
    end before their array does (`padding`). With `shards` above 1 it is the model as one of so many devices has it
    (`sharded_vocabulary`), inside `shard_map`.
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
    gating: Gating = Gating()
    softmax: Softmax = Softmax()
    sum_layers: bool = False
    padded: bool = False
    shards: int = 1

    def setup(self) -> None:
        """Declares the parameters `embedding`, `layer_0` ... `layer_{L-1}` and `output`."""
        V, E = sharded.rows_of_shard(self.vocab_size, self.shards), self.embed_size
        if self.sum_layers and len(set(self.layer_sizes)) > 1:
            raise ValueError("layers whose outputs are added need as many units each: embed_size equal to hidden_size")
        if self.tied and (self.input_mode == "direct" or (self.num_layers == 1 and self.hidden_size != E)):
            raise ValueError("tied weights need an embedding layer, and a single layer embed_size equal to hidden_size")
        splits = self.input_mode == "lookup" and self.softmax.plain and not self.rates.label_smoothing
        if self.shards > 1 and not splits:
            raise ValueError("devices share a vocabulary that is looked up, under a plain softmax without smoothing")
        if self.input_mode != "direct":
            self.table = self.param("embedding", init_table, V, E)
        sizes = V if self.input_mode == "direct" else E, *self.layer_sizes
        self.layers: list[Params] = [
            self.param(f"layer_{i}", self.recurrence.init_params, *pair) for i, pair in enumerate(pairwise(sizes))
        ]
        init = self.output_layer.init_tied if self.tied else self.output_layer.init_params
        self.output = self.param("output", init, sizes[-1], V)

    @property
    def recurrence(self) -> Recurrence:
        """What every recurrent layer is."""
        return recurrence_of(self.cell, self.gating)

    @property
    def output_layer(self) -> OutputLayer:
        """What the output layer is."""
        layer = output_of(self.softmax, self.embed_size)
        if self.shards == 1:
            return layer
        return layer._replace(nats=partial(sharded.token_nats, vocab_size=self.vocab_size))

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """The hidden units of each layer."""
        last = self.embed_size if self.tied else self.hidden_size
        return (*[self.hidden_size] * (self.num_layers - 1), last)

    def __call__(
        self, ids: Ids, state: tuple[State, ...], key: Array | None = None
    ) -> tuple[tuple[State, ...], Float[Array, "T B H"]]:
        """The state after the last id, and what the last layer says after each: `h`, before the output layer."""
        states, _, h = self._run(ids, state, self._noise(ids, key))
        return states, h

    def output_params(self) -> Params:
        """The parameters of the output layer, with the table in it if it is tied."""
        with_weights = self.output_layer.with_weights
        if not self.tied or with_weights is None:
            return self.output
        return with_weights(self.output, tied_weights(self.table, self.precision))

    def logits(self, h: Float[Array, "T B H"]) -> Float[Array, "T B V"]:
        """The output layer: unnormalised log-probabilities of the next token."""
        return self.output_layer.logits(self.output_params(), h, self.precision)

    def nats(self, h: Float[Array, "T B H"], targets: Ids, key: Array | None = None) -> Nats:
        """What each target costs. With a key, an estimate of it where the output layer trains on one."""
        layer, params = self.output_layer, self.output_params()
        if key is None or layer.estimate is None:
            return layer.nats(params, h, targets, precision=self.precision)
        return layer.estimate(params, h, targets, key=key, precision=self.precision)

    def step(self, ids: Ids, state: tuple[State, ...]) -> tuple[tuple[State, ...], Float[Array, "T B V"]]:
        """The state after the last id, and the logits after each."""
        state, h = self(ids, state)
        return state, self.logits(h)

    def score(
        self, ids: Ids, targets: Ids, state: tuple[State, ...], key: Array | None = None
    ) -> tuple[tuple[State, ...], Nats]:
        """The state after the last id, and the nats that each target costs. A key turns noise on."""
        drawn = self._noise(ids, key)
        states, _, h = self._run(ids, state, drawn)
        return states, self.nats(h, targets, drawn.softmax)

    def penalised_score(
        self, ids: Ids, targets: Ids, state: tuple[State, ...], key: Array
    ) -> tuple[tuple[State, ...], Nats, Nats]:
        """As `score`, and what the rates add to the loss of each target."""
        drawn = self._noise(ids, key)
        states, raw, h = self._run(ids, state, drawn)
        steps = steps_of(ids) if self.padded else None
        added = penalty(self.rates, self.output_params(), raw, h, targets, steps)
        return states, self.nats(h, targets, drawn.softmax), added

    def _noise(self, ids: Ids, key: Array | None) -> Noise:
        return noise(self.rates, self.dropouts, key, is_padding(ids) if self.padded else None)

    def _run(self, ids: Ids, state: tuple[State, ...], drawn: Noise) -> tuple[tuple[State, ...], Array, Array]:
        """The states after the last id, and what the output layer is told, before and after dropout."""
        ids = jnp.maximum(ids, 0) if self.padded else ids  # padding may look up any row
        last, h = self._first_layer(ids, state[0], drawn)
        states, said = [last], h
        for i in range(1, self.num_layers):
            last, h = self._layer(i, drawn.drop(i, h), state[i], drawn)
            states.append(last)
            said = said + h if self.sum_layers else h
        return tuple(states), said, drawn.drop(self.num_layers, said)

    @property
    def dropouts(self) -> tuple[float, ...]:
        """The rate of each connection, from that into the first layer to that out of the last."""
        into, between = self.rates.input_dropout, self.rates.hidden_dropout
        own = [into, *[between] * (self.num_layers - 1), None]
        return tuple(self.dropout if rate is None else rate for rate in own)

    def _first_layer(self, ids: Ids, state: State, drawn: Noise) -> tuple[State, Float[Array, "T B H"]]:
        if self.input_mode == "direct":
            return self._recurrence(0, self._project(0, ids), state, drawn)
        if self.shards > 1:
            table = drawn.of_shard().embedding(self.table)
            return self._layer(0, drawn.drop(0, sharded.embed_lookup(table, ids, self.vocab_size)), state, drawn)
        if self.has_variable("params", PROJECTED):
            return self._recurrence(0, embed_lookup(self.get_variable("params", PROJECTED), ids), state, drawn)
        table = drawn.embedding(self.table)
        if self.folds(*ids.shape):
            return self._recurrence(0, embed_lookup(self._projected(table), ids), state, drawn)
        embed = embed_one_hot if self.input_mode == "one_hot" else embed_lookup
        return self._layer(0, drawn.drop(0, embed(table, ids)), state, drawn)

    def projected(self) -> Float[Array, "V U"]:
        """The input projection of every row of the table."""
        return self._projected(self.table)

    def _projected(self, table: Float[Array, "V E"]) -> Float[Array, "V U"]:
        return self._project(0, table[:, None, :])[:, 0]

    def folds(self, T: int, B: int) -> bool:
        """Whether the input projection is that of the table's rows: nothing in between, and fewer rows than tokens.

        `x W + b` of every row, looked up, equals the rows looked up, times W, plus b: the embedding is folded into the
        projection, at the cost of V products instead of one for each token.
        """
        nothing_between = self.input_mode == "lookup" and self.dropouts[0] == 0.0 and not self._runs_on_cudnn(T)
        return nothing_between and self.recurrence.projects and self.vocab_size < T * B

    def _runs_on_cudnn(self, T: int) -> bool:
        inside = self.padded or any((self.rates.zoneout_hidden, self.rates.zoneout_cell, self.rates.state_dropout))
        return self.cudnn and self.cell == "lstm" and self.precision == "float32" and T > 1 and not inside

    def _layer(
        self, i: int, x: Float[Array, "T B X"], state: State, drawn: Noise
    ) -> tuple[State, Float[Array, "T B H"]]:
        if self._runs_on_cudnn(x.shape[0]):
            return cudnn_lstm(drawn.weights(i, self.layers[i]), x, state)
        return self._recurrence(i, self._project(i, x), state, drawn)

    def _project(self, i: int, x: Float[Array, "_ _ X"] | Ids) -> Float[Array, "_ _ U"]:
        return self.recurrence.project(self.layers[i], x, self.precision)

    def _recurrence(
        self, i: int, u: Float[Array, "T B U"], state: State, drawn: Noise
    ) -> tuple[State, Float[Array, "T B H"]]:
        layer, kept = drawn.weights(i, self.layers[i]), drawn.kept(i, len(u), state)
        return self.recurrence.run(layer, u, state, self.precision, kept, drawn.mask(i, state))


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


def folded(model: LanguageModel, params: Params, tokens: int) -> Params:
    """The parameters for a loop of `step` over so many tokens: where it pays (`LanguageModel.folds`), the embedding is
    folded into the input projection here, once, and the loop looks up its rows.
    """
    if not model.folds(1, tokens):
        return params
    return {**params, PROJECTED: model.apply({"params": params}, method="projected")}


def init_state(model: LanguageModel, batch_size: int) -> tuple[State, ...]:
    """The state before the first token of `batch_size` streams: zeros, for each layer arrays of its own."""
    return tuple(model.recurrence.init_state(batch_size, size) for size in model.layer_sizes)


def init_params(model: LanguageModel, key: Array) -> Params:
    """The parameters before training: a dictionary with `embedding`, `layer_0` ..., `output`."""
    ids = jnp.zeros((1, 1), jnp.int32)
    params: Params = model.init(key, ids, ids, init_state(model, 1), method="score")["params"]
    return redrawn(model.initial, key, params)
