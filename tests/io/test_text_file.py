import codecs
import hashlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import load
from charrnn_jax.io.text_file import FileText, digest, open_text, read_text, split_at
from charrnn_jax.text.texts import StringText, Text

CHARACTERS = st.one_of(st.characters(), st.sampled_from("ab \n\r\0é\ud800\udc00\ufeff€😀"))
SIZE = st.integers(1, 9)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("texts") / "text.txt"


def write(path, text):
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(text=st.text(CHARACTERS, min_size=1), size=SIZE)
@example(text="\ufeff\r\n\0\ud800€😀" * 3, size=1)
def test_a_file_is_the_text_in_it(path, text, size):
    write(path, text)
    found, expected = open_text(path, size), StringText(text, size)
    assert isinstance(found, Text)
    assert isinstance(expected, Text)
    assert list(found.pieces()) == list(expected.pieces())
    assert (found.chars, found.words) == (expected.chars, expected.words)
    assert found.read() == read_text(path) == text
    assert digest(found, found) == hashlib.sha256(path.read_bytes() * 2).hexdigest()


@settings(deadline=None)
@given(text=st.text(CHARACTERS, min_size=4), size=SIZE, data=st.data())
def test_parts_of_a_file_are_the_parts_of_its_text(path, text, size, data):
    write(path, text)
    inside = st.integers(1, len(text) - 1)
    borders = sorted(data.draw(st.lists(inside, max_size=4)))
    parts = split_at(open_text(path, size), borders)
    expected = [text[a:b] for a, b in zip([0, *borders], [*borders, len(text)], strict=True)]
    assert [part.read() for part in parts] == expected
    assert [part.chars for part in parts] == [len(part) for part in expected]


@settings(deadline=None)
@given(text=st.text(CHARACTERS, min_size=20))
def test_a_file_is_split_90_5_5_by_characters(path, text):
    write(path, text)
    corpus = load(str(path))
    first, second = round(len(text) * (1 - 0.05 - 0.05)), round(len(text) * 0.95)
    assert [part.read() for part in corpus[1:4]] == [text[:first], text[first:second], text[second:]]
    assert corpus.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"abc\xffdef", "invalid byte 0xff at offset 3"),
        ("é€".encode() + b"\xe2\x82", "invalid byte 0xe2 at offset 5"),
        ("é€".encode() + b"\xed\xa0a", "invalid byte 0xed at offset 5"),
        ("text".encode("utf-16"), "is UTF-16"),
        ("text".encode("utf-32"), "is UTF-32"),
        (codecs.BOM_UTF32_BE + "text".encode("utf-32-be"), "is UTF-32"),
        (b"\x7fELF\0\0\xff\xfe", "binary file"),
        (b"", "is empty"),
    ],
)
def test_what_is_wrong_is_found_wherever_blocks_end(tmp_path, content, message, size):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_text(path, size)
    assert "\n" not in str(caught.value)


def test_a_file_that_becomes_shorter_is_an_error_in_one_line(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 50)
    text = open_text(path, 7)
    path.write_bytes(b"a" * 30)
    with pytest.raises(InputError, match="became shorter while it was read"):
        text.read()
    assert FileText(path, 0, 30, 30, 7).read() == "a" * 30
