"""`--mesh data=4,vocab=2`: how many devices share the streams of a batch, and how many the vocabulary."""

import re
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from charrnn_jax.errors import InputError
from charrnn_jax.parallel import mesh_of

SCORED_STREAMS = 32
FORM = "use such as --mesh data=4 or --mesh data=4,vocab=2"


class Spread(NamedTuple):
    """What the flag says; without one, the streams are spread over as many devices as share them evenly."""

    data: int | None = None
    vocab: int = 1

    @property
    def devices(self) -> int:
        """The fewest it takes."""
        return (self.data or 1) * self.vocab


EVENLY = Spread()


def spread_of(flag: str) -> Spread:
    """What a value of the flag says. Raises InputError where it says nothing."""
    given: dict[str, int] = {}
    for word in flag.split(",") if flag else ():
        said = re.fullmatch(r"(data|vocab)=([1-9][0-9]{0,5})", word, re.ASCII)
        if not said or said[1] in given:
            raise InputError(f"--mesh is {flag!r}: {FORM}")
        given[said[1]] = int(said[2])
    return Spread(**given)


def mesh_for(spread: Spread, batch_size: int) -> Mesh:
    """The devices for so many streams: no more than it says, and fewer where these share the streams evenly.

    Raises InputError where there are fewer devices than it takes, or where one of several processes would have none.
    """
    there = jax.devices()
    if len(there) < spread.devices:
        advice = f"a CPU is as many as XLA_FLAGS=--xla_force_host_platform_device_count={spread.devices} says"
        there = f"there {'is' if len(there) == 1 else 'are'} {len(there)}"
        smaller = 'use a smaller one, or --mesh "" for what is there'
        raise InputError(f"--mesh takes {spread.devices} devices, and {there}: {smaller}; {advice}")
    mesh = mesh_of(there[: spread.devices if spread.data else len(there)], batch_size, spread.vocab)
    if mesh.size < len(there) and jax.process_count() > 1:
        advice = f"use --batch-size a multiple of {len(there) // spread.vocab}, and a --mesh of all devices"
        raise InputError(f"{batch_size} streams and --mesh leave some of {len(there)} devices idle: {advice}")
    return mesh


def scored_streams(spread: Spread) -> int:
    """How many streams a text is scored in: of several processes, each has to have some."""
    shares = (spread.data or jax.device_count() // spread.vocab) if jax.process_count() > 1 else 1
    return -(-SCORED_STREAMS // shares) * shares


def described(mesh: Mesh) -> str:
    """For a banner: `data=4, vocab=2`."""
    return ", ".join(f"{axis}={size}" for axis, size in mesh.shape.items())
