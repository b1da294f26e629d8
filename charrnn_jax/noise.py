"""Which noise goes where in a network: the functions of `regularisation`, at their places."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import State
from charrnn_jax.losses import Output
from charrnn_jax.padding import held
from charrnn_jax.regularisation import (
    activation_penalty,
    drop_connect,
    dropout,
    embedding_dropout,
    locked_dropout,
    smoothing_penalty,
    temporal_penalty,
    zoneout,
)
from charrnn_jax.sharded_vocabulary import VOCAB
from charrnn_jax.types import Array, Bool, Float, Ids, Nats, Params

RECURRENT = jax.tree_util.GetAttrKey("R")
"""What every layer calls its recurrent weights."""


@dataclass(frozen=True)
class Rates:
    """How much of what is left out, or penalised, in training."""

    input_dropout: float | None = None
    """Between embedding and first layer; the rate of all connections if not given."""
    hidden_dropout: float | None = None
    """Between two layers; the rate of all connections if not given."""
    locked: bool = False
    """One mask of dropout for all steps of a window."""
    state_dropout: float = 0.0
    """Of the output h where it enters the recurrent product: one mask for all steps of a window."""
    embedding_dropout: float = 0.0
    """Of whole rows of the embedding."""
    weight_drop: float = 0.0
    """Of the recurrent weights."""
    zoneout_hidden: float = 0.0
    """How much of the output h stays as it was the step before."""
    zoneout_cell: float = 0.0
    """How much of an LSTM's memory cell does."""
    label_smoothing: float = 0.0
    """The share of the target that is spread over the vocabulary."""
    activation: float = 0.0
    """The weight of the squares of what the last layer says."""
    temporal_activation: float = 0.0
    """The weight of the squares of its changes."""

    @property
    def penalise(self) -> bool:
        """Whether anything is added to the loss."""
        return any((self.label_smoothing, self.activation, self.temporal_activation))


class Keys(NamedTuple):
    """Of all that a window draws."""

    connections: Array
    embedding: Array
    weights: Array
    states: Array
    softmax: Array
    masks: Array


class Noise(NamedTuple):
    """What is drawn for one window, and what of it is padding.

    Without keys nothing is drawn: of all noise there is the expectation of zoneout alone.
    """

    rates: Rates
    dropouts: tuple[float, ...]
    """Of the L + 1 connections, from that into the first layer to that out of the last."""
    keys: Keys | None
    padding: Bool[Array, "T B"] | None = None
    """Where a state stays as it was."""

    @property
    def softmax(self) -> Array | None:
        """The key of a sampled softmax."""
        return None if self.keys is None else self.keys.softmax

    def drop(self, place: int, x: Float[Array, "T B X"]) -> Float[Array, "T B X"]:
        """What comes through a connection."""
        rate = self.dropouts[place]
        if self.keys is None or rate == 0.0:
            return x
        way = locked_dropout if self.rates.locked else dropout
        return way(jax.random.fold_in(self.keys.connections, place), rate, x)

    def embedding(self, table: Float[Array, "V E"]) -> Float[Array, "V E"]:
        """The embedding as this window sees it."""
        if self.keys is None or self.rates.embedding_dropout == 0.0:
            return table
        return embedding_dropout(self.keys.embedding, self.rates.embedding_dropout, table)

    def of_shard(self) -> "Noise":
        """With rows of the embedding left out that are no other device's (`sharded_vocabulary`)."""
        if self.keys is None:
            return self
        key = jax.random.fold_in(self.keys.embedding, jax.lax.axis_index(VOCAB))
        return self._replace(keys=self.keys._replace(embedding=key))

    def weights(self, i: int, params: Params) -> Params:
        """Layer i as this window sees it."""
        if self.keys is None or self.rates.weight_drop == 0.0:
            return params
        key = jax.random.fold_in(self.keys.weights, i)

        def dropped(path: tuple[Any, ...], leaf: Array) -> Array:
            return drop_connect(key, self.rates.weight_drop, leaf) if path[-1] == RECURRENT else leaf

        return jax.tree.map_with_path(dropped, params)

    def mask(self, i: int, state: State) -> Float[Array, "B H"] | None:
        """What layer i sees of its own output, by a factor for each unit."""
        if self.keys is None or self.rates.state_dropout == 0.0:
            return None
        return dropout(jax.random.fold_in(self.keys.masks, i), self.rates.state_dropout, jnp.ones_like(state[0]))

    def kept(self, i: int, T: int, state: State) -> State | None:
        """How much of each field of layer i's state stays as it was."""
        zoned = self._zoned(i, T, state)
        return zoned if self.padding is None else held(self.padding, zoned, state)

    def _zoned(self, i: int, T: int, state: State) -> State | None:
        zoneout_of = {"h": self.rates.zoneout_hidden, "c": self.rates.zoneout_cell}
        if not any(zoneout_of.get(field) for field in state._fields):
            return None

        def keep(n: int, field: str, x: Array | None) -> Array | None:
            key = None if self.keys is None else jax.random.fold_in(self.keys.states, len(state) * i + n)
            return None if x is None else zoneout(key, zoneout_of.get(field, 0.0), T, *x.shape)

        return type(state)(*(keep(n, *item) for n, item in enumerate(state._asdict().items())))


def noise(
    rates: Rates, dropouts: tuple[float, ...], key: Array | None, padding: Bool[Array, "T B"] | None = None
) -> Noise:
    """All of a window, from one key."""
    keys = None if key is None else Keys(*jax.random.split(key, len(Keys._fields)))
    return Noise(rates, dropouts, keys, padding)


def penalty(
    rates: Rates,
    output: Output,
    raw: Float[Array, "T B H"],
    dropped: Float[Array, "T B H"],
    targets: Ids,
    steps: Float[Array, ""] | None = None,
) -> Nats:
    """What is added to the loss of each target, given the last layer's `h` before and after dropout.

    `steps` is how many steps of the window count, if not all T.
    """
    added = jnp.zeros(targets.shape)
    if rates.activation:
        added += activation_penalty(rates.activation, dropped)
    if rates.temporal_activation:
        added += temporal_penalty(rates.temporal_activation, raw, steps)
    if rates.label_smoothing:
        added += smoothing_penalty(rates.label_smoothing, output, dropped, targets)
    return added
