"""What one training step works on, and the arrays of it: sizes alone, nothing is made.

The model is the LSTM of `LanguageModel`, with an embedding layer and the plain softmax.
"""

from itertools import pairwise
from math import prod
from typing import NamedTuple

from charrnn_jax.losses import goes_by_chunks
from charrnn_jax.model import LanguageModel
from charrnn_jax.parallel import LARGE
from charrnn_jax.sharded_vocabulary import rows_of_shard
from experiments.schedule import Optimizer, Schedule

GATES = 4
"""Of an LSTM."""


class Workload(NamedTuple):
    """The model, the window that a step reads, and the mesh of devices that share the step."""

    V: int
    E: int
    H: int
    L: int
    B: int
    """Streams, over all devices."""
    T: int
    data: int = 1
    """How many devices share the streams."""
    vocab: int = 1
    """How many devices share the vocabulary, for each share of the streams."""
    tied: bool = False
    """Whether the embedding is the output weights too; the last layer then has E units."""
    optimizer: Optimizer = "adam"
    number: int = 4
    """Bytes of a number: parameters, sums and states are float32 whatever the precision of products."""

    @property
    def devices(self) -> int:
        """Of the mesh."""
        return self.data * self.vocab

    @property
    def tokens(self) -> int:
        """That a device reads in a step."""
        return self.T * self.B // self.data

    @property
    def rows(self) -> int:
        """Of the vocabulary that a device has, padding included."""
        return rows_of_shard(self.V, self.vocab)

    @property
    def by_chunks(self) -> bool:
        """Whether the softmax of a device goes chunk by chunk."""
        return goes_by_chunks(self.tokens, self.rows)

    @property
    def folds(self) -> bool:
        """Whether the embedding is folded into the input projection; shards do not."""
        return self.vocab == 1 and model_of(self).folds(self.T, self.B // self.data)


class Weights(NamedTuple):
    """One array of parameters."""

    name: str
    shape: tuple[int, ...]
    """Of the whole, padded to equal shares of the vocabulary."""
    vocabulary: int | None = None
    """Which axis is the vocabulary, if one is."""

    @property
    def size(self) -> int:
        """How many numbers the whole has."""
        return prod(self.shape)


def model_of(work: Workload) -> LanguageModel:
    """As one device without others would have it."""
    return LanguageModel(work.V, work.E, work.H, work.L, tied=work.tied)


def schedule_of(work: Workload) -> Schedule:
    """A long one, so that no step is special."""
    return Schedule(10**6, work.B, work.T, 1e-3, optimizer=work.optimizer)


def weights(work: Workload) -> list[Weights]:
    """Every array of parameters."""
    V, layers = work.rows * work.vocab, model_of(work).layer_sizes
    found = [Weights("embedding", (V, work.E), 0)]
    for i, (X, H) in enumerate(pairwise((work.E, *layers))):
        found.append(Weights(f"layer_{i}.W", (X, GATES * H)))
        found.append(Weights(f"layer_{i}.b", (GATES * H,)))
        found.append(Weights(f"layer_{i}.R", (H, GATES * H)))
    if not work.tied:
        found.append(Weights("output.W", (layers[-1], V), 1))
    return [*found, Weights("output.b", (V,), 0)]


def numbers_here(work: Workload, array: Weights) -> int:
    """How many of its numbers a device has: its share where the vocabulary is split, else all."""
    return array.size // (1 if array.vocabulary is None else work.vocab)


def shared_axis(work: Workload, array: Weights) -> int | None:
    """Along which axis its gradient and optimiser state are shared out over `data`, as `parallel._shared_out` does."""
    for axis, size in enumerate(array.shape):
        parts = work.data * (work.vocab if axis == array.vocabulary else 1)
        if work.data > 1 and array.size >= LARGE and size % parts == 0:
            return axis
    return None


def shared_out(work: Workload, array: Weights) -> bool:
    """Whether they are at all."""
    return shared_axis(work, array) is not None


def updated_here(work: Workload, array: Weights) -> int:
    """How many of its numbers a device remembers something of, and updates."""
    return numbers_here(work, array) // (work.data if shared_out(work, array) else 1)
