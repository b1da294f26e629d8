import re
from collections import Counter

import numpy as np
import pytest

from charrnn_jax.text.char import train_char
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import train_word
from experiments.measures.controlled import (
    CLASSES,
    DISTANCES,
    FILLERS,
    choose_items,
    language_of,
    recalled,
    sentences,
)
from tests.experiments.measures.fakes import recalling_reader


@pytest.fixture(scope="module")
def language():
    return language_of(np.random.default_rng(0))


@pytest.fixture(scope="module")
def text(language):
    return sentences(language, np.random.default_rng(1), 100_000)


@pytest.fixture(scope="module")
def items(language):
    return choose_items(language, np.random.default_rng(2), count=16)


@pytest.mark.parametrize("kind", ["char", "word"])
@pytest.mark.parametrize("chars", [1, 40, 10**6])
def test_what_is_remembered_is_recalled_and_the_rest_is_at_chance(kind, chars, language, text, items):
    tokenizer = train_char(StringText(text)) if kind == "char" else train_word(StringText(text), 500)
    right = recalled(recalling_reader(tokenizer, language, chars), language, items)
    distance = np.array([item.chars for item in items])
    assert np.all(right[distance <= chars])
    forgotten = [item.opener == 0 for item in items if item.chars > chars]
    assert right[distance > chars].tolist() == forgotten
    if chars == 1:
        assert np.mean(right) == 1 / CLASSES


def test_sentences_are_what_the_grammar_says(language, text):
    closer_of = dict(zip(language.openers, language.closers, strict=True))
    classes, distances = Counter(), Counter()
    for line in text.removesuffix("\n").split("\n"):
        opener, *between, closer, stop = line.split(" ")
        assert closer == closer_of[opener]
        assert stop == "."
        assert set(between) <= set(language.fillers)
        classes[opener] += 1
        distances[len(between) + 1] += 1
    assert set(distances) == set(DISTANCES)
    total = distances.total()
    assert all(abs(count / total - 1 / CLASSES) < 0.02 for count in classes.values())
    shares = 1 / np.array(DISTANCES)
    np.testing.assert_allclose([distances[d] / total for d in DISTANCES], shares / shares.sum(), atol=0.02)
    assert 0 <= len(text) - 100_000 < 1000


def test_the_words(language):
    words = [*language.openers, *language.closers, *language.fillers]
    assert len(set(words)) == len(words) == 2 * CLASSES + FILLERS
    assert all(re.fullmatch("[a-z]{2,7}", word) for word in words)
    assert {len(word) for word in language.openers + language.closers} == {4}


def test_the_items(language, items):
    assert Counter((item.distance, item.opener) for item in items) == {(d, c): 2 for d in DISTANCES for c in range(8)}
    for item in items:
        words = item.start.split()
        assert len(words) == item.distance
        assert words[0] == language.openers[item.opener]
        assert item.chars == len(item.start)
        assert item.start.endswith(" ")


def test_the_same_generator_writes_the_same(language):
    assert language_of(np.random.default_rng(0)) == language
    assert sentences(language, np.random.default_rng(1), 500) == sentences(language, np.random.default_rng(1), 500)
    assert sentences(language, np.random.default_rng(1), 500) != sentences(language, np.random.default_rng(2), 500)
