"""Files of word vectors against a reader that keeps them all, and against whatever someone may call one."""

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.io.vectors import pretrained, read_vectors
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import train_char
from charrnn_jax.text.closed_word import train_closed_word
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokens import encode
from charrnn_jax.text.vectors import EXACT, LOWERED, MISSING, NO_WORD, Tally, assign, running, wanted, words_of
from charrnn_jax.text.word import WordTokenizer
from tests.hostile import TEXT, patiently, survives

E = 3
TOKENIZER = WordTokenizer((" the", "the", " The", "\n", ",", " Paris", " nowhere"), train_char(StringText("abc\n")))
TABLE = np.random.default_rng(0).normal(size=(TOKENIZER.vocab_size, E)).astype(np.float32)
WORDS = st.text(st.sampled_from("aAbBéÉİß \xa0\x85\u20281.<>"), min_size=1, max_size=4)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = st.lists(st.tuples(WORDS, st.lists(NUMBERS, min_size=E, max_size=E)), max_size=8)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors") / "vectors.txt"


def lines(vectors, end):
    return [" ".join([word, *map(repr, vector)]) + end for word, vector in vectors]


def glove(vectors):
    return "".join(lines(vectors, "\n")).encode()


def word2vec(vectors):
    """Each number is followed by a space, the last one too; fastText writes the same."""
    return "".join([f"{len(vectors)} {E}\n", *lines(vectors, " \n")]).encode()


def windows(vectors):
    return b"\xef\xbb\xbf" + "".join(lines(vectors, "\r\n")).encode()


def unended(vectors):
    return glove(vectors).removesuffix(b"\n")


def compressed(vectors):
    return gzip.compress(word2vec(vectors))


FORMATS = [glove, word2vec, windows, unended, compressed]


def by_hand(words, vectors):
    """The row of each word from a dictionary of the whole file, the first of each word in it."""
    first = dict(reversed(vectors))
    for word, initial in zip(words, TABLE, strict=False):
        yield first.get(word, first.get(word.lower(), initial)) if word else initial


def plain(word):
    """Whether its last part is no number: such a line is taken for one with too many."""
    try:
        float(word.rpartition(" ")[2])
    except ValueError:
        return True
    return " " not in word


@patiently(1)
@given(vectors=VECTORS, words=st.lists(WORDS | st.just(""), max_size=TABLE.shape[0]), form=st.sampled_from(FORMATS))
@example(vectors=[(". . .", [1, 2, 3]), ("a", [4, 5, 6]), ("A", [7, 8, 9])], words=["A", ". . .", "a"], form=glove)
@example(vectors=[("A", [1, 2, 3]), ("a", [4, 5, 6])], words=["A", "a"], form=word2vec)
@example(vectors=[("a", [1, 2, 3]), ("a", [4, 5, 6])], words=["a", "A", "B", ""], form=compressed)
def test_rows_are_those_of_a_reader_that_keeps_the_whole_file(path, vectors, words, form):
    vectors = [(word, np.float32(vector).tolist()) for word, vector in vectors if plain(word)]
    if not vectors:
        return
    path.write_bytes(form(vectors))
    table, coverage = assign(TABLE[: len(words)], words, read_vectors(path, wanted(words), E))
    expected = np.array(list(by_hand(words, vectors)), np.float32).reshape(-1, E)
    np.testing.assert_array_equal(table, expected)
    known = {word for word, _ in vectors}
    kinds = [EXACT if w in known else LOWERED if w.lower() in known else MISSING for w in words]
    np.testing.assert_array_equal(coverage.match, [k if w else NO_WORD for k, w in zip(kinds, words, strict=True)])
    useful = [word for word, _ in vectors if word in wanted(words)]
    assert coverage.duplicates == len(useful) - len(set(useful))


@pytest.mark.parametrize("form", FORMATS)
def test_a_table_written_and_read_is_the_table(path, form):
    tokenizer = train_closed_word(StringText("a b c a d\n\xa0e <unk> f. 1 2 -3"))
    table = np.random.default_rng(1).normal(size=(tokenizer.vocab_size, E)).astype(np.float32)
    path.write_bytes(form([(w, v.tolist()) for w, v in zip(tokenizer.words, table, strict=True)]))
    read, coverage = pretrained(np.full_like(table, 9.0), tokenizer, path)
    assert isinstance(read, np.ndarray)
    is_word = np.array(tokenizer.words) != "<eos>"
    np.testing.assert_array_equal(np.asarray(read)[is_word].view(np.int32), table[is_word].view(np.int32))
    np.testing.assert_array_equal(read[~is_word], 9.0)
    np.testing.assert_array_equal(coverage.found, is_word)


def test_pieces_find_the_words_that_they_write(path):
    """` the` and `the` are one word; ` The` finds its own vector, though `the` comes first; ` Paris` is lower-cased."""
    path.write_bytes(
        b"the 1 2 3\nparis 4 5 6\n, 7 8 9\nThe 1 1 1\nthe 0 0 0\nother 0 0 0\nother 0 0 0\n<spell> 0 0 0\n"
    )
    before = TABLE.copy()
    table, coverage = pretrained(TABLE, TOKENIZER, path)
    np.testing.assert_array_equal(TABLE, before)
    expected = [[1, 2, 3], [1, 2, 3], [1, 1, 1], TABLE[3], [7, 8, 9], [4, 5, 6], *TABLE[6:]]
    np.testing.assert_array_equal(table, np.array(expected, np.float32))
    assert coverage.vocabulary == Tally(exact=4, lowered=1, words=6)
    assert coverage.duplicates == 1
    text = StringText("the Paris, the Cab\n nowhere The")  # " Cab" is spelled
    tokens = encode(TOKENIZER, text)
    assert running(coverage, TOKENIZER, tokens.ids) == Tally(exact=4, lowered=1, words=7)


