import json

import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import CharTokenizer
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import train_word
from experiments.measures.embeddings import (
    character_map,
    characters_of,
    class_of,
    frequent_characters,
    frequent_words,
    neighbour_record,
    neighbours,
    principal_axes,
    same_class,
    same_class_by_chance,
    similarities,
    words_of,
)

CHARACTERS = "\n !,.019ABCabceioxz"
CORNERS = dict(zip(("space", "punctuation", "digit", "capital", "vowel", "consonant"), np.eye(6) * 10, strict=True))


@pytest.fixture(scope="module")
def tokenizer():
    return CharTokenizer(CHARACTERS)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(len(CHARACTERS) + 16, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def learned(noise):
    """A table in which every class has a corner of its own, far from zero; the digits of bytes are anywhere."""
    table = 0.1 * noise
    table[: len(CHARACTERS)] += [CORNERS[class_of(character)] for character in CHARACTERS]
    return (table + 100).astype(np.float32)


@pytest.fixture(scope="module")
def words():
    text = "the cats and the dogs sleep. the cats and the dogs eat."
    return train_word(StringText(text), 20), text


def test_classes_of_characters():
    found = [class_of(character) for character in "aéZ7 \n;ß٣"]
    consonant, vowel, digit = "consonant", "vowel", "digit"
    assert found == [vowel, consonant, "capital", digit, "space", "space", "punctuation", consonant, digit]


def test_classes_apart_are_found_whatever_all_rows_share(tokenizer, noise, learned):
    found = character_map(tokenizer, noise, learned, CHARACTERS, seed=0)
    clustering = found["clustering"]
    assert clustering["after"] == 1.0
    assert clustering["before"] < clustering["chance"]["high"] < 1.0
    assert found["characters"] == list(CHARACTERS)
    assert np.shape(found["before"]) == np.shape(found["after"]) == (len(CHARACTERS), 2)
    assert json.loads(json.dumps(found)) == found


def test_chance_is_the_share_of_the_own_class_among_the_others(noise):
    classes = ["a"] * 10 + ["b"] * 5 + ["alone"]
    expected = (10 * 9 + 5 * 4) / 15 / 15  # of the 15 that have another of their class, among 15 others each
    chance = same_class_by_chance(noise[:16], classes, seed=0)
    assert abs(chance["mean"] - expected) < 0.005
    assert chance["low"] < expected < chance["high"]


def test_a_class_of_one_is_not_counted():
    table = np.array([[0.0, 1], [0, 2], [5, 0], [9, 9]], np.float32)
    assert same_class(table, ["a", "a", "alone", "by itself"]) == 1.0


def test_no_class_with_two_members_is_said(tokenizer, noise):
    with pytest.raises(InputError, match="no two characters"):
        character_map(tokenizer, noise, noise, "a1,", seed=0)


def test_rare_characters_are_left_out(tokenizer, noise):
    assert frequent_characters("abbccc?", 2) == "bc"
    assert character_map(tokenizer, noise, noise, "aeb☃", seed=0)["characters"] == ["a", "b", "e"]


def test_characters_are_found_in_any_vocabulary(tokenizer, words):
    assert characters_of(tokenizer) == {character: i for i, character in enumerate(CHARACTERS)}
    assert characters_of(ByteTokenizer()) == {chr(i): i for i in range(128)}
    word, _ = words
    assert {c: word.decode(np.array([i])) for c, i in characters_of(word).items()} == {
        c: c for c in characters_of(word)
    }
    assert characters_of(word)["."] == word.encode(".")[0]


def test_cosines_after_the_mean_is_taken_away():
    table = np.array([[1, 0], [-1, 0], [0, 2], [0, -2]], np.float32) + 7
    expected = [[-np.inf, -1, 0, 0], [0, 0, -np.inf, -1]]
    np.testing.assert_allclose(similarities(table, [0, 2]), expected, atol=1e-6)


def test_neighbours_of_words_are_words(words):
    tokenizer, _ = words
    ids = words_of(tokenizer)
    assert all(tokenizer.encode(f" {word}").tolist() == [ids[word]] for word in ("cats", "dogs", "and"))
    rng = np.random.default_rng(0)
    before = rng.normal(size=(tokenizer.vocab_size, 8)).astype(np.float32)
    after = before.copy()
    after[ids["cats"]] = after[ids["dogs"]] + 0.01
    record = neighbour_record(tokenizer, before, after, ["cats", "unheard"], 3)
    assert list(record) == ["cats"]
    assert record["cats"]["after"][0] == "dogs"
    assert record["cats"]["before"] == neighbours(before, tokenizer, ["cats"], 3)["cats"]
    assert all(len(near) == 3 and "cats" not in near for near in record["cats"].values())


def test_frequent_words_are_those_of_the_text(words):
    tokenizer, text = words
    assert frequent_words(tokenizer, tokenizer.encode(text), 5) == ["cats", "dogs"]
    assert frequent_words(tokenizer, tokenizer.encode(text + " dogs"), 1) == ["dogs"]


def test_principal_axes_are_those_of_the_largest_spread():
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(500, 3)) * [1, 9, 4] + 5).astype(np.float32)
    axes = principal_axes(points)
    assert np.abs(axes.T @ axes - np.eye(2)).max() < 1e-5
    assert np.abs(axes).argmax(axis=0).tolist() == [1, 2]
