"""One token for each byte of the UTF-8 text."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Integer, UInt32


def to_bytes(text: str) -> bytes:
    """UTF-8, in which even a lone surrogate has its three bytes, so that every Python string has a spelling."""
    return text.encode("utf-8", "surrogatepass")


def from_bytes(spelled: bytes) -> str:
    """The inverse of `to_bytes`; what no text spells becomes U+FFFD."""
    try:
        return spelled.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return spelled.decode("utf-8", "replace")


def code_points(text: str) -> UInt32[np.ndarray, "N"]:
    """The number of each character in Unicode."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def check_known(ids: Integer[np.ndarray, "N"], vocab_size: int) -> None:
    """Raises ValueError for the first id outside `[0, vocab_size)`."""
    bad = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if len(bad):
        raise ValueError(f"id {ids[bad[0]]} at position {bad[0]} is outside the vocabulary of size {vocab_size}")


@dataclass(frozen=True)
class ByteTokenizer:
    """The vocabulary of all 256 bytes: there is nothing to train."""

    kind: ClassVar[str] = "byte"

    @property
    def vocab_size(self) -> int:
        """V: every byte."""
        return 256

    @property
    def start_id(self) -> int:
        """The context of a text's first token: a line break."""
        return ord("\n")

    def encode(self, text: str) -> Int32[np.ndarray, "N"]:
        """The bytes of the text."""
        return np.frombuffer(to_bytes(text), np.uint8).astype(np.int32)

    def decode(self, ids: Integer[np.ndarray, "N"]) -> str:
        """The text that the bytes spell."""
        check_known(ids, self.vocab_size)
        return from_bytes(ids.astype(np.uint8).tobytes())

    def lengths(self, ids: Integer[np.ndarray, "N"]) -> Int32[np.ndarray, "N"]:
        """1 for the first byte of a character, 0 for those behind it, which begin with the bits 10."""
        return (ids & 0b1100_0000 != 0b1000_0000).astype(np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {}
