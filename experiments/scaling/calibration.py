"""What the devices at hand can do, measured by small programs that all of them run at once, as in a training step."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec as P

from charrnn_jax.parallel import DATA, mesh_of
from charrnn_jax.products import multiplier, multiplier_with_transposed, product
from charrnn_jax.types import Array
from experiments.measures.flops import MULTIPLY_ADD
from experiments.peers.peak import ROWS
from experiments.scaling.collectives import Link
from experiments.scaling.cost import Machine
from experiments.scaling.workload import GATES

COPIED = 2**26
"""Bytes: more than caches hold."""
SUMMED = (2**10, 2**17, 2**20, 2**24)
"""Bytes of all-reduces."""
FLOAT = 4
REPEATS = 16
"""Of what is too short to be timed alone."""
ALONE = Link(float("inf"), 0.0)
"""What a device without others sends nothing through."""


class Probe(NamedTuple):
    """A program that every device runs once a call."""

    run: Callable[[], Any]
    amount: float
    """FLOPs, or bytes read and written, of one device in a call; of an all-reduce, the bytes of one of its arrays."""
    times: int = 1
    """How often that is done in a call."""


class Calibrated(NamedTuple):
    """What so many devices were found to be."""

    machine: Machine
    all_reduce: dict[int, float]
    """Seconds, by bytes."""


def probes(number: int, rows: int, hidden: int, length: int) -> dict[str, Probe]:
    """For that many devices, each of which has `rows` streams of so many hidden units and windows of that `length`."""
    on_each = partial(_on_each, number)
    square = np.full((ROWS, ROWS), 1 / ROWS, np.float32)
    h, R = np.ones((rows, hidden), np.float32), np.full((hidden, GATES * hidden), 1 / hidden, np.float32)
    in_a_loop = on_each(partial(_there_and_back, length), h, R)
    found = {
        "product": Probe(on_each(product, square, square), MULTIPLY_ADD * ROWS**3),
        "recurrent": Probe(in_a_loop, 2 * MULTIPLY_ADD * h.size * GATES * hidden, REPEATS),
        "memory": Probe(on_each(jnp.negative, np.ones(COPIED // FLOAT, np.float32)), 2 * COPIED),
    }
    for size in SUMMED if number > 1 else ():
        found[f"all-reduce {size}"] = Probe(on_each(_sums, np.ones(size // FLOAT, np.float32)), size, REPEATS)
    return found


def _on_each(number: int, function: Callable[..., Array], *arguments: np.ndarray) -> Callable[[], Any]:
    """A call of it on each device, all with the same arguments."""
    mesh = mesh_of(jax.devices()[:number], number)
    spread = jax.shard_map(function, mesh=mesh, in_specs=P(), out_specs=P(DATA), check_vma=False)
    placed = jax.device_put(arguments, jax.NamedSharding(mesh, P()))
    return partial(jax.jit(spread).lower(*placed).compile(), *placed)


def _there_and_back(length: int, h: Array, R: Array) -> Array:
    """The two products of a time step, forward and backward, as the recurrence has them: `h R`, and `dr Rᵀ`."""
    times_R, times_R_T = (of(R, len(h), length) for of in (multiplier, multiplier_with_transposed))
    return _repeated(lambda h: times_R_T(times_R(h)), h)


def _sums(x: Array) -> Array:
    """Over devices, one after another."""
    return _repeated(lambda x: jax.lax.psum(x, DATA), x)


def _repeated(function: Callable[[Array], Array], x: Array) -> Array:
    """Of what comes out each time before; numbers stay finite, since each result is scaled."""
    return jax.lax.fori_loop(jnp.int32(0), jnp.int32(REPEATS), lambda _, x: 0.125 * function(x), x)


def machine_of(number: int, probed: Mapping[str, Probe], taken: Mapping[str, Sequence[float]]) -> Calibrated:
    """What so many devices are, by the median of the seconds that each probe took.

    Of all-reduces, the smallest tells the latency, and the largest the bandwidth; those between are there to show by
    how much a straight line through the two misses.
    """
    seconds = {name: float(np.median(taken[name])) / probe.times for name, probe in probed.items()}
    rate = {name: probe.amount / seconds[name] for name, probe in probed.items()}
    sums = {size: seconds[f"all-reduce {size}"] for size in SUMMED if number > 1}
    link = ALONE
    if sums:
        small, large = (sums[size] / (2 * (number - 1)) for size in (SUMMED[0], SUMMED[-1]))
        beside = large - small if large > small else large  # in a noisy minute nothing is left of it
        link = Link(SUMMED[-1] / number / beside, small)
    rates = rate["product"], rate["recurrent"], rate["memory"]
    return Calibrated(Machine(f"{number} measured", *rates, within=link, between=link, node=number), sums)