def test_running_words_of_a_closed_vocabulary(path, monkeypatch):
    monkeypatch.setattr("charrnn_jax.text.vectors.WINDOW", 3)
    text = StringText("a b B a <unk>\na c C a\n")
    tokenizer = train_closed_word(text)
    path.write_bytes(b"2 3\na 1 2 3\nb 4 5 6\n")
    _, coverage = pretrained(np.zeros((tokenizer.vocab_size, E), np.float32), tokenizer, path)
    assert coverage.vocabulary == Tally(exact=2, lowered=1, words=6)
    assert running(coverage, tokenizer, encode(tokenizer, text).ids) == Tally(exact=5, lowered=1, words=9)


GOOD = b"the 1 2 3\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (GOOD + b"the 1 2\n", "line 2: 2 fields after the word, not 3"),
        (GOOD + b"other 1 2 3 4\n", "line 2: 4 fields after the word, not 3"),
        (GOOD + b"the 1\n2 3\n", "line 2: 1 fields after the word, not 3"),
        (GOOD + b"\n", "line 2: 0 fields after the word, not 3"),
        (GOOD + b" 1 2 3\n", "line 2: no word before the numbers"),
        (b"the 1 2 3 4 5\n", "line 1: 5 fields after the word, not 3: use vectors as long as --embed-size"),
        (
            b"the\t1\t2\t3\n",
            "line 1: 0 fields after the word, not 3: use vectors as long as --embed-size, in text with",
        ),
        (b"5 300\nthe 1 2 3\n", "line 1: vectors of 300 numbers, not 3: use --embed-size 300"),
        (b"3 3\nthe 1 2 3\n", "vectors in it: 1, and 3 by its first line"),
        (b"1 3\nthe 1 2 3\na 1 2 3\n", "vectors in it: 2, and 1 by its first line"),
        (GOOD + b"The 1 x 3\n", "line 2: 'x' is not a number"),
        (GOOD + b"The 1  3\n", "line 2: '' is not a number"),
        (GOOD + b"The 1 2_0 3\n", "line 2: '2_0' is not a number"),
        (GOOD + b"other 1 2 \xff\n", "line 2: '\ufffd' is not a number"),
        (GOOD + b"other 1 2 three\n", "line 2: 'three' is not a number"),
        (GOOD + b"The 1 nan 3\n", "line 2: 'nan' is not finite"),
        (GOOD + b"other 1 2 -inf\n", "line 2: '-inf' is not finite"),
        (GOOD + b"The 1 2 1e39\n", "line 2: '1e39' is not finite"),
        (GOOD + b"\xe2\x82 1 2 3\n", "line 2: not UTF-8 (byte 0xe2)"),
        (GOOD + b"\xed\xa0\x80 1 2 3\n", "line 2: not UTF-8 (byte 0xed)"),
        (GOOD + b"a" * 5000 + b" 1 2 3\n", "line 2: longer than 4288 bytes"),
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(GOOD * 99, mtime=0)[:-9], "is a damaged gzip file"),
        (gzip.compress(GOOD * 99, mtime=0)[:-1], "is a damaged gzip file"),
        (b"\x1f\x8bnothing", "is a damaged gzip file"),
        (b"PK\3\4" + GOOD, "is a zip archive"),
    ],
)
def test_what_is_wrong_is_named(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        pretrained(TABLE, TOKENIZER, path)
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_and_tokens_that_are_no_words_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        pretrained(TABLE, TOKENIZER, tmp_path)
    with pytest.raises(InputError, match="tokens of byte are not"):
        words_of(ByteTokenizer())


BYTES = st.one_of(
    st.binary(),
    st.lists(
        st.sampled_from([b"the", b"1", b"-2e3", b"nan", b"_", b" ", b"\n", b"\r", b"\xff", b"\xa0", b"3 3\n"])
    ).map(b"".join),
    st.lists(st.tuples(TEXT, NUMBERS, NUMBERS, NUMBERS | TEXT)).map(
        lambda rows: "".join(f"{w} {a} {b} {c}\n" for w, a, b, c in rows).encode("utf-8", "surrogatepass")
    ),
)


@patiently()
@given(content=BYTES, cut=st.none() | st.integers(1, 40))
def test_any_bytes_are_finite_vectors_or_refused(path, content, cut):
    path.write_bytes(content if cut is None else gzip.compress(content)[:cut])
    read = survives(pretrained, TABLE, TOKENIZER, path)
    if read is not None:
        table, coverage = read
        assert np.isfinite(table).all()
        np.testing.assert_array_equal(np.asarray(table)[~coverage.found], TABLE[~coverage.found])


@pytest.mark.parametrize("content", [b"word%s\n" % (b" 0.123456" * 300) * 2_000, b"7" * 5_000_000], ids=len)
def test_a_large_file_is_never_in_memory(path, content):
    path.write_bytes(gzip.compress(content, 1))
    tracemalloc.start()
    found = survives(lambda: sum(1 for _ in read_vectors(path, {"other"}, 300)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found in (0, None)
    assert peak < len(content) / 8
