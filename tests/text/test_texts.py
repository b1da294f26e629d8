import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.text import closed_word, word
from charrnn_jax.text.texts import StringText, cut
from charrnn_jax.text.tokenizer import train_tokenizer
from charrnn_jax.text.tokens import encode, id_type
from charrnn_jax.text.words import WHITE_SPACE, count_words

ANY_TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab \n\0'’é\ud800\udc00\u3000")))
SIZE = st.integers(1, 9)
OPEN = pytest.mark.parametrize("kind", ["char", "byte", "bpe", "word"])
ALL = pytest.mark.parametrize("kind", ["char", "byte", "bpe", "word", "closed_word"])
# Runs of up to three characters: every window of four has white space behind its first.
CUT_IN_PEACE = st.lists(st.text("aB1'’.-\0\ud800", max_size=3), max_size=30).flatmap(
    lambda runs: st.lists(st.sampled_from(" \n\r\t\x1c\u3000"), min_size=len(runs), max_size=len(runs)).map(
        lambda spaces: "".join(run + space for run, space in zip(runs, spaces, strict=True))
    )
)


@given(text=ANY_TEXT, size=SIZE, widths=st.lists(st.integers(0, 20), max_size=20))
def test_pieces_are_the_text_however_it_comes(text, size, widths):
    ends = np.cumsum([0, *widths]).tolist()
    chunks = [text[a:b] for a, b in zip(ends, [*ends[1:], len(text)], strict=True)]
    pieces = list(cut(chunks, size))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= size for piece in pieces)
    assert pieces == list(StringText(text, size).pieces())


@ALL
@given(text=CUT_IN_PEACE, size=st.integers(4, 12))
def test_no_token_is_cut_where_white_space_allows(kind, text, size):
    tokenizer = train_tokenizer(kind, StringText(text, size), pieces=5)
    assert tokenizer == train_tokenizer(kind, StringText(text), pieces=5)
    np.testing.assert_array_equal(encode(tokenizer, StringText(text, size)).ids, tokenizer.encode(text))


@OPEN
@given(trained_on=ANY_TEXT, text=ANY_TEXT, size=SIZE)
def test_pieces_of_any_unicode_are_encoded_without_loss(kind, trained_on, text, size):
    tokenizer = train_tokenizer(kind, StringText(trained_on, size), pieces=5)
    tokens = encode(tokenizer, StringText(text, size))
    assert tokenizer.decode(tokens.ids) == text
    assert (tokens.chars, tokens.words) == (len(text), len(text.split()))


@given(text=ANY_TEXT, size=SIZE)
@example(text="", size=1)
def test_a_text_counts_and_hashes_as_one_string(text, size):
    pieces = StringText(text, size)
    assert (pieces.chars, pieces.words, pieces.read()) == (len(text), len(text.split()), text)
    assert b"".join(pieces.utf8()) == text.encode("utf-8", "surrogatepass")


def test_words_are_those_of_split_for_every_character():
    assert not WHITE_SPACE[-1]
    assert not any(chr(point).isspace() for point in range(len(WHITE_SPACE), 0x110000))
    text = "".join(f"a{chr(point)}" for point in range(0x4000))
    assert count_words(text) == len(text.split())
    assert count_words("a b", before="x") == 1


@settings(deadline=None)
@given(counts=st.lists(st.integers(2, 6), min_size=1, max_size=4), size=st.integers(1, 40))
def test_rare_words_are_forgotten_where_there_are_too_many(counts, size):
    # Every `frequent` word comes in every piece, between words that come once.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word, "MOST_TYPES", 20)
        once = (f"once{n}" for n in range(10**6))
        lines = [" ".join([*(["frequent"] * count), *(next(once) for _ in range(size))]) for count in counts * 5]
        tokenizer = train_tokenizer("word", StringText("\n".join(lines), len(lines[0]) + 20), pieces=1)
    assert tokenizer.to_dict()["pieces"] == [" frequent"]


@pytest.mark.parametrize("limit", ["MOST_TYPES", "MOST_CHARS"])
def test_no_more_words_are_counted_than_stated(monkeypatch, limit):
    monkeypatch.setattr(word, limit, 1000)
    text = StringText(" ".join(f"{n:09}" for n in range(2000)), 500)
    counts = word.count_pieces(text)
    assert (len(counts) if limit == "MOST_TYPES" else sum(map(len, counts))) <= 1000


def test_a_closed_vocabulary_of_too_many_words_is_refused(monkeypatch):
    monkeypatch.setattr(closed_word, "MOST_WORDS", 10)
    with pytest.raises(InputError, match="more than 10 different words: use word"):
        train_tokenizer("closed_word", StringText("a b c d e f g h i j"), pieces=1)


@OPEN
def test_a_long_line_without_a_space(kind):
    text = StringText("abcdefgh" * 25_000, 10_000)
    tokenizer = train_tokenizer(kind, text, pieces=5)
    tokens = encode(tokenizer, text)
    assert tokenizer.decode(tokens.ids) == text.read()
    assert (tokens.chars, tokens.words) == (200_000, 1)


@pytest.mark.parametrize(("vocab_size", "dtype"), [(1, "u1"), (256, "u1"), (257, "u2"), (65_536, "u2"), (65_537, "i4")])
def test_ids_take_the_smallest_type_that_holds_them(vocab_size, dtype):
    assert id_type(vocab_size) == np.dtype(dtype)
    assert np.array(vocab_size - 1).astype(id_type(vocab_size)) == vocab_size - 1
