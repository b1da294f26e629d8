import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.text.texts import StringText
from experiments.measures import ngram
from experiments.measures.ngram import bits_per_char, count, frequent_characters, probabilities

LETTERS = "abcdefgh"
TEXT = StringText(Path(__file__).read_text())


def oracle(ids, start, vocab_size, order):
    """The equations once more, gram by gram: a function of a context and an id."""
    padded = [start] * (order - 1) + ids
    counts = {order: Counter(tuple(padded[i : i + order]) for i in range(len(ids)))}
    for k in range(order - 1, 0, -1):
        counts[k] = Counter(gram[1:] for gram in counts[k + 1])
    discounts, after = {}, {k: defaultdict(list) for k in counts}
    for k, grams in counts.items():
        n = Counter(grams.values())
        discounts[k] = [0.0, 0.5, 1.0, 1.5]
        if n[1] and n[2] and n[3]:
            Y = n[1] / (n[1] + 2 * n[2])
            found = [0.0, 1 - 2 * Y * n[2] / n[1], 2 - 3 * Y * n[3] / n[2], 3 - 4 * Y * n[4] / n[3]]
            discounts[k] = found if all(0 < found[i] <= i for i in (1, 2, 3)) else discounts[k]
        for gram, c in grams.items():
            after[k][gram[:-1]].append(c)

    def p(context, w, k=order):
        if k == 0:
            return 1 / vocab_size
        h = tuple(context[len(context) - k + 1 :])
        lower = p(context, w, k - 1)
        if not after[k][h]:
            return lower
        c, total = counts[k][(*h, w)], sum(after[k][h])
        gamma = sum(discounts[k][min(c, 3)] for c in after[k][h]) / total
        return (c - discounts[k][min(c, 3)]) / total + gamma * lower

    return p


def assert_equal_to_the_oracle(train, test, start, vocab_size, order):
    p = oracle(train, start, vocab_size, order)
    padded = [start] * (order - 1) + test
    expected = [p(padded[i : i + order - 1], w) for i, w in enumerate(test)]
    model = count(np.array(train), start, vocab_size, order)
    np.testing.assert_allclose(probabilities(model, np.array(test), start), expected, rtol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    train=st.lists(st.integers(0, 4), min_size=1, max_size=200),
    test=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    order=st.integers(1, 5),
)
def test_it_is_the_equations_of_the_paper(train, test, order):
    assert_equal_to_the_oracle(train, test, 0, 7, order)


def test_it_is_the_equations_on_a_text_that_is_large_enough_to_estimate_discounts():
    tokenizer = frequent_characters(TEXT)
    ids = tokenizer.encode(TEXT.text).tolist()
    counts = np.unique(ngram._windows(np.array(ids), tokenizer.start_id, 5), return_counts=True)[1]
    assert (ngram._discounts(counts) != ngram.USUAL)[1:].all()
    assert_equal_to_the_oracle(ids[:5000], ids[5000:], tokenizer.start_id, tokenizer.vocab_size, 5)


@settings(deadline=None, max_examples=60)
@given(
    train=st.lists(st.integers(0, 8), min_size=1, max_size=300),
    context=st.lists(st.integers(0, 10), max_size=6),
    order=st.integers(1, 5),
)
def test_probabilities_sum_to_one_after_every_context(train, context, order):
    model = count(np.array(train), 0, 11, order)
    p = [probabilities(model, np.array([*context, w]), 0)[-1] for w in range(11)]
    assert min(p) > 0
    assert sum(p) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("order", [1, 5])
def test_independent_uniform_characters_have_the_entropy_of_their_alphabet(order):
    letters = np.random.default_rng(0).choice(list("abcd"), 300_000)
    train, test = (StringText("".join(part)) for part in np.split(letters, [250_000]))
    assert bits_per_char(train, test, order) == pytest.approx(2, abs=0.01)


def test_a_markov_source_has_its_entropy_rate():
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.full(8, 0.5), 8)
    stationary = np.linalg.matrix_power(P, 200)[0]
    rate = float(-(stationary[:, None] * P * np.log2(P)).sum())
    thresholds, state, written = P.cumsum(1), 0, []
    for u in rng.random(200_000):
        state = min(int(np.searchsorted(thresholds[state], u)), 7)
        written.append(LETTERS[state])
    train, test = StringText("".join(written[:150_000])), StringText("".join(written[150_000:]))
    assert bits_per_char(train, test, 2) == pytest.approx(rate, abs=0.02)
    assert bits_per_char(train, test, 5) == pytest.approx(rate, abs=0.04)
    assert bits_per_char(train, test, 1) > rate + 0.2


def test_a_longer_context_helps_on_text_and_what_was_never_seen_has_a_price():
    test = StringText("def test_of_what_was_never_seen(): assert 'ж' != '\U0001f600'\n")
    bits = [bits_per_char(TEXT, test, order) for order in (1, 3, 5)]
    assert math.isfinite(bits[0])
    assert bits[0] > bits[1] > bits[2]


def test_characters_beyond_the_room_for_ids_are_spelled_and_still_have_a_price(monkeypatch):
    """Chinese, for one, has more than 4,080; five ids of more than twelve bits would not fit into 64."""
    monkeypatch.setattr(ngram, "BITS", 5)
    text = StringText("the quick brown fox jumps over the lazy dog, " * 50)
    tokenizer = frequent_characters(text)
    assert tokenizer.vocab_size == 32
    assert set(tokenizer.characters) < set(text.text)
    assert math.isfinite(bits_per_char(text, text, 5))
