"""What general compressors make of the test text, in bits per character: alone, and after the training text.

After the training text is what compares with a model that was trained on it: how much longer the compressed file
becomes when the test text is appended. Both are given a dictionary, or window, that reaches back to its first
character, and their highest level.
"""

import lzma
from collections.abc import Callable
from typing import NamedTuple

import zstandard

from charrnn_jax.text.byte import to_bytes
from charrnn_jax.text.texts import Text

LARGEST_DICTIONARY = 3 << 29
"""Bytes: the most that xz can have."""
WIDEST_WINDOW = 31
"""The most that zstd can have, in bits of a distance."""


class Compressed(NamedTuple):
    """Bits per character of the test text."""

    after_training: float
    """Of the part that the test text adds to the compressed training text."""
    alone: float


def compress(train: Text, test: Text) -> dict[str, Compressed]:
    """By the name of the compressor. For twelve million characters, half a minute on one core."""
    known, new = to_bytes(train.read()), to_bytes(test.read())
    return {name: _measured(size, known, new, test.chars) for name, size in COMPRESSORS.items()}


def _measured(size: Callable[[bytes], int], known: bytes, new: bytes, chars: int) -> Compressed:
    return Compressed(8 * (size(known + new) - size(known)) / chars, 8 * size(new) / chars)


def _xz(content: bytes) -> int:
    """Its size as `xz -9e` would have it, with a dictionary for all of it."""
    dictionary = min(max(len(content), 1 << 12), LARGEST_DICTIONARY)
    chain = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}]
    return len(lzma.compress(content, filters=chain))


def _zstd(content: bytes) -> int:
    """Its size as `zstd --ultra -22` would have it, with a window for all of it."""
    window = min(max(len(content).bit_length(), zstandard.WINDOWLOG_MIN), WIDEST_WINDOW)
    settings = zstandard.ZstdCompressionParameters.from_level(22, source_size=len(content), window_log=window)
    return len(zstandard.ZstdCompressor(compression_params=settings).compress(content))


COMPRESSORS: dict[str, Callable[[bytes], int]] = {"xz": _xz, "zstd": _zstd}
