"""Encoded texts on disk: written once, in bounded memory; read through a memory map.

A store called NAME in a folder is two files: NAME.ids, the ids as a plain array of uint8, uint16 or int32, and
NAME.json, its `Record`. While it is built they are NAME.part and NAME.part.json, and the record tells how far the
building has come: a build that was killed goes on there, and ends in the same bytes. Whatever does not fit (another
text, tokenizer or version, a file that was cut or altered) is built anew, never read. At opening, the text and the ids
are read through for their checksums: two or three seconds for a gigabyte, nothing beside training on it.
"""

import fcntl
import hashlib
import json
import mmap
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from charrnn_jax.errors import InputError
from charrnn_jax.io.text_file import digest
from charrnn_jax.text.byte import to_bytes
from charrnn_jax.text.texts import Text
from charrnn_jax.text.tokenizer import Tokenizer, to_json
from charrnn_jax.text.tokens import Ids, Tokens, id_type
from charrnn_jax.text.words import count_words

VERSION = 1
"""To be raised with any change of the files, of a tokenizer's encoding, or of where a text is cut."""
BLOCK = 1 << 20
GIVE_BACK = 1 << 22
"""After so many ids have been read, the pages they were read from are given back."""


class Record(NamedTuple):
    """What a store holds: the first five fields say of what it is made, the others how far it goes."""

    version: int
    dtype: str
    piece: int
    """The most characters of a piece."""
    text_sha256: str
    tokenizer_sha256: str
    tokens: int = 0
    chars: int = 0
    words: int = 0
    crc32: int = 0
    """Of the ids: it finds damage, as a sha256 would, at four gigabytes a second."""

    @property
    def size(self) -> int:
        """Bytes of ids."""
        return self.tokens * np.dtype(self.dtype).itemsize


class MappedIds(np.ndarray):
    """The ids of a store, read-only. `ids[index]` gives plain arrays.

    Every page of a map that is touched counts as memory of the process until it is given back; for that reason they
    are, every `GIVE_BACK` ids: a pass through a store of any size holds a few megabytes of it at a time.
    """

    pages: mmap.mmap | None = None
    unreturned: int = 0

    def __getitem__(self, index: Any, /) -> Any:
        found = np.asarray(super().__getitem__(index))
        self.unreturned += found.size
        if self.pages is not None and self.unreturned > GIVE_BACK:
            self.pages.madvise(mmap.MADV_DONTNEED)
            self.unreturned = 0
        return found


def store(folder: Path, name: str, tokenizer: Tokenizer, text: Text) -> Tokens:
    """The tokens of the text, from the store of that name in the folder; it is built first where it does not fit.

    Equal to `charrnn_jax.text.tokens.encode`. Processes that ask for it at the same time wait for the first one.
    Raises InputError where the text changes while it is read.
    """
    begun = _begun(tokenizer, text)
    folder.mkdir(parents=True, exist_ok=True)
    ids, record_file = folder / f"{name}.ids", folder / f"{name}.json"
    with _alone(folder):
        record = _kept(ids, record_file, begun)
        if record is None or ids.stat().st_size != record.size:
            record = _build(folder / f"{name}.part", begun, tokenizer, text)
            os.replace(folder / f"{name}.part", ids)
            os.replace(folder / f"{name}.part.json", record_file)
        return Tokens(_mapped(ids, record), record.chars, record.words)


def _begun(tokenizer: Tokenizer, text: Text) -> Record:
    """The record of a store that holds nothing yet."""
    dtype = np.dtype(id_type(tokenizer.vocab_size)).name
    return Record(VERSION, dtype, text.piece, digest(text), hashlib.sha256(to_json(tokenizer).encode()).hexdigest())


def _build(path: Path, begun: Record, tokenizer: Tokenizer, text: Text) -> Record:
    """Writes the ids to `path`, or what is missing there, and the record of them beside it."""
    record_file = path.with_name(f"{path.name}.json")
    record = _kept(path, record_file, begun) or begun
    _write(record_file, record)  # first: no record may speak of ids that are about to go
    seen, before, sha256 = 0, " ", hashlib.sha256()
    with path.open("r+b" if path.is_file() else "w+b") as file:
        file.truncate(record.size)
        file.seek(record.size)
        for piece in text.pieces():
            if seen >= record.chars:
                record = _append(file, record, tokenizer, piece, before)
                _write(record_file, record)
            seen, before = seen + len(piece), piece[-1]
            sha256.update(to_bytes(piece))
        os.fsync(file.fileno())
    if sha256.hexdigest() != record.text_sha256:
        record_file.unlink()
        raise InputError("the text changed while it was encoded: leave it as it is, and start again")
    return record


def _append(file: BinaryIO, record: Record, tokenizer: Tokenizer, piece: str, before: str) -> Record:
    """Writes the ids of the next piece; the record with them. `before` is the character in front of it."""
    ids = tokenizer.encode(piece).astype(record.dtype)
    file.write(ids.data)
    file.flush()  # the record must not run ahead of the ids
    return record._replace(
        tokens=record.tokens + len(ids),
        chars=record.chars + len(piece),
        words=record.words + count_words(piece, before),
        crc32=zlib.crc32(ids.data, record.crc32),
    )


def _kept(ids: Path, record_file: Path, begun: Record) -> Record | None:
    """The record of what is there already, where that is of the same making and intact."""
    record = _read(record_file)
    fits = record and record[:5] == begun[:5] and ids.is_file() and _intact(ids, record)
    return record if fits else None


def _intact(path: Path, record: Record) -> bool:
    """Whether the file begins with the ids of the record."""
    crc32, left = 0, record.size
    with path.open("rb") as file:
        while left and (block := file.read(min(BLOCK, left))):
            crc32, left = zlib.crc32(block, crc32), left - len(block)
    return not left and crc32 == record.crc32


def _mapped(path: Path, record: Record) -> Ids:
    if not record.size:  # nothing cannot be mapped: a closed vocabulary has no token for a text of spaces
        return np.zeros(0, record.dtype)
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    ids = np.frombuffer(pages, record.dtype).view(MappedIds)
    ids.pages = pages
    return ids


def _write(path: Path, record: Record) -> None:
    """Whole or not at all, under a seal."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps({**record._asdict(), "seal": _seal(record)}, indent=1), encoding="utf-8")
    os.replace(new, path)


def _read(path: Path) -> Record | None:
    """The record in a file; None where there is none, or not one that this version wrote."""
    try:
        fields = json.loads(path.read_bytes())
        seal = fields.pop("seal")
        record = Record(**fields)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return record if seal == _seal(record) else None


def _seal(record: Record) -> str:
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time is inside for that folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
