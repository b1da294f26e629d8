"""Tokenizers and streams under hostile input: no exception but InputError, and nothing lost."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import from_json, to_json, train_tokenizer
from charrnn_jax.text.words import alphabetic_words, count_words
from tests.hostile import JSON, JSON_TEXT, TEXT, altered, damaged, patiently, survives

KINDS = ("char", "byte", "bpe", "word", "closed_word")
HATS = "the cat, the hat\n\ud800\udc00 \ud800\udc00 é"
VALID = [to_json(train_tokenizer(kind, StringText(HATS), pieces=9)) for kind in KINDS]
patient = patiently()


def check_usable(tokenizer, text):
    """Whatever a tokenizer was made of, it writes any text, and reads back what it wrote."""
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert not len(ids) or 0 <= ids.min() <= ids.max() < tokenizer.vocab_size
    assert 0 <= tokenizer.start_id < tokenizer.vocab_size
    again = tokenizer.decode(ids)
    assert again == text or tokenizer.kind == "closed_word"
    assert tokenizer.decode(tokenizer.encode(again)) == again
    assert from_json(to_json(tokenizer)) == tokenizer


@patient
@pytest.mark.parametrize("kind", KINDS)
@given(trained_on=TEXT, text=TEXT, pieces=st.integers(-1, 10))
def test_a_tokenizer_trained_on_anything_writes_anything(kind, trained_on, text, pieces):
    tokenizer = survives(train_tokenizer, kind, StringText(trained_on), pieces)
    if tokenizer is not None:
        check_usable(tokenizer, text)


@patient
@given(text=JSON_TEXT)
def test_any_json_is_refused_as_a_tokenizer(text):
    assert survives(from_json, text) is None


FIELDS = {"characters": TEXT | JSON, "pieces": st.lists(TEXT | JSON) | JSON, "words": st.lists(TEXT | JSON) | JSON}
FIELDS["merges"] = st.lists(st.lists(st.integers(0, 270), min_size=2, max_size=2), max_size=9) | JSON


@patient
@given(
    kind=st.sampled_from(KINDS),
    schema=st.just(1) | JSON,
    fields=st.fixed_dictionaries({}, optional=FIELDS),
    special=st.lists(st.sampled_from(["<eos>", "<unk>"])),
    text=TEXT,
)
def test_fields_of_any_kind_are_refused_or_make_a_tokenizer(kind, schema, fields, special, text):
    if isinstance(fields.get("words"), list):
        fields["words"] = fields["words"] + special
    tokenizer = survives(from_json, json.dumps({"schema": schema, "kind": kind, **fields}))
    if tokenizer is not None:
        check_usable(tokenizer, text)


@patient
@given(
    written=st.sampled_from(VALID).flatmap(lambda text: damaged(text) | altered(json.loads(text)).map(json.dumps)),
    text=TEXT,
)
def test_a_damaged_tokenizer_is_refused_or_usable(written, text):
    tokenizer = survives(from_json, written)
    if tokenizer is not None:
        check_usable(tokenizer, text)


@patient
@given(text=TEXT)
def test_words_are_counted_in_anything(text):
    words = survives(alphabetic_words, text)
    assert count_words(text) >= 0
    assert all(word and word == word.lower() for word in words)


@patiently(1)
@given(
    tokens=st.integers(1, 2000),
    batch_size=st.integers(1, 70),
    length=st.integers(1, 300),
    burn_in=st.integers(0, 3000),
)
def test_every_token_is_scored_exactly_once(tokens, batch_size, length, burn_in):
    ids = np.arange(tokens, dtype=np.int32)
    folds = [fold_for_scoring(ids, tokens, batch_size, length, burn_in)]
    short = tokens < batch_size * length
    training = survives(fold_streams, ids, tokens, batch_size, length)
    assert (training is None) == short
    for streams in folds if short else [*folds, training]:
        batches = [batch_at(streams, n) for n in range(streams.windows)]
        scored = np.concatenate([batch.targets[batch.weights > 0] for batch in batches])
        assert np.array_equal(np.bincount(scored, minlength=tokens), np.ones(tokens))
