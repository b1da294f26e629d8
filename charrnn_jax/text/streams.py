"""Ids of one split -> B contiguous streams -> the batch at step n, as a function of n.

A text of N tokens is cut into B streams of equal length, which are read side by side in windows of T tokens. The
input of a step is the token before its target, so that every token of the text is a target exactly once in an
epoch, the first one included (its input is `start_id`). Streams are contiguous: the recurrent state at the end of
one window is the state at the start of the next, and `Batch.reset` says when it is not.

For evaluation, streams overlap: each but the first reads `burn_in` tokens that belong to the stream before it, and
does not score them. They give it the state that it would have had in one single stream.

For training, the windows may have lengths of their own (`windows`): those shorter than T are padded behind their end.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from charrnn_jax.errors import InputError
from charrnn_jax.text.tokens import Ids
from charrnn_jax.text.windows import ROOM, Windows, draw_windows

NO_TOKEN = -1
"""The input in the padding of a window of drawn length."""


class Batch(NamedTuple):
    """One window of every stream."""

    inputs: Int32[np.ndarray, "T B"]
    targets: Int32[np.ndarray, "T B"]
    weights: Float32[np.ndarray, "T B"]
    """1 where the target counts; 0 in burn-in, and in the padding behind a stream's end."""
    reset: Bool[np.ndarray, ""]
    """Whether the window begins a new pass through the text, from the zero state."""


class Streams(NamedTuple):
    """A text folded into B streams of `stream_length` tokens, of which the first `burn_in` are scored by another."""

    ids: Ids
    start_id: int
    batch_size: int
    length: int
    """T: the tokens of a window."""
    burn_in: int
    stream_length: int
    drawn: Windows | None = None
    """The window of each step, where their lengths are drawn; T is the most that one may have."""
    chosen: Int64[np.ndarray, "b"] | None = None
    """The streams that batches are made of, where others are read elsewhere."""

    @property
    def windows(self) -> int:
        """How many windows of T tokens, and so batches, make one pass through the text."""
        return -(-self.stream_length // self.length)

    @property
    def mean_windows(self) -> float:
        """How many windows make a pass: `windows` or, where their lengths are drawn, so many on average."""
        return float(self.windows) if self.drawn is None else self.stream_length / float(self.drawn.length.mean())


def fold_streams(ids: Ids, start_id: int, batch_size: int, length: int) -> Streams:
    """Folds N tokens into B streams, to be read in windows of T = `length` tokens.

    Raises InputError where the text is shorter than one window of all streams.
    """
    tokens = len(ids)
    if tokens < batch_size * length:
        fits = f"--batch-size {tokens // length} or less" if tokens >= length else f"windows of {tokens} tokens or less"
        raise InputError(f"the text has {tokens} tokens and needs at least {batch_size * length} tokens: use {fits}")
    return _overlapping(ids, start_id, batch_size, length, burn_in=0)


def fold_for_scoring(ids: Ids, start_id: int, batch_size: int = 32, length: int = 128, burn_in: int = 512) -> Streams:
    """As `fold_streams`, for any text of one token or more, and with a burn-in.

    A short text is padded to the shape of a long one, so that one compiled step scores both.
    """
    return _overlapping(ids, start_id, batch_size, length, burn_in)


def _overlapping(ids: Ids, start_id: int, batch_size: int, length: int, burn_in: int) -> Streams:
    stream_length = -(-(len(ids) + (batch_size - 1) * burn_in) // batch_size)
    return Streams(ids, start_id, batch_size, length, burn_in, max(stream_length, burn_in + 1))


def with_drawn_lengths(streams: Streams, seed: int, steps: int) -> Streams:
    """The same streams, read for so many steps in windows of about T tokens (`draw_windows`)."""
    drawn = draw_windows(seed, streams.stream_length, streams.length, steps)
    return streams._replace(length=streams.length + ROOM, drawn=drawn)


def batch_at(streams: Streams, n: int) -> Batch:
    """The batch of step `n`, counted over all passes through the text."""
    if streams.drawn is None:
        return _window(streams, n % streams.windows * streams.length)
    batch = _window(streams, int(streams.drawn.begin[n]))
    padding = np.arange(streams.length)[:, None] >= streams.drawn.length[n]
    return batch._replace(
        inputs=np.where(padding, np.int32(NO_TOKEN), batch.inputs),
        weights=np.where(padding, np.float32(0), batch.weights),
    )


def _window(streams: Streams, begin: int) -> Batch:
    """The T tokens of every stream from that one on."""
    within = np.arange(begin, begin + streams.length)[:, None]
    stream = (np.arange(streams.batch_size) if streams.chosen is None else streams.chosen)[None, :]
    target = stream * (streams.stream_length - streams.burn_in) + within
    scored = (within < streams.stream_length) & (target < len(streams.ids))
    scored &= (within >= streams.burn_in) | (stream == 0)
    last = len(streams.ids) - 1
    before = streams.ids[np.clip(target - 1, 0, last)].astype(np.int32)
    return Batch(
        inputs=np.where(target == 0, np.int32(streams.start_id), before),
        targets=streams.ids[np.clip(target, 0, last)].astype(np.int32),
        weights=scored.astype(np.float32),
        reset=np.array(begin == 0),
    )
