"""What the devices of a training step tell each other, and how long that takes in rings.

Along `data`: the gradient of what every device has, summed as one vector; of a large array a device gets its share of
the sum, updates it, and gathers what the others updated. Along `vocab`: a vector for each token looked up,
three numbers for each one scored, and the gradient of its hidden state (`parallel`, `sharded_vocabulary`).
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from experiments.scaling.workload import Workload, model_of, numbers_here, shared_out, weights

Kind = Literal["all-reduce", "reduce-scatter", "all-gather"]
Axis = Literal["data", "vocab"]
SUMS = 2
"""Nats and scored tokens, in the vector with the gradient."""
NORMS = 2
"""The norm of the gradient is worked out for the clip, and reported: a sum of squares for each."""


class Collective(NamedTuple):
    """What the devices along one axis exchange, once a step."""

    what: str
    kind: Kind
    axis: Axis
    bytes: int
    """Of the whole array: what a device has before an all-reduce or a reduce-scatter, and after an all-gather."""


class Link(NamedTuple):
    """What a device sends to the next one through."""

    bandwidth: float
    """Bytes a second, in one direction."""
    latency: float
    """Seconds a message."""


def collectives(work: Workload) -> list[Collective]:
    """Of one step, along the axes that have more than one device."""
    along_vocab = _along_vocabulary(work) if work.vocab > 1 else ()
    along_data = _along_data(work) if work.data > 1 else ()
    return [*along_vocab, *along_data]


def _along_vocabulary(work: Workload) -> Iterator[Collective]:
    last = model_of(work).layer_sizes[-1]
    for what, numbers in {
        "embedding vectors": work.tokens * work.E,
        "largest logits": work.tokens,
        "sums of exponentials": work.tokens,
        "logits of targets": work.tokens,
        "gradient of hidden states": work.tokens * last,
        "norms": NORMS * sum(array.vocabulary is not None for array in weights(work)),
    }.items():
        yield Collective(what, "all-reduce", "vocab", work.number * numbers)


def _along_data(work: Workload) -> Iterator[Collective]:
    shared = [array for array in weights(work) if shared_out(work, array)]
    whole = sum(numbers_here(work, array) for array in weights(work) if array not in shared)
    yield Collective("gradient and sums", "all-reduce", "data", work.number * (whole + SUMS))
    for array in shared:
        size = work.number * numbers_here(work, array)
        yield Collective(f"gradient of {array.name}", "reduce-scatter", "data", size)
        yield Collective(f"updated {array.name}", "all-gather", "data", size)
    if shared:
        yield Collective("norms", "all-reduce", "data", work.number * NORMS * len(shared))


def ring_seconds(kind: Kind, size: int, devices: int, link: Link) -> float:
    """Of one collective of `size` bytes, around a ring: n - 1 messages of an n-th each, an all-reduce twice as many.

    Patarasuk and Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of workstations, section 4: no
    algorithm sends fewer bytes.
    """
    messages = (2 if kind == "all-reduce" else 1) * (devices - 1)
    return messages * (size / devices / link.bandwidth + link.latency)
