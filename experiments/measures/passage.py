"""What a model makes of a passage, token by token: what each costs, and what was expected in its place."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int32

from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import HEX_DIGITS, CharTokenizer
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.word import WordTokenizer
from experiments.measures.reader import Reader

EXPECTED = 3
"""The most probable tokens that are named."""
COLUMNS = 64
"""How many places the model is asked about at once."""


def surprisal(reader: Reader, before: str, passage: str) -> list[dict[str, Any]]:
    """`{"start", "text", "bits", "expected": [[token, probability] * 3]}` in the order of the passage.

    Texts follow each other without a gap: an entry has the characters that begin with its token, and `start` is the
    first of them within the passage. Tokens that begin no character, such as the later bytes of one, and all tokens
    of a spelled word belong to the entry of the first: their bits are added, its expectations are those at the first
    token. `before` and `passage` are encoded each for itself: let the passage begin where no word goes on.
    """
    tokenizer = reader.tokenizer
    context, ids = tokenizer.encode(before), tokenizer.encode(passage)
    if not len(ids):
        return []
    targets = np.concatenate([context, ids])
    inputs = np.concatenate([[np.int32(tokenizer.start_id)], targets[:-1]])
    bits = reader.nats(inputs[:, None], targets[:, None])[len(context) :, 0].astype(np.float64) / np.log(2)
    first = np.flatnonzero(entries(tokenizer, ids))
    lengths = tokenizer.lengths(ids)
    sums = {"bits": np.add.reduceat(bits, first), "chars": np.add.reduceat(lengths, first)}
    starts = np.cumsum(sums["chars"]) - sums["chars"]
    expected = expectations(reader, inputs, first + len(context))
    return [
        {"start": start, "text": passage[start : start + chars], "bits": paid, "expected": best}
        for start, chars, paid, best in zip(
            starts.tolist(), sums["chars"].tolist(), sums["bits"].tolist(), expected, strict=True
        )
    ]


def entries(tokenizer: Tokenizer, ids: Int32[np.ndarray, "N"]) -> Bool[np.ndarray, "N"]:
    """Which tokens begin an entry: those with a character of their own, and of a spelled word the opening bracket."""
    begins = tokenizer.lengths(ids) > 0
    if isinstance(tokenizer, WordTokenizer):
        opens, closes = ids == len(tokenizer.pieces), ids == len(tokenizer.pieces) + 1
        spelled = np.cumsum(opens) - np.cumsum(closes) + closes > 0  # brackets among them
        begins = np.where(spelled, opens, begins)
    begins[0] = True
    return begins


def expectations(
    reader: Reader, inputs: Int32[np.ndarray, "N"], places: Int32[np.ndarray, "P"]
) -> list[list[list[Any]]]:
    """The most probable tokens after each of the places in a text, with their probabilities, largest first."""
    found: list[list[list[Any]]] = []
    columns = np.repeat(inputs[:, None], COLUMNS, axis=1)
    for begin in range(0, len(places), COLUMNS):
        asked = places[begin : begin + COLUMNS]
        last = np.zeros(COLUMNS, np.int32)  # all columns, so that one shape is compiled
        last[: len(asked)] = asked
        found += [_best(reader.tokenizer, row) for row in reader.after(columns, last)[: len(asked)]]
    return found


def _best(tokenizer: Tokenizer, log_probability: Float[np.ndarray, "V"]) -> list[list[Any]]:
    order = np.argsort(-log_probability, kind="stable")[:EXPECTED]
    probability = np.minimum(np.exp(log_probability[order].astype(np.float64)), 1.0)
    return [[shown(tokenizer, i), p] for i, p in zip(order.tolist(), probability.tolist(), strict=True)]


def shown(tokenizer: Tokenizer, i: int) -> str:
    """A token as a reader sees it: its text or, where it is no whole character, what it stands for in brackets."""
    match tokenizer:
        case WordTokenizer() if i >= len(tokenizer.pieces):
            brackets, letter = ("<spell>", "</spell>"), i - len(tokenizer.pieces) - 2
            return shown(tokenizer.letters, letter) if letter >= 0 else brackets[letter]
        case CharTokenizer() if i >= len(tokenizer.characters):
            return f"<{HEX_DIGITS[i - len(tokenizer.characters)]}>"
        case ByteTokenizer() if i >= 128:
            return f"<{i:02x}>"
    return tokenizer.decode(np.array([i], np.int32))
