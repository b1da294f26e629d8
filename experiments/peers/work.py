"""What every program is timed on."""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int32

from charrnn_jax.products import Precision

SizeName = Literal["S", "M", "L", "W", "X"]
CellName = Literal["lstm", "gru", "elman"]

LEARNING_RATE = 1e-3
CLIP = 1.0


class Size(NamedTuple):
    """The model, and the window that one step reads."""

    V: int
    E: int
    H: int
    L: int
    B: int
    T: int


SIZES: dict[SizeName, Size] = {
    "S": Size(V=65, E=64, H=128, L=1, B=64, T=64),
    "M": Size(V=65, E=128, H=256, L=2, B=64, T=64),
    "L": Size(V=65, E=128, H=512, L=2, B=64, T=64),
    "W": Size(V=10_000, E=256, H=256, L=1, B=32, T=35),
    "X": Size(V=65, E=128, H=1024, L=1, B=128, T=256),
}


class Work(NamedTuple):
    """One training step: forward, backward, norm clip, Adam."""

    cell: CellName
    size: Size
    precision: Precision


Step: TypeAlias = Callable[[], float]
"""Takes one training step, waits for its end, and gives the loss in nats per token."""


def text_of(size: Size) -> Int32[np.ndarray, "N"]:
    """Random ids, as many as one window of all streams and the token behind it."""
    return np.random.default_rng(0).integers(0, size.V, size.B * size.T + 1).astype(np.int32)


def window_of(size: Size) -> tuple[Int32[np.ndarray, "T B"], Int32[np.ndarray, "T B"]]:
    """Inputs and targets of one window, time-major."""
    ids = text_of(size)
    inputs = ids[:-1].reshape(size.B, size.T).T
    targets = ids[1:].reshape(size.B, size.T).T
    return np.ascontiguousarray(inputs), np.ascontiguousarray(targets)


TOKENS = 512
"""What a program writes in one turn of sampling."""
