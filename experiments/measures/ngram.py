"""What counting alone achieves: interpolated modified Kneser-Ney over characters, of any order up to five.

Chen & Goodman 1999, An empirical study of smoothing techniques for language modeling, Computer Speech & Language
13:359-394 (equations as in their report TR-10-98). With c the count of a gram, h' the context h without its first
character, and N_k(h) the number of characters that c finds k times after h:

    p(w | h)  = (c(h w) - D(c(h w))) / c(h) + gamma(h) p(w | h')
    gamma(h)  = (D1 N_1(h) + D2 N_2(h) + D3+ N_3+(h)) / c(h),   and 1 for a context never seen
    D_k       = k - (k + 1) Y n_(k+1) / n_k,   Y = n1 / (n1 + 2 n2)                                    equation 26

where n_k grams have the count k. At the highest order c counts occurrences; below, the different characters that
come before the gram. The lowest order is mixed with the uniform distribution, so that nothing has probability zero.

The characters are those of a `CharTokenizer`, which writes any other as the digits of its UTF-8 bytes: the
vocabulary is closed, the probabilities over it sum to one, and every text has one.
"""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from charrnn_jax.text.char import HEX_DIGITS, CharTokenizer
from charrnn_jax.text.texts import Text
from charrnn_jax.text.tokens import encode

BITS = 12
"""Of an id: five of them fit into 64 bits, in the order of the text, the last one lowest."""
USUAL = np.array([0.0, 0.5, 1.0, 1.5])
"""Discounts where too few different counts were found to estimate them, as KenLM has them (Heafield et al. 2013)."""


class Level(NamedTuple):
    """The grams of one order that were seen, packed and sorted, and their contexts."""

    grams: Int64[np.ndarray, "N"]
    discounted: Float64[np.ndarray, "N"]
    """The first term of p: the share of each gram in its context."""
    contexts: Int64[np.ndarray, "C"]
    gamma: Float64[np.ndarray, "C"]


class NGram(NamedTuple):
    """The levels from order 1 up, and how many ids there are."""

    levels: tuple[Level, ...]
    vocab_size: int


def bits_per_char(train: Text, test: Text, order: int) -> float:
    """Of the test text, after counting in the training text. Order 1 is the unigram model."""
    tokenizer = frequent_characters(train)
    start = tokenizer.start_id
    model = count(encode(tokenizer, train).ids, start, tokenizer.vocab_size, order)
    return float(-np.log2(probabilities(model, encode(tokenizer, test).ids, start)).sum() / test.chars)


def frequent_characters(text: Text) -> CharTokenizer:
    """The characters of the text, or as many of the most frequent as have an id of twelve bits."""
    counts: Counter[str] = Counter()
    for piece in text.pieces():
        counts.update(piece)
    room = (1 << BITS) - len(HEX_DIGITS)
    return CharTokenizer("".join(sorted(character for character, _ in counts.most_common(room))))


def count(ids: Integer[np.ndarray, "N"], start: int, vocab_size: int, order: int) -> NGram:
    """The model of a text, before which there is nothing but `start`."""
    grams, counts = np.unique(_windows(ids, start, order), return_counts=True)
    levels = [_level(grams, counts)]
    for shorter in range(order - 1, 0, -1):
        grams, counts = np.unique(grams & _mask(shorter), return_counts=True)
        levels.append(_level(grams, counts))
    return NGram(tuple(reversed(levels)), vocab_size)


def probabilities(model: NGram, ids: Integer[np.ndarray, "N"], start: int) -> Float64[np.ndarray, "N"]:
    """Of each id after those before it."""
    windows = _windows(ids, start, len(model.levels))
    p = np.full(len(windows), 1 / model.vocab_size)
    for order, level in enumerate(model.levels, 1):
        grams = windows & _mask(order)
        gram, seen = _find(level.grams, grams)
        context, known = _find(level.contexts, grams >> BITS)
        p = np.where(seen, level.discounted[gram], 0) + np.where(known, level.gamma[context], 1) * p
    return p


def _windows(ids: Integer[np.ndarray, "N"], start: int, order: int) -> Int64[np.ndarray, "N"]:
    """The gram that ends at each id."""
    padded = np.concatenate([np.full(order - 1, start), ids]).astype(np.int64)
    packed = np.zeros(len(ids), np.int64)
    for first in range(order):
        packed = packed << BITS | padded[first : first + len(ids)]
    return packed


def _mask(order: int) -> int:
    return (1 << BITS * order) - 1


def _level(grams: Int64[np.ndarray, "N"], counts: Int64[np.ndarray, "N"]) -> Level:
    contexts, first = np.unique(grams >> BITS, return_index=True)
    discount = _discounts(counts)[np.minimum(counts, 3)]
    total = np.add.reduceat(counts, first)
    share = (counts - discount) / np.repeat(total, np.diff(first, append=len(grams)))
    return Level(grams, share, contexts, np.add.reduceat(discount, first) / total)


def _discounts(counts: Int64[np.ndarray, "N"]) -> Float64[np.ndarray, "4"]:
    """Zero, D1, D2, D3+."""
    n = np.array([math.nan, *(np.count_nonzero(counts == k) for k in (1, 2, 3, 4))])
    if not n[1:4].all():
        return USUAL
    k = np.arange(1, 4)
    discounts = k - (k + 1) * n[1] / (n[1] + 2 * n[2]) * n[k + 1] / n[k]
    usable = ((discounts > 0) & (discounts <= k)).all()
    return np.concatenate([[0.0], discounts]) if usable else USUAL


def _find(
    sorted_keys: Int64[np.ndarray, "N"], keys: Int64[np.ndarray, "M"]
) -> tuple[Int64[np.ndarray, "M"], Bool[np.ndarray, "M"]]:
    """Where each key is, and whether it is there."""
    places = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return places, sorted_keys[places] == keys
