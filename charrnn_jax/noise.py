"""Which noise goes where in a network: the functions of `regularisation`, at their places."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from charrnn_jax.cells import State
from charrnn_jax.losses import Output
from charrnn_jax.recurrence import Layer
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
from charrnn_jax.types import Array, Float, Ids, Nats


@dataclass(frozen=True)
class Rates:
    """How much of what is left out, or penalised, in training."""

    input_dropout: float | None = None
    """Between embedding and first layer; the rate of all connections if not given."""
    hidden_dropout: float | None = None
    """Between two layers; the rate of all connections if not given."""
    locked: bool = False
    """One mask of dropout for all steps of a window."""
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


class Noise(NamedTuple):
    """What is drawn for one window. Without keys it is nothing, but for the expectation of zoneout."""

    rates: Rates
    dropouts: tuple[float, ...]
    """Of the L + 1 connections, from that into the first layer to that out of the last."""
    keys: Keys | None

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

    def weights(self, i: int, layer: Layer) -> Layer:
        """Layer i as this window sees it."""
        if self.keys is None or self.rates.weight_drop == 0.0:
            return layer
        return layer._replace(R=drop_connect(jax.random.fold_in(self.keys.weights, i), self.rates.weight_drop, layer.R))

    def kept(self, i: int, T: int, state: State) -> State | None:
        """How much of each field of layer i's state stays as it was."""
        rates = (self.rates.zoneout_hidden, *[self.rates.zoneout_cell] * (len(state) - 1))
        if not any(rates):
            return None
        number = range(len(rates) * i, len(rates) * (i + 1))
        keys = [None if self.keys is None else jax.random.fold_in(self.keys.states, n) for n in number]
        shape = T, *state.h.shape
        return type(state)(*(zoneout(key, rate, *shape) for key, rate in zip(keys, rates, strict=True)))


def noise(rates: Rates, dropouts: tuple[float, ...], key: Array | None) -> Noise:
    """All of a window, from one key."""
    keys = None if key is None else Keys(*jax.random.split(key, len(Keys._fields)))
    return Noise(rates, dropouts, keys)


def penalty(
    rates: Rates, output: Output, raw: Float[Array, "T B H"], dropped: Float[Array, "T B H"], targets: Ids
) -> Nats:
    """What is added to the loss of each target, given the last layer's `h` before and after dropout."""
    added = jnp.zeros(targets.shape)
    if rates.activation:
        added += activation_penalty(rates.activation, dropped)
    if rates.temporal_activation:
        added += temporal_penalty(rates.temporal_activation, raw)
    if rates.label_smoothing:
        added += smoothing_penalty(rates.label_smoothing, output, dropped, targets)
    return added
