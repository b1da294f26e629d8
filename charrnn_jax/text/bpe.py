"""Byte-pair encoding: a token for each frequent word, and for the parts of the others. Lossless.

Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", on bytes as in Radford et al. 2019,
"Language Models are Unsupervised Multitask Learners". No token reaches beyond a piece of the word tokenizer: both cut
a text at the same words. Merges are learned by the package `tokenizers`, which nothing else here needs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Int32, Integer

from charrnn_jax.errors import InputError
from charrnn_jax.text.byte import check_known, from_bytes, to_bytes
from charrnn_jax.text.texts import Text
from charrnn_jax.text.word import PIECE, count_pieces

Merge: TypeAlias = tuple[int, int]
"""The ids of two tokens that become one where they meet."""
BYTES = 256
ALPHABET = [chr(byte) for byte in range(BYTES)]
"""Of the library, which knows strings: bytes as Latin-1 reads them."""
LONGEST = 128
"""Bytes of the longest token. A longer piece, such as a line without a space, is cut: merging takes its square."""
MOST_BYTES = 1 << 23
"""How many bytes of different pieces merges are learned from: the most frequent pieces, where there are more."""
MOST_KNOWN = 1 << 16
"""How many pieces an encoder remembers."""
REPEATS = 1000
SEPARATOR = "\xff"
"""Read as a byte, it is part of no UTF-8."""


@dataclass(frozen=True)
class BpeTokenizer:
    """The 256 bytes; then, for each merge in the order it was learned, the bytes of its two tokens.

    A piece is encoded by merging, again and again, the pair that was learned first, the leftmost of its kind.
    """

    kind: ClassVar[str] = "bpe"
    merges: tuple[Merge, ...]

    @property
    def vocab_size(self) -> int:
        """V: the bytes and the merges."""
        return BYTES + len(self.merges)

    @property
    def start_id(self) -> int:
        """The context of a text's first token: a line break."""
        return ord("\n")

    @cached_property
    def _tokens(self) -> list[bytes]:
        tokens = [bytes([byte]) for byte in range(BYTES)]
        for left, right in self.merges:
            tokens.append(tokens[left] + tokens[right])
        return tokens

    @cached_property
    def _lengths(self) -> Int32[np.ndarray, "V"]:
        return np.array([sum(byte & 0b1100_0000 != 0b1000_0000 for byte in token) for token in self._tokens], np.int32)

    @cached_property
    def _ids_of(self) -> "_Pieces":
        return _Pieces(self.merges)

    def encode(self, text: str) -> Int32[np.ndarray, "N"]:
        """The tokens of each piece."""
        return np.frombuffer(bytearray().join(map(self._ids_of.__getitem__, PIECE.findall(text))), np.int32)

    def decode(self, ids: Integer[np.ndarray, "N"]) -> str:
        """The text that the bytes of the tokens spell."""
        check_known(ids, self.vocab_size)
        return from_bytes(b"".join(map(self._tokens.__getitem__, ids.tolist())))

    def lengths(self, ids: Integer[np.ndarray, "N"]) -> Int32[np.ndarray, "N"]:
        """The characters whose first byte is in the token."""
        return self._lengths[ids]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"merges": [list(merge) for merge in self.merges]}


class _Pieces(dict[str, bytes]):
    """The ids of a piece, as the bytes of an int32 array: most pieces of a text have been merged before."""

    def __init__(self, merges: tuple[Merge, ...]):
        super().__init__()
        self.ranks = {merge: rank for rank, merge in enumerate(merges)}

    def __missing__(self, piece: str) -> bytes:
        parts = _parts(piece)
        ids = np.array([i for part in parts for i in self._merged(list(part))], np.int32).tobytes()
        if len(parts) == 1:  # long pieces seldom come again
            if len(self) >= MOST_KNOWN:
                self.clear()
            self[piece] = ids
        return ids

    def _merged(self, ids: list[int]) -> list[int]:
        rank_of, never = self.ranks.get, len(self.ranks)
        ranks = [rank_of(pair, never) for pair in pairwise(ids)]
        while ranks and (first := min(ranks)) < never:
            at = ranks.index(first)
            ids[at : at + 2] = [BYTES + first]
            del ranks[at]
            if at:
                ranks[at - 1] = rank_of((ids[at - 1], ids[at]), never)
            if at < len(ranks):
                ranks[at] = rank_of((ids[at], ids[at + 1]), never)
        return ids


def _parts(piece: str) -> list[bytes]:
    spelled = to_bytes(piece)
    return [spelled[at : at + LONGEST] for at in range(0, len(spelled), LONGEST)]


def train_bpe(text: Text, pieces: int) -> BpeTokenizer:
    """The first `pieces` merges, so that V is 256 + `pieces`; fewer where no pair comes twice any more.

    The same text gives the same merges. Memory is bounded: by that of `count_pieces`, and by `MOST_BYTES`.
    Raises InputError where the package `tokenizers` is not installed.
    """
    ids = {byte: i for i, byte in enumerate(ALPHABET)}
    merges: list[Merge] = []
    for left, right in _learned(text, pieces):
        merges.append((ids[left], ids[right]))
        ids[left + right] = len(ids)
    return BpeTokenizer(tuple(merges))


def _learned(text: Text, pieces: int) -> list[list[str]]:
    """The merges in the library's own form: pairs of strings, whose characters are bytes in Latin-1."""
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    except ImportError:
        raise InputError("the tokenizer bpe needs a package: pip install 'charrnn_jax[subword]'") from None
    size = BYTES + min(pieces, MOST_BYTES)  # the library reserves memory for as many
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=ALPHABET, show_progress=False)
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Split(SEPARATOR, "removed")
    learner.train_from_iterator(_separated(count_pieces(text)), trainer)
    return json.loads(learner.to_str())["model"]["merges"]


def _separated(counts: Mapping[str, int]) -> Iterator[str]:
    """Every piece as often as it was counted, byte by byte in Latin-1, a separator behind each."""
    left = MOST_BYTES
    for piece in sorted(counts, key=lambda piece: (-counts[piece], piece)):
        for part in _parts(piece):
            left -= len(part)
            if left < 0:
                return
            written = part.decode("latin-1") + SEPARATOR
            for at in range(0, counts[piece], REPEATS):
                yield written * min(REPEATS, counts[piece] - at)


def merges_of(value: Any) -> tuple[Merge, ...]:
    """The merges that `to_dict` has written as plain JSON values. Raises InputError for any others."""
    if not isinstance(value, list):
        raise InputError("the tokenizer's merges are missing: train it again")
    tokens, merges = [bytes([byte]) for byte in range(BYTES)], []
    for merge in value:
        left, right = _pair(merge, known=len(tokens))
        merges.append((left, right))
        tokens.append(tokens[left] + tokens[right])
        if len(tokens[-1]) > LONGEST:
            raise InputError(f"the tokenizer has a token of more than {LONGEST} bytes: train it again")
    if len(set(tokens)) != len(tokens):
        raise InputError("the tokenizer's merges repeat a token: train it again")
    return tuple(merges)


def _pair(merge: Any, known: int) -> Merge:
    if isinstance(merge, list) and len(merge) == 2 and all(type(i) is int and 0 <= i < known for i in merge):
        return merge[0], merge[1]
    raise InputError("the tokenizer's merges are not pairs of earlier tokens: train it again")
