"""What a training step needs of each device: bytes, floating-point operations and time, worked out from sizes alone.

Time is the sum of its parts: products, passes over memory, collectives, none of which is expected to overlap another.
"""

from functools import cache
from typing import NamedTuple

from charrnn_jax.losses import LOGITS
from experiments.measures.flops import MULTIPLY_ADD, flops, output_flops
from experiments.scaling.collectives import Axis, Collective, Link, collectives, ring_seconds
from experiments.scaling.workload import GATES, Workload, model_of, numbers_here, shared_axis, updated_here, weights

REMEMBERED = {"adam": 2, "rmsprop": 1, "sgd": 0}
"""Numbers that an optimiser remembers of each parameter."""
COUNTS = {"adam": 8, "rmsprop": 4, "sgd": 4}
"""Bytes of its counts of steps."""
PASSES_OF_UPDATE = 3
"""Over a parameter: read twice for the norms and the step, and written."""
PASSES_OF_MEMORY = 2
"""Over what the optimiser remembers: read, and written."""
PASSES_OF_GRADIENT = 4
"""Zeroed, written, read for the norm and for the update."""
PASSES_OF_ACTIVATIONS = 4
"""Written by one loop or product and read by the next, forward, and backward again."""
PASSES_OF_LOGITS = 8
"""Written, read for the largest, read and written as exponentials, read and written as gradient, read by two
products."""
PASSES_OF_CHUNK = 9
"""The same, but that a chunk's logits are worked out twice: written and read twice forward, then as above."""
FACTORS = 7
"""Numbers that an LSTM leaves behind for each unit and token: four derivatives of u, two of the state, and h."""


class Machine(NamedTuple):
    """What is expected of each device, and of what connects it with others."""

    name: str
    product: float
    """FLOP/s of the product of two large matrices."""
    recurrent: float
    """FLOP/s of the products inside a recurrence."""
    memory: float
    """Bytes a second, read or written."""
    within: Link
    """Between the devices of one node."""
    between: Link
    """Out of a node, all its devices together."""
    node: int
    """Devices of a node."""
    loop: float = 0.0
    """Seconds for a time step of a layer beside its product, such as the launch of kernels."""


class Bytes(NamedTuple):
    """What a device holds, by part."""

    parameters: int
    optimizer: int
    """What it remembers, and two counts of steps."""
    ids: int
    """The window and its weights, the recurrent state, and the number of the step."""
    gradients: int
    """This device's, and its share of their sum over devices; of which it gets columns, once more, transposed."""
    activations: int
    """What the forward pass leaves for the backward, beside logits."""
    logits: int
    """As many as are in memory at once, all or a chunk, and their exponentials or gradient."""
    reused: int
    """Of the two above, what takes the place of others: where the softmax is whole, logits are gone before the
    gradients of anything but the output layer are there. A loop over chunks keeps a place of its own."""

    @property
    def arguments(self) -> int:
        """What is there before a step, and after it."""
        return self.parameters + self.optimizer + self.ids

    @property
    def temporary(self) -> int:
        """What is there during a step alone."""
        return self.gradients + self.activations + self.logits - self.reused

    @property
    def total(self) -> int:
        """The most at once."""
        return self.arguments + self.temporary


class Seconds(NamedTuple):
    """Of one step, by part."""

    loops: float
    products: float
    memory: float
    vocab: float
    data: float

    @property
    def total(self) -> float:
        """A step. Not `sum`: from Python 3.12 on that rounds otherwise."""
        return self.loops + self.products + self.memory + self.vocab + self.data


def parameter_bytes(work: Workload) -> int:
    """Of the whole model, wherever it is; padding included."""
    return work.number * sum(array.size for array in weights(work))


def copies(work: Workload) -> int:
    """A parameter, and what the optimiser remembers of it: numbers of each that a checkpoint has."""
    return 1 + REMEMBERED[work.optimizer]


