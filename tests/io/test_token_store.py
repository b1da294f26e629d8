import json
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from charrnn_jax.io import token_store
from charrnn_jax.io.text_file import open_text
from charrnn_jax.io.token_store import MappedIds, store
from charrnn_jax.text.streams import batch_at, fold_for_scoring, fold_streams
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import Kind, train_tokenizer
from charrnn_jax.text.tokens import encode
from charrnn_jax.text.word import WordTokenizer

ANY_TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ab \n\0'’é\ud800\udc00\u3000")))
SHARED_FOLDER = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
ALL = pytest.mark.parametrize("kind", ["char", "byte", "bpe", "word", "closed_word"])
TEXT = "It was the best of times, it was the worst of times; \ud800\0 it was\nthe age of wisdom… " * 3
KINDS = {kind: train_tokenizer(kind, StringText(TEXT), pieces=9) for kind in get_args(Kind)}


class KilledError(Exception):
    pass


@dataclass(frozen=True)
class Unfinished:
    """A text whose reader is killed before piece `last`; only that reader: hashing is not disturbed."""

    whole: StringText
    last: int

    piece = property(lambda self: self.whole.piece)
    chars = property(lambda self: self.whole.chars)
    words = property(lambda self: self.whole.words)

    def utf8(self):
        return self.whole.utf8()

    def read(self):
        return self.whole.read()

    def pieces(self):
        for n, piece in enumerate(self.whole.pieces()):
            if n == self.last:
                raise KilledError
            yield piece


def assert_same(found, expected):
    assert found.ids.dtype == expected.ids.dtype
    np.testing.assert_array_equal(found.ids, expected.ids)
    assert found[1:] == expected[1:]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def no_building(monkeypatch):
    def build():
        monkeypatch.setattr(token_store, "_build", lambda *_: pytest.fail("a store that fits was built anew"))

    return build


@ALL
@SHARED_FOLDER
@given(trained_on=ANY_TEXT, text=ANY_TEXT, size=st.integers(1, 9))
def test_a_store_is_the_encoding_in_memory(tmp_path, kind, trained_on, text, size):
    tokenizer = train_tokenizer(kind, StringText(trained_on), pieces=5)
    expected = encode(tokenizer, StringText(text, size))
    for _ in range(2):  # built, then opened
        assert_same(store(tmp_path, "train", tokenizer, StringText(text, size)), expected)


@ALL
def test_a_store_that_fits_is_read_and_holds_no_other_files(tmp_path, kind, no_building):
    expected = encode(KINDS[kind], StringText(TEXT))
    store(tmp_path, "train", KINDS[kind], StringText(TEXT))
    no_building()
    assert_same(store(tmp_path, "train", KINDS[kind], StringText(TEXT)), expected)
    assert sorted(files(tmp_path)) == ["train.ids", "train.json"]


@ALL
def test_a_build_killed_before_any_piece_goes_on_to_the_same_bytes(tmp_path, kind, monkeypatch):
    text, tokenizer = StringText(TEXT, 20), KINDS[kind]
    store(tmp_path / "unbroken", "train", tokenizer, text)
    pieces, encoded = len(list(text.pieces())), []
    append = token_store._append
    monkeypatch.setattr(token_store, "_append", lambda *args: encoded.append(args[3]) or append(*args))
    for last in range(pieces):
        folder = tmp_path / f"killed{last}"
        with pytest.raises(KilledError):
            store(folder, "train", tokenizer, Unfinished(text, last))
        encoded.clear()
        store(folder, "train", tokenizer, text)
        assert len(encoded) == pieces - last
        assert files(folder) == files(tmp_path / "unbroken")


def test_a_build_killed_again_and_again_arrives(tmp_path):
    text = StringText(TEXT, 20)
    for last in range(len(list(text.pieces()))):
        with pytest.raises(KilledError):
            store(tmp_path, "train", KINDS["word"], Unfinished(text, last))
    assert_same(store(tmp_path, "train", KINDS["word"], text), encode(KINDS["word"], text))


def keep(content):
    return content


def shorten(content):
    return content[:-1]


def flip(content):
    return content[:10] + bytes([content[10] ^ 1]) + content[11:]


@pytest.mark.parametrize("damage", [shorten, flip, lambda _: b"", lambda content: content + b"more"])
def test_ids_half_written_by_a_killed_build_are_not_trusted(tmp_path, damage):
    text = StringText(TEXT, 20)
    with pytest.raises(KilledError):
        store(tmp_path, "train", KINDS["word"], Unfinished(text, 5))
    part = tmp_path / "train.part"
    part.write_bytes(damage(part.read_bytes()))
    assert_same(store(tmp_path, "train", KINDS["word"], text), encode(KINDS["word"], text))


def alter(field, value):
    def damage(content):
        return json.dumps({**json.loads(content), field: value}).encode()

    return damage


def version_of_another(content):
    record = {name: value for name, value in json.loads(content).items() if name != "seal"}
    other = token_store.Record(**{**record, "version": 2})
    return json.dumps({**other._asdict(), "seal": token_store._seal(other)}).encode()


