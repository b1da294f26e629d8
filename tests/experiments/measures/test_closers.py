from collections import Counter

import jax
import numpy as np
import pytest

from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import CharTokenizer, train_char
from charrnn_jax.text.closed_word import ClosedWordTokenizer
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import WordTokenizer
from experiments.measures.closers import Closer, by_distance, closer_probabilities, find_closers
from experiments.measures.reader import reader_of
from tests.experiments.measures.fakes import fake_reader

CLOSER_OF = {"(": ")", "[": "]", "{": "}", "“": "”"}


def nested(rng, spans):
    """Brackets around so many characters of words, and some of them around others."""
    parts = []
    for span in spans:
        opener = rng.choice(list(CLOSER_OF))
        inner = "ab (c) "[: max(0, span - 2)] if span > 20 else ""
        filler = ("de fgh " * (span // 7 + 1))[: span - 1 - len(inner)].rstrip().ljust(span - 1 - len(inner), "x")
        parts.append(f"{opener}{inner}{filler}{CLOSER_OF[opener]} ")
    return "".join(parts)


def stack(text):
    """What a reader knows who keeps the openers in mind: where one is open, that it may close at any time."""
    opened = []
    for character in text:
        if character in CLOSER_OF:
            opened.append(character)
        elif opened and character == CLOSER_OF[opened[-1]]:
            opened.pop()
    return {CLOSER_OF[opened[-1]]: 1.0} if opened else {}


@pytest.fixture(scope="module")
def text():
    return nested(np.random.default_rng(0), [2, 5, 20, 50, 100, 300, 1000, 1900] * 2)


def test_a_reader_who_keeps_the_openers_in_mind_knows_every_closer(text):
    closers = find_closers(text)
    found = closer_probabilities(fake_reader(train_char(StringText(text)), stack), text, closers)
    bins = by_distance(closers, found)
    assert [(b.low, b.high) for b in bins] == [(1, 8), (8, 32), (32, 128), (128, 512), (512, 2000)]
    assert all(np.all(b.probabilities > 0.98) for b in bins)
    assert sum(len(b.probabilities) for b in bins) == len(closers)


def test_a_reader_who_ignores_what_came_before_has_the_rate_of_each(text):
    counts = Counter(text)
    closers = find_closers(text)
    found = closer_probabilities(fake_reader(train_char(StringText(text)), lambda _: counts, 1e-6), text, closers)
    np.testing.assert_allclose(found, [counts[text[c.at]] / len(text) for c in closers], rtol=1e-5)


def words(*pieces):
    return WordTokenizer(pieces, CharTokenizer("\n zx"))


def test_the_word_before_might_have_gone_on():
    text = "(the dog)"
    tokenizer = words("\n", "(", "the", " dog", " dogs", " cat", ")", ").")
    rows = {
        "\n(the": {" dog": 0.5, " dogs": 0.25, " cat": 0.25},
        "\n(the dog": {")": 0.4, ").": 0.2, " cat": 0.4},
    }
    found = closer_probabilities(fake_reader(tokenizer, lambda read: rows.get(read, {}), 1e-6), text, find_closers(text))
    np.testing.assert_allclose(found, [0.5 * (0.4 + 0.2) / (0.5 + 0.25)], rtol=1e-4)


def test_a_closer_inside_a_token():
    text = "“dog.”"
    tokenizer = words("\n", "“", "dog", ".", ".”", ".” ", "!”", ".)")
    rows = {"\n“dog": {".": 0.2, ".”": 0.25, ".)": 0.05, "!”": 0.5}}
    found = closer_probabilities(fake_reader(tokenizer, lambda read: rows.get(read, {}), 1e-6), text, find_closers(text))
    np.testing.assert_allclose(found, [0.25 / (0.2 + 0.25 + 0.05)], rtol=1e-4)


def test_a_closed_vocabulary_has_the_space_in_the_token():
    text = "a ( b )\n"
    tokenizer = ClosedWordTokenizer(("<eos>", "<unk>", "a", "b", "(", ")"))

    rows = {"\na ( b": {")": 0.3, "\n": 0.5, "a": 0.2}}
    found = closer_probabilities(fake_reader(tokenizer, lambda read: rows.get(read, {}), 1e-6), text, find_closers(text))
    np.testing.assert_allclose(found, [0.3 / (0.3 + 0.2)], rtol=1e-4)


def test_opener_and_closer_in_one_token_at_the_beginning_of_a_line():
    text = "a() b\n"
    tokenizer = ClosedWordTokenizer(("<eos>", "<unk>", "a()", "b", "a(b"))
    reader = fake_reader(tokenizer, lambda _: {"a()": 0.3, "a(b": 0.1, "b": 0.6}, 1e-6)
    np.testing.assert_allclose(closer_probabilities(reader, text, [Closer(2, 1)]), [0.3 / 0.4], rtol=1e-4)


def trained(tokenizer):
    model = LanguageModel(tokenizer.vocab_size, 8, 8)
    return reader_of(model, tokenizer, init_params(model, jax.random.key(0)))


def test_behind_a_spelled_word_the_spelling_has_to_end():
    text = "(the zx)"
    reader = trained(words("\n", "(", "the", ")", ")."))
    ids = reader.tokenizer.encode(text)
    inputs = np.concatenate([[reader.tokenizer.start_id], ids])[:, None].astype(np.int32)
    end, closer = (np.exp(reader.after(inputs, np.array([last], np.int32))[0]) for last in (len(ids) - 2, len(ids) - 1))
    found = closer_probabilities(reader, text, find_closers(text))
    np.testing.assert_allclose(found, [end[ids[-2]] * (closer[3] + closer[4])], rtol=1e-4)


def test_a_closer_of_three_bytes():
    text = "“é”"
    reader = trained(ByteTokenizer())
    ids = reader.tokenizer.encode(text)
    inputs = np.concatenate([[reader.tokenizer.start_id], ids[:-1]])[:, None].astype(np.int32)
    costs = reader.nats(inputs, ids[:, None])[-3:].sum()
    np.testing.assert_allclose(closer_probabilities(reader, text, find_closers(text)), [np.exp(-costs)], rtol=1e-4)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("no brackets, it’s ‘so’", []),
        ("()", [(1, 1)]),
        ("(a [b) c]", [(5, 5), (8, 5)]),
        ("a) (b (c)", [(8, 2)]),
        ("(" + "x" * 1999 + ")", [(2000, 2000)]),
        ("(" + "x" * 2000 + ")", []),
        ('a "b" "c d"', [(4, 2), (10, 4)]),
        ('"a\n\n"b" (c\n\nd)', [(6, 2), (13, 5)]),
        ('"a\nb"\n\n“c\n\nd”', [(4, 4)]),
        ('"a\nb"', []),
        ('"a\n"', []),
        ("(a\n)", []),
    ],
)
def test_what_closes_what(text, found):
    assert find_closers(text) == found


def test_no_more_of_a_bin_than_asked_for_and_spread_over_the_text():
    text = "(a) " * 100 + "(twenty characters!!) " * 5
    closers = find_closers(text, most=7)
    assert len([c for c in closers if c.distance == 2]) == 7
    assert len([c for c in closers if c.distance > 2]) == 5
    assert closers[0].at == 2
    assert 300 < closers[6].at < 400


def test_a_text_without_brackets_is_not_measured():
    closers = find_closers("to be")
    found = closer_probabilities(fake_reader(ByteTokenizer(), stack), "to be", closers)
    assert by_distance(closers, found) == []