def bytes_of(work: Workload) -> Bytes:
    """On one device."""
    here = {array.name: numbers_here(work, array) for array in weights(work)}
    parameters, updated = sum(here.values()), sum(updated_here(work, array) for array in weights(work))
    hidden, streams = sum(model_of(work).layer_sizes), work.B // work.data
    logits = 2 * (LOGITS // work.tokens if work.by_chunks else work.rows) * work.tokens
    gradients, of_output = parameters + updated + transposed(work), here["embedding" if work.tied else "output.W"]
    at_once = logits + gradients if work.by_chunks else max(logits + of_output, gradients)
    return Bytes(
        parameters=work.number * parameters,
        optimizer=work.number * REMEMBERED[work.optimizer] * updated + COUNTS[work.optimizer],
        ids=12 * work.tokens + 1 + 4 + work.number * 2 * hidden * streams,
        gradients=work.number * gradients,
        activations=work.number * work.tokens * (FACTORS * hidden + (0 if work.folds else work.E)),
        logits=work.number * logits,
        reused=work.number * (logits + gradients - at_once),
    )


def transposed(work: Workload) -> int:
    """How many numbers of a gradient XLA writes in another order, before it gives every device its columns."""
    return sum(numbers_here(work, array) for array in weights(work) if shared_axis(work, array))


@cache
def flops_of(work: Workload) -> tuple[int, int]:
    """Of one device: of the products inside loops over time, and of all others.

    The recurrence is the same on all devices that share a vocabulary: each does all of it for its streams.
    """
    model, streams = model_of(work), work.B // work.data
    rows = work.V if work.vocab == 1 else max(work.V, work.tokens)  # a shard folds no embedding: no fewer rows
    recurrent = flops(model.clone(vocab_size=rows), work.T, streams, training=True).recurrent
    loops = 2 * MULTIPLY_ADD * work.tokens * sum(GATES * H * H for H in model.layer_sizes)
    return loops, recurrent - loops + softmax_flops(work, work.by_chunks)


def softmax_flops(work: Workload, by_chunks: bool) -> int:
    """Of one device's share of the output layer."""
    return output_flops(work.tokens, work.rows, model_of(work).layer_sizes[-1], training=True, by_chunks=by_chunks)


def moved_bytes(work: Workload) -> int:
    """Read and written by one device beside what its products read: passes over what it holds."""
    held = bytes_of(work)
    scored = work.number * work.tokens * work.rows * (PASSES_OF_CHUNK if work.by_chunks else PASSES_OF_LOGITS)
    state = PASSES_OF_UPDATE * held.parameters + PASSES_OF_MEMORY * held.optimizer
    gradient = PASSES_OF_GRADIENT * held.parameters + 2 * work.number * transposed(work)
    return state + gradient + PASSES_OF_ACTIVATIONS * held.activations + scored


def link_of(machine: Machine, work: Workload, axis: Axis) -> Link:
    """What a device's ring along that axis goes through: inside a node where the ring fits, else its share of the way
    out. The devices that share a vocabulary are neighbours."""
    reach = work.vocab if axis == "vocab" else work.devices
    if reach <= machine.node:
        return machine.within
    rings = min(work.vocab, machine.node) if axis == "data" else max(1, machine.node // work.vocab)
    return machine.between._replace(bandwidth=machine.between.bandwidth / rings)


def exchange_seconds(exchange: Collective, work: Workload, machine: Machine) -> float:
    """Of one collective, along its axis of the mesh."""
    devices, link = getattr(work, exchange.axis), link_of(machine, work, exchange.axis)
    return ring_seconds(exchange.kind, exchange.bytes, devices, link)


def seconds_of(work: Workload, machine: Machine) -> Seconds:
    """Of one step."""
    loops, others = flops_of(work)
    sizes = model_of(work).layer_sizes
    read = 2 * work.T * work.number * sum(GATES * H * H for H in sizes)  # R at every step, forward and backward
    along = {"data": 0.0, "vocab": 0.0}
    for exchange in collectives(work):
        along[exchange.axis] += exchange_seconds(exchange, work, machine)
    return Seconds(
        loops=max(loops / machine.recurrent, read / machine.memory) + 2 * work.T * len(sizes) * machine.loop,
        products=others / machine.product,
        memory=moved_bytes(work) / machine.memory,
        **along,
    )