@pytest.mark.parametrize("part", ["", ".part"])
@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".ids", shorten),
        (".ids", flip),
        (".ids", lambda content: content + b"\0"),
        (".ids", lambda content: content.replace(content[:1], b"\xff")),
        (".ids", None),
        (".json", None),
        (".json", shorten),
        (".json", lambda _: b"[]"),
        (".json", lambda _: b"\xff\0"),
        (".json", lambda _: b"[" * 100_000),
        (".json", alter("words", 1)),
        (".json", alter("chars", 1)),
        (".json", alter("tokens", "many")),
        (".json", alter("seal", None)),
        (".json", version_of_another),
    ],
)
def test_what_was_damaged_is_built_anew(tmp_path, part, suffix, damage):
    text, tokenizer = StringText(TEXT, 20), KINDS["word"]
    if part:  # the same damage to a build that goes on
        with pytest.raises(KilledError):
            store(tmp_path, "train", tokenizer, Unfinished(text, 5))
        suffix = {".ids": ".part", ".json": ".part.json"}[suffix]
    else:
        store(tmp_path, "train", tokenizer, text)
    path = tmp_path / f"train{suffix}"
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    assert_same(store(tmp_path, "train", tokenizer, text), encode(tokenizer, text))
    assert sorted(files(tmp_path)) == ["train.ids", "train.json"]


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize(
    ("text", "kind", "size"), [(TEXT[:-1] + "!", "word", 20), (TEXT, "closed_word", 20), (TEXT, "word", 21)]
)
def test_a_stale_store_is_built_anew(tmp_path, text, kind, size, killed):
    if killed:
        with pytest.raises(KilledError):
            store(tmp_path, "train", KINDS["word"], Unfinished(StringText(TEXT, 20), 5))
    else:
        store(tmp_path, "train", KINDS["word"], StringText(TEXT, 20))
    assert_same(
        store(tmp_path, "train", KINDS[kind], StringText(text, size)), encode(KINDS[kind], StringText(text, size))
    )


def test_a_store_of_another_version_is_built_anew(tmp_path, monkeypatch):
    store(tmp_path, "train", KINDS["char"], StringText(TEXT))
    monkeypatch.setattr(token_store, "VERSION", 2)
    assert_same(store(tmp_path, "train", KINDS["char"], StringText(TEXT)), encode(KINDS["char"], StringText(TEXT)))
    assert json.loads((tmp_path / "train.json").read_bytes())["version"] == 2


def test_a_text_that_changes_while_it_is_encoded_leaves_no_store(tmp_path):
    class Changing(StringText):
        def utf8(self):
            return iter([b"what was hashed before"])

    with pytest.raises(InputError, match="changed while it was encoded"):
        store(tmp_path, "train", KINDS["char"], Changing(TEXT, 20))
    assert sorted(files(tmp_path)) == ["train.part"]
    assert_same(
        store(tmp_path, "train", KINDS["char"], StringText(TEXT, 20)), encode(KINDS["char"], StringText(TEXT, 20))
    )


@pytest.mark.parametrize(("vocabulary", "dtype"), [(200, "uint8"), (300, "uint16"), (70_000, "int32")])
def test_ids_are_as_wide_as_the_vocabulary(tmp_path, vocabulary, dtype):
    tokenizer = WordTokenizer(tuple(f" {n}" for n in range(vocabulary)), KINDS["char"])
    text = StringText("".join(f" {n}" for n in range(vocabulary)))
    tokens = store(tmp_path, "train", tokenizer, text)
    assert tokens.ids.dtype == np.dtype(dtype)
    assert (tmp_path / "train.ids").stat().st_size == vocabulary * tokens.ids.dtype.itemsize
    assert tokenizer.decode(tokens.ids) == text.text
    streams, expected = (fold_streams(ids, 0, 3, 7) for ids in (tokens.ids, np.arange(vocabulary, dtype=np.int32)))
    for n in (0, 1, streams.windows - 1):
        for one, other in zip(batch_at(streams, n), batch_at(expected, n), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="memory by file is asked of Linux")
def test_pages_are_given_back_while_a_store_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(token_store, "GIVE_BACK", 100_000)
    path = tmp_path / "long.txt"
    path.write_bytes(b"abcdefg\n" * 2_000_000)
    tokens = store(tmp_path, "train", KINDS["byte"], open_text(path))
    assert isinstance(tokens.ids, MappedIds)
    assert not tokens.ids.flags.writeable
    assert type(tokens.ids[:5]) is np.ndarray
    streams, most = fold_for_scoring(tokens.ids, 0, 4, 5000, burn_in=0), 0
    for n in range(streams.windows):
        batch_at(streams, n)
        if n % 50 == 0:
            most = max(most, resident(tmp_path / "train.ids"))
    assert 0 < most < 4_000_000  # of the 16 million bytes


def resident(path):
    """Bytes of the file that are mapped and touched."""
    with open("/proc/self/smaps") as smaps:
        fields = smaps.read().split(str(path))[1].split()
    return int(fields[fields.index("Rss:") + 1]) * 1024


def build(folder, text):
    store(folder, "train", KINDS["word"], StringText(text, 20))


def test_two_processes_share_one_store(tmp_path):
    text = TEXT * 20
    context = multiprocessing.get_context("forkserver")
    builders = [context.Process(target=build, args=(tmp_path, text)) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert [builder.exitcode for builder in builders] == [0, 0]
    assert_same(
        store(tmp_path, "train", KINDS["word"], StringText(text, 20)), encode(KINDS["word"], StringText(text, 20))
    )
    assert sorted(files(tmp_path)) == ["train.ids", "train.json"]
