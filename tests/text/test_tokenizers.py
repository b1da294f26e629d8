import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import from_json, to_json, train_tokenizer
from charrnn_jax.text.words import alphabetic_words, count_words

ANY_TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab \n'’é\ud800\udc00")))
OPEN = pytest.mark.parametrize("kind", ["char", "byte", "bpe", "word"])
ALL = pytest.mark.parametrize("kind", ["char", "byte", "bpe", "word", "closed_word"])


@OPEN
@given(trained_on=ANY_TEXT, text=ANY_TEXT)
def test_round_trip_over_any_unicode(kind, trained_on, text):
    tokenizer = train_tokenizer(kind, StringText(trained_on), pieces=5)
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == text


@given(lines=st.lists(st.lists(st.sampled_from(["the", "cat", "N", "<unk>"]), min_size=1), min_size=1))
def test_closed_word_round_trip_on_its_own_form(lines):
    text = "".join(" ".join(line) + "\n" for line in lines)
    tokenizer = train_tokenizer("closed_word", StringText(text), pieces=1)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@OPEN
@settings(deadline=None)
@given(trained_on=ANY_TEXT, text=ANY_TEXT)
def test_lengths_say_where_each_token_starts(kind, trained_on, text):
    tokenizer = train_tokenizer(kind, StringText(trained_on), pieces=5)
    ids = tokenizer.encode(text)
    assert tokenizer.lengths(ids).sum() == len(text)
    for i in range(len(ids)):
        written = tokenizer.decode(ids[:i])
        if text.startswith(written) and "\ufffd" not in written:  # else a character is cut
            assert tokenizer.lengths(ids[:i]).sum() == len(written)


@given(lines=st.lists(st.lists(st.sampled_from(["the", "cat", "N", "<unk>"])), min_size=1))
def test_lengths_of_closed_words_count_the_space_before(lines):
    text = "".join(" ".join(line) + "\n" for line in lines)
    tokenizer = train_tokenizer("closed_word", StringText(text), pieces=1)
    ids = tokenizer.encode(text)
    for i in range(len(ids) + 1):
        assert tokenizer.lengths(ids[:i]).sum() == len(tokenizer.decode(ids[:i]))


def test_closed_word_answers_an_unknown_word_with_unk():
    tokenizer = train_tokenizer("closed_word", StringText("a b\n"), pieces=1)
    assert tokenizer.decode(tokenizer.encode("a z\n")) == "a <unk>\n"


@ALL
@given(trained_on=ANY_TEXT, seed=st.integers(0, 2**32 - 1))
def test_any_ids_decode(kind, trained_on, seed):
    tokenizer = train_tokenizer(kind, StringText(trained_on), pieces=5)
    ids = np.random.default_rng(seed).integers(0, tokenizer.vocab_size, 40).astype(np.int32)
    assert isinstance(tokenizer.decode(ids), str)
    assert 0 <= tokenizer.start_id < tokenizer.vocab_size


@ALL
def test_an_id_outside_the_vocabulary_is_an_error(kind):
    tokenizer = train_tokenizer(kind, StringText("a b a b"), pieces=5)
    for bad in (-1, tokenizer.vocab_size):
        with pytest.raises(ValueError, match=f"id {bad} at position 1"):
            tokenizer.decode(np.array([0, bad], np.int32))


@ALL
@given(trained_on=ANY_TEXT)
def test_json_round_trip(kind, trained_on):
    tokenizer = train_tokenizer(kind, StringText(trained_on), pieces=5)
    assert from_json(to_json(tokenizer)) == tokenizer


@ALL
def test_surrogates_side_by_side_are_not_joined_by_json(kind):
    tokenizer = train_tokenizer(kind, StringText("\ud800\udc00 \ud800\udc00 \U00010000"), pieces=5)
    assert from_json(to_json(tokenizer)) == tokenizer


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(["char", "byte", "bpe", "word", "closed_word"]) | JSON_VALUES,
    schema=st.just(1) | JSON_VALUES,
    values=st.fixed_dictionaries({}, optional=dict.fromkeys(["characters", "pieces", "words", "merges"], JSON_VALUES)),
)
def test_hostile_json_is_refused_or_harmless(kind, schema, values):
    text = json.dumps({"schema": schema, "kind": kind, **values})
    try:
        tokenizer = from_json(text)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert tokenizer.encode("a b").dtype == np.int32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "schema None"),
        ('{"schema": 2, "kind": "byte"}', "schema 2, this version reads 1"),
        ('{"schema": 1, "kind": "morse"}', "kind 'morse'"),
        ('{"schema": 1, "kind": "char", "characters": "aa"}', "repeated"),
        ('{"schema": 1, "kind": "word", "pieces": [1], "characters": "a"}', "pieces are missing"),
        ('{"schema": 1, "kind": "closed_word", "words": ["a"]}', "lack <eos>"),
        ('{"schema": 1, "kind": "bpe"}', "merges are missing"),
    ],
)
def test_refusals_say_why(text, message):
    with pytest.raises(InputError, match=message):
        from_json(text)


def test_word_vocabulary_is_by_frequency_and_leaves_hapaxes_to_the_speller():
    tokenizer = train_tokenizer("word", StringText("a a a b b c"), pieces=10)
    assert tokenizer.to_dict()["pieces"] == [" a", " b"]
    assert tokenizer.encode(" a b c").tolist()[:3] == [0, 1, 2]


def test_pieces_must_be_positive():
    with pytest.raises(InputError, match="--pieces is 0"):
        train_tokenizer("word", StringText("a"), pieces=0)


def test_words_as_a_reader_sees_them():
    assert alphabetic_words("The cat's 2 hats, naïve_X!") == ["the", "cat's", "hats", "naïve", "x"]
    assert count_words(" a b\n c") == 3
