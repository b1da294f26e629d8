import json

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import CharTokenizer, train_char
from charrnn_jax.text.closed_word import train_closed_word
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import train_word
from experiments.measures.passage import COLUMNS, entries, shown, surprisal
from experiments.measures.reader import Reader, reader_of

TEXT = "the cat and the dog\nand the cat\n"
BEFORE, PASSAGE = "and the dog\n", "the zebra and naïve ☃ cat\nthe end"
TOKENIZERS = [train_char(StringText(TEXT)), ByteTokenizer(), train_word(StringText(TEXT), 9)]


def kind(tokenizer):
    return tokenizer.kind


@pytest.fixture(scope="module", params=TOKENIZERS, ids=kind)
def reader(request):
    model = LanguageModel(request.param.vocab_size, 8, 8)
    return reader_of(model, request.param, init_params(model, jax.random.key(0)))


@pytest.fixture(scope="module")
def found(reader):
    return surprisal(reader, BEFORE, PASSAGE)


def test_the_texts_are_the_passage(found):
    assert "".join(entry["text"] for entry in found) == PASSAGE
    assert [entry["start"] for entry in found] == np.cumsum([0] + [len(e["text"]) for e in found])[:-1].tolist()
    assert all(entry["text"] for entry in found)
    assert json.loads(json.dumps(found)) == found


def test_the_bits_are_those_of_the_passage(reader, found):
    tokenizer = reader.tokenizer
    before, ids = tokenizer.encode(BEFORE), tokenizer.encode(PASSAGE)
    targets = np.concatenate([before, ids])
    inputs = np.concatenate([[tokenizer.start_id], targets[:-1]]).astype(np.int32)
    nats = reader.nats(inputs[:, None], targets[:, None])[len(before) :]
    assert sum(entry["bits"] for entry in found) == pytest.approx(nats.sum() / np.log(2), rel=1e-6)


def test_what_was_expected_is_ordered_and_at_most_certain(found):
    for entry in found:
        probabilities = [probability for _, probability in entry["expected"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 < sum(probabilities) <= 1.00001
        assert len(entry["expected"]) == 3


def test_a_model_that_is_sure_pays_nothing_and_says_why():
    """Of each character the next in the alphabet, with three quarters; of what a text has, a model with an answer."""
    tokenizer = CharTokenizer("abcdefgh")
    V = tokenizer.vocab_size
    after = np.log(np.full((V, V), 0.25 / (V - 1))).astype(np.float32)
    after[np.arange(V), (np.arange(V) + 1) % V] = np.log(0.75)
    reader = Reader(
        tokenizer,
        lambda inputs, targets: -after[inputs, targets],
        lambda inputs, last: after[inputs[last, np.arange(inputs.shape[1])]],
    )
    found = surprisal(reader, "ab", "cda")
    likely, unlikely = -np.log2(0.75), -np.log2(0.25 / (V - 1))
    assert [entry["bits"] for entry in found] == pytest.approx([likely, likely, unlikely])
    assert [entry["expected"][0] for entry in found] == [[text, pytest.approx(0.75)] for text in ("c", "d", "e")]
    assert surprisal(reader, "ab", "") == []
    assert surprisal(reader, "", "b")[0]["bits"] == pytest.approx(likely)  # after the start, which is a
    many = surprisal(reader, "", "bcdefgha" * (COLUMNS // 4))
    assert [entry["expected"][0][0] for entry in many[:7]] == list("bcdefgh")
    assert len(many) == 2 * COLUMNS
    assert many[COLUMNS]["expected"] == many[8]["expected"]


def test_a_spelled_word_is_one_entry():
    tokenizer = train_word(StringText(TEXT), 9)
    model = LanguageModel(tokenizer.vocab_size, 4, 4)
    reader = reader_of(model, tokenizer, init_params(model, jax.random.key(0)))
    found = surprisal(reader, "", "the ☃ze cat")
    assert [entry["text"] for entry in found] == ["the", " ☃", "ze", " cat"]
    assert tokenizer.encode("the ☃ze cat").size == 20  # <spell> t h e </spell>, and so on


def test_a_character_of_several_bytes_is_one_entry():
    assert entries(ByteTokenizer(), ByteTokenizer().encode("a☃b")).tolist() == [True, True, False, False, True]
    spelled = CharTokenizer("ab")
    assert entries(spelled, spelled.encode("a☃b")).tolist() == [True, True, *[False] * 5, True]


def test_tokens_that_are_no_character_have_a_name():
    assert [shown(ByteTokenizer(), i) for i in (65, 0xE2)] == ["A", "<e2>"]
    assert [shown(CharTokenizer("ab"), i) for i in (1, 2, 17)] == ["b", "<0>", "<f>"]
    word = train_word(StringText(TEXT), 9)
    n, m = len(word.pieces), len(word.letters.characters)
    assert [shown(word, i) for i in (n, n + 1, n + 2, n + 2 + m)] == ["<spell>", "</spell>", "\n", "<0>"]
    assert shown(word, 0) == word.pieces[0]
    closed = train_closed_word(StringText(TEXT))
    assert {shown(closed, i) for i in range(closed.vocab_size)} == {"the", "cat", "and", "dog", "\n", "<unk>"}


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.sampled_from(TOKENIZERS))
def test_entries_have_all_characters_of_any_text(text, tokenizer):
    ids = tokenizer.encode(text)
    if not len(ids):
        return
    begins = entries(tokenizer, ids)
    chars = np.add.reduceat(tokenizer.lengths(ids), np.flatnonzero(begins))
    assert begins[0]
    assert chars.sum() == len(text)
    assert chars.min() > 0
