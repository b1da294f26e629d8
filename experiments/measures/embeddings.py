"""What the embedding learned: whether characters of a class are neighbours, and which words are.

The rows of a table are compared by the cosine of their angle, after what all rows have in common is taken away: a
direction that every token shares tells none from another (Mu and Viswanath, 2018, All-but-the-Top, section 2).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from charrnn_jax.errors import InputError
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.types import Params

REPLACEMENT = "\ufffd"
"""What a token decodes to that is not a whole character."""
VOWELS = "aeiou"
CHANCE_DRAWS = 10_000
LEAST_LETTERS = 4
"""Of a frequent word: shorter ones say little of the text."""


def embedding_of(params: Params) -> Float[np.ndarray, "V X"]:
    """A copy of what has a row for each token: the table or, in `direct` mode, the weights that do its work."""
    return np.array(params["embedding"] if "embedding" in params else params["layer_0"].W)


def principal_axes(points: Float[np.ndarray, "N X"]) -> Float[np.ndarray, "X 2"]:
    """The two directions in which the points spread most: the first right singular vectors, centred."""
    return np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][:2].T


def similarities(table: Float[np.ndarray, "N X"], rows: Sequence[int]) -> Float[np.ndarray, "R N"]:
    """The cosine between some rows and every row, all less the mean row; of a row with itself, none: `-inf`."""
    centred = table - table.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    cosines = unit[list(rows)] @ unit.T
    cosines[np.arange(len(rows)), list(rows)] = -np.inf
    return cosines


def class_of(character: str) -> str:
    """Vowel, consonant, capital, digit, space or, of all else, punctuation."""
    if character.isalpha():
        small = "vowel" if character in VOWELS else "consonant"
        return "capital" if character.isupper() else small
    if character.isspace():
        return "space"
    return "digit" if character.isdigit() else "punctuation"


def characters_of(tokenizer: Tokenizer) -> dict[str, int]:
    """The id of each character that is a token of its own, however it reads other characters."""
    texts = _texts(tokenizer)
    whole = {text: i for i, text in reversed(list(enumerate(texts))) if len(text) == 1 and text != REPLACEMENT}
    return dict(sorted(whole.items()))


def frequent_characters(text: str, least: int) -> str:
    """Those that a text has at least so often, in order: rows of others are little more than their first values."""
    return "".join(sorted(character for character, count in Counter(text).items() if count >= least))


def character_map(
    tokenizer: Tokenizer,
    before: Float[np.ndarray, "V X"],
    after: Float[np.ndarray, "V X"],
    characters: str,
    seed: int,
) -> dict[str, Any]:
    """Characters where their rows are, before training and after, each on the two principal axes of its own rows.

    The axes of the trained rows would show order where there was none: a few dozen rows in hundreds of dimensions
    have some direction in which chance had them as training left them.

    With `clustering`, the share of characters whose nearest neighbour is of their class, before and after, and the
    same share where classes are dealt out by chance. Characters that are no token are left out. Raises InputError
    where none has another of its class.
    """
    ids = {character: i for character, i in characters_of(tokenizer).items() if character in characters}
    known, rows = list(ids), list(ids.values())
    classes = [class_of(character) for character in known]
    if len(set(classes)) == len(known):
        raise InputError("no two characters of a class are tokens: use the char tokenizer, or a longer text")
    clustering = {
        "before": same_class(before[rows], classes),
        "after": same_class(after[rows], classes),
        "chance": same_class_by_chance(after[rows], classes, seed),
    }
    tables = {"before": before[rows], "after": after[rows]}
    places = {name: (table @ principal_axes(table)).tolist() for name, table in tables.items()}
    return {"characters": known, "classes": classes, **places, "clustering": clustering}


def same_class(table: Float[np.ndarray, "N X"], classes: Sequence[str]) -> float:
    """The share of rows whose nearest neighbour is of their class, among those that have another of their class."""
    named, counted = _numbered(classes)
    return float(np.mean((named == named[_nearest(table)])[counted]))


def same_class_by_chance(table: Float[np.ndarray, "N X"], classes: Sequence[str], seed: int) -> dict[str, float]:
    """`same_class` where the classes are permuted: the mean, and where 95 % of the shares are."""
    named, counted = _numbered(classes)
    dealt = np.random.default_rng(seed).permuted(np.tile(named, (CHANCE_DRAWS, 1)), axis=1)
    matched = (dealt == dealt[:, _nearest(table)]) & ~np.isin(dealt, named[~counted])
    shares = matched.sum(axis=1) / counted.sum()
    low, high = np.percentile(shares, (2.5, 97.5)).tolist()
    return {"mean": float(np.mean(shares)), "low": low, "high": high}


def neighbours(
    table: Float[np.ndarray, "V X"], tokenizer: Tokenizer, words: Sequence[str], n: int
) -> dict[str, list[str]]:
    """The `n` words nearest to each of those that are a token, nearest first; words that are none are left out."""
    ids = words_of(tokenizer)
    candidates = list(ids)
    known = [word for word in words if word in ids]
    place = {word: i for i, word in enumerate(candidates)}
    cosines = similarities(table[list(ids.values())], [place[word] for word in known])
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : min(n, len(ids) - 1)]
    return {word: [candidates[i] for i in order] for word, order in zip(known, nearest.tolist(), strict=True)}


def neighbour_record(
    tokenizer: Tokenizer,
    before: Float[np.ndarray, "V X"],
    after: Float[np.ndarray, "V X"],
    words: Sequence[str],
    n: int,
) -> dict[str, dict[str, list[str]]]:
    """`{word: {"before": [...], "after": [...]}}`."""
    found = {name: neighbours(table, tokenizer, words, n) for name, table in (("before", before), ("after", after))}
    return {word: {name: near[word] for name, near in found.items()} for word in found["after"]}


def words_of(tokenizer: Tokenizer) -> dict[str, int]:
    """The id of each word that is a token, with the space before it if there is such a token; case as it is."""
    words: dict[str, int] = {}
    for i, text in enumerate(_texts(tokenizer)):
        word = text.removeprefix(" ")
        if word.isalpha() and (word not in words or text != word):
            words[word] = i
    return words


def frequent_words(tokenizer: Tokenizer, ids: Integer[np.ndarray, "N"], n: int) -> list[str]:
    """The `n` most frequent of `words_of` in an encoded text, of small letters, four or more."""
    counts = np.bincount(ids, minlength=tokenizer.vocab_size)
    words = {w: i for w, i in words_of(tokenizer).items() if len(w) >= LEAST_LETTERS and w.islower() and counts[i]}
    return sorted(words, key=lambda word: (-counts[words[word]], word))[:n]


def _texts(tokenizer: Tokenizer) -> list[str]:
    return [tokenizer.decode(np.array([i], np.int32)) for i in range(tokenizer.vocab_size)]


def _nearest(table: Float[np.ndarray, "N X"]) -> Int[np.ndarray, "N"]:
    return similarities(table, range(len(table))).argmax(axis=1)


def _numbered(classes: Sequence[str]) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"]]:
    """Each class as a number, and whether it has more than one member."""
    _, named, sizes = np.unique(np.array(classes), return_inverse=True, return_counts=True)
    return named, sizes[named] > 1
