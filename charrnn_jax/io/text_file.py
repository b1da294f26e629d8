"""A text in a UTF-8 file, read in pieces, exactly: byte-order mark, line endings, NULs, lone surrogates and all."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from charrnn_jax.errors import InputError
from charrnn_jax.text.byte import to_bytes
from charrnn_jax.text.texts import PIECE, Text, count_words_of, cut

BYTE_ORDER_MARKS = {
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),  # first: in little endian, it begins as that of UTF-16
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


@dataclass(frozen=True)
class FileText:
    """The bytes from `start` up to `stop` of a file, which stays as it is while it is read.

    Raises InputError, while it is read, where the file has become shorter or is no longer UTF-8.
    """

    path: Path
    start: int
    stop: int
    chars: int
    piece: int = PIECE

    @property
    def words(self) -> int:
        """White-space words of the text."""
        return count_words_of(self.pieces())

    def pieces(self) -> Iterator[str]:
        """The pieces of `cut`."""
        return cut(_decoded(self.path, self.utf8(), self.start), self.piece)

    def utf8(self) -> Iterator[bytes]:
        """The bytes of the text, a piece or less at a time."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            for at in range(self.start, self.stop, self.piece):
                block = file.read(min(self.piece, self.stop - at))
                if at + len(block) != min(at + self.piece, self.stop):
                    raise InputError(f"{self.path} became shorter while it was read: restore it and start again")
                yield block

    def read(self) -> str:
        """The text, in memory."""
        return "".join(self.pieces())


def open_text(path: Path, piece: int = PIECE) -> FileText:
    """The whole file, which is read through once. Raises InputError for a folder, an empty file, any but UTF-8."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the path of a text file")
    whole = FileText(path, 0, path.stat().st_size, 0, piece)
    chars = sum(map(len, _decoded(path, whole.utf8(), 0)))
    if not chars:
        raise InputError(f"{path} is empty: give a file with text")
    return FileText(path, 0, whole.stop, chars, piece)


def read_text(path: Path) -> str:
    """A whole file in memory, a pipe too. Raises InputError as `open_text` does."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the path of a text file")
    content = path.read_bytes()
    if not content:
        raise InputError(f"{path} is empty: give a file with text")
    return "".join(_decoded(path, [content], 0))


def split_at(text: FileText, borders: Sequence[int]) -> list[FileText]:
    """The parts between the borders, which count characters, rise, and lie inside the text. Reads through it once."""
    ends = [0, *borders, text.chars]
    offsets = [text.start, *_offsets(text, borders), text.stop]
    return [
        FileText(text.path, start, stop, last - first, text.piece)
        for (first, last), (start, stop) in zip(pairwise(ends), pairwise(offsets), strict=True)
    ]


def _offsets(text: FileText, borders: Sequence[int]) -> list[int]:
    """Where in the file the borders lie."""
    found, chars, offset = [], 0, text.start
    for piece in text.pieces():
        inside = borders[len(found) :]
        found += [offset + len(to_bytes(piece[: border - chars])) for border in inside if border <= chars + len(piece)]
        chars, offset = chars + len(piece), offset + len(to_bytes(piece))
    return found


def digest(*texts: Text) -> str:
    """The sha256 of the texts in UTF-8, one after the other, in hexadecimal."""
    whole = hashlib.sha256()
    for text in texts:
        for block in text.utf8():
            whole.update(block)
    return whole.hexdigest()


def _decoded(path: Path, blocks: Iterable[bytes], offset: int) -> Iterator[str]:
    """The characters of the blocks, which begin at that offset of the file and may end inside a character."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    for block in chain(blocks, [b""]):
        held = len(decoder.getstate()[0])
        try:
            chunk = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise _not_utf8(path, offset - held + error.start, error.object[error.start]) from None
        offset += len(block)
        yield chunk


def _not_utf8(path: Path, offset: int, byte: int) -> InputError:
    with path.open("rb") as file:
        head = file.read(8192)
    for encoding, marks in BYTE_ORDER_MARKS.items():
        if head.startswith(marks):
            return InputError(f"{path} is {encoding}: convert it with 'iconv -f {encoding} -t UTF-8'")
    if b"\0" in head:
        return InputError(f"{path} is a binary file: give a text file in UTF-8")
    return InputError(f"{path} is not UTF-8: invalid byte 0x{byte:02x} at offset {offset}; convert it with iconv")
