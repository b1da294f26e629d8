import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import train_char
from charrnn_jax.text.closed_word import train_closed_word
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import train_word
from experiments.measures.columns import Column, nats_of
from experiments.measures.context import (
    choose_segments,
    common_boundaries,
    context_sizes,
    context_use,
    effective_context,
)
from experiments.measures.reader import reader_of
from experiments.measures.vocabulary import token_starts
from tests.experiments.measures.fakes import remembering_reader

WORDS = "the of and to in a that nation states which congress been was é”"


def repeating(chars, total):
    """A text of words that begins again after so many characters."""
    rng = np.random.default_rng(chars)
    once = ""
    while len(once) < chars - 1:
        once += " " + rng.choice(WORDS.split())
    once = once[: chars - 1].rstrip() + "\n"
    once = once[:-1] + "x" * (chars - len(once)) + "\n"
    return (once * (total // chars + 1))[:total]


@pytest.mark.parametrize("kind", ["char", "byte", "word"])
@pytest.mark.parametrize("chars", [16, 64, 512])
def test_a_model_with_a_built_in_context_gets_it_back(kind, chars):
    text = repeating(chars, 4000)
    trained = {"char": train_char, "byte": lambda _: ByteTokenizer(), "word": lambda text: train_word(text, 100)}
    tokenizer = trained[kind](StringText(text))
    sizes = context_sizes(len(text), 1024)
    segments = choose_segments(text, [tokenizer], sizes, count=8, length=32)
    use = context_use(remembering_reader(tokenizer, chars), text, segments, sizes)
    assert effective_context(use.k, use.bits_per_char) == chars
    before, behind = use.bits_per_char[use.k < chars], use.bits_per_char[use.k >= chars]
    np.testing.assert_allclose(before, before[0])
    np.testing.assert_allclose(behind, behind[0])
    assert behind[0] < 0.2 * before[0]
    np.testing.assert_allclose(use.bits_per_char, use.nats.sum(1) / use.chars.sum() / math.log(2))


def test_a_single_character_of_context():
    text = "a" * 1000
    tokenizer = train_char(StringText(text))
    sizes = context_sizes(len(text), 8)
    segments = choose_segments(text, [tokenizer], sizes, count=4, length=32)
    use = context_use(remembering_reader(tokenizer, 1), text, segments, sizes)
    assert effective_context(use.k, use.bits_per_char) == 1
    np.testing.assert_allclose(use.nats, 0.1 * np.broadcast_to(use.chars, (4, 4)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["char", "word"])
def test_a_context_that_reaches_the_beginning_costs_what_the_whole_text_costs(kind):
    text = repeating(300, 700)
    tokenizer = train_char(StringText(text)) if kind == "char" else train_word(StringText(text), 5)
    model = LanguageModel(tokenizer.vocab_size, 8, 8)
    params = jax.tree.map(lambda weights: 5 * weights, init_params(model, jax.random.key(1)))  # a long memory
    reader = reader_of(model, tokenizer, params)
    segments = choose_segments(text, [tokenizer], [64], count=4, length=40)
    use = context_use(reader, text, segments, [1, 1024])
    ids = tokenizer.encode(text)
    (nats,) = nats_of(reader, [Column(np.concatenate([[tokenizer.start_id], ids[:-1]]).astype(np.int32), ids)])
    starts = token_starts(tokenizer, ids)
    whole = [nats[(starts >= begin) & (starts < end)].sum() for begin, end in segments]
    np.testing.assert_allclose(use.nats[-1], whole, rtol=1e-4)
    assert not np.allclose(use.nats[0], whole, rtol=1e-3)


def test_every_target_sees_k_to_nine_eighths_of_k_characters():
    text = repeating(100, 3000)
    tokenizer = train_char(StringText(text))
    steps = []

    def nats(inputs, targets):
        steps.append(inputs.size)
        return np.broadcast_to(np.arange(1, len(inputs) + 1, dtype=np.float32)[:, None], inputs.shape)

    reader = remembering_reader(tokenizer, 1)._replace(nats=nats)
    sizes = context_sizes(len(text), 512)
    segments = choose_segments(text, [tokenizer], sizes, count=4, length=128)
    use = context_use(reader, text, segments, sizes)
    mean_seen = use.nats.sum(1) / use.chars.sum()  # a target costs the characters before it
    assert np.all(mean_seen >= use.k)
    assert np.all(mean_seen < use.k * 9 / 8)
    assert sum(steps) <= 9 * use.chars.sum() * len(sizes) + 8 * (1 << 14)  # and one batch of each shape not full


@given(st.text("ab c.”\né𝔸", min_size=1, max_size=80))
def test_a_segment_is_the_same_characters_for_every_tokenizer(text):
    trained = StringText("ab ab c a. a. \n\n")
    tokenizers = [ByteTokenizer(), train_char(trained), train_word(trained, 10)]
    places = common_boundaries([token_starts(t, t.encode(text)) for t in tokenizers])
    for place in places:
        for tokenizer in tokenizers:
            ids = tokenizer.encode(text)
            before = ids[token_starts(tokenizer, ids) < place]
            assert tokenizer.decode(before) == text[:place]


def test_boundaries_of_a_closed_vocabulary():
    text = "no it was n't\nblack monday\n"
    tokenizer = train_closed_word(StringText(text))
    places = common_boundaries([token_starts(tokenizer, tokenizer.encode(text)), np.arange(len(text))])
    assert [text[place] for place in places] == list("n   \nb \n")


def test_segments_are_apart_and_have_the_context_before_them():
    text = repeating(500, 20_000)
    tokenizers = [train_char(StringText(text)), train_word(StringText(text), 50)]
    segments = choose_segments(text, tokenizers, context_sizes(len(text)))
    assert len(segments) == 64
    assert segments[0, 0] >= 4096
    assert np.all(segments[1:, 0] >= segments[:-1, 1])
    assert np.all(np.diff(segments) >= 128)
    assert np.all(np.diff(segments) <= 256)
    assert segments[-1, 1] <= len(text)


def test_a_short_text_has_fewer_contexts_and_fewer_segments():
    text = repeating(100, 1000)
    sizes = context_sizes(len(text))
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    segments = choose_segments(text, [train_char(StringText(text))], sizes)
    assert 3 <= len(segments) <= 6


@pytest.mark.parametrize("text", ["", "ab", "abc " * 20])
def test_a_text_that_is_too_short(text):
    with pytest.raises(InputError, match="give a longer text"):
        choose_segments(text, [ByteTokenizer()], context_sizes(len(text)))


@pytest.mark.parametrize(
    ("bits", "expected"),
    [([4, 3, 2, 2], 4), ([4, 2.01, 2, 2], 2), ([4, 2.1, 2, 2.5], 4), ([2, 2, 2, 2], 1), ([4, 3, 2.03, 2], 8)],
)
def test_the_context_beyond_which_less_than_a_hundredth_is_gained(bits, expected):
    assert effective_context(np.array([1, 2, 4, 8]), np.array(bits, np.float64)) == expected
