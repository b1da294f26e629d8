"""Files of word vectors: word2vec's text format, GloVe, fastText's .vec; any of them compressed with gzip.

A file is read once, line by line, and only vectors of words that are wanted are kept: memory is that of the table.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator, Set
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from charrnn_jax.errors import InputError
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.vectors import (
    Coverage,
    assign,
    longest,
    may_be_numbers,
    read_header,
    read_numbers,
    split,
    wanted,
    words_of,
)
from charrnn_jax.types import Array, Float

GZIP, ZIP = b"\x1f\x8b", b"PK\3\4"


def pretrained(
    table: Float[Array | np.ndarray, "V E"], tokenizer: Tokenizer, path: Path
) -> tuple[Float[np.ndarray, "V E"], Coverage]:
    """The embedding table, in which rows of words are their vectors of the file, and how many were found.

    On no device yet: of a vocabulary that devices share, none may be able to hold the whole table. See `assign` for
    which row gets which vector. Raises InputError for a tokenizer without words, and as `read_vectors` does.
    """
    words = words_of(tokenizer)
    vectors = read_vectors(path, wanted(words), table.shape[1])
    return assign(np.asarray(table), words, vectors)


def read_vectors(path: Path, wanted: Set[str], size: int) -> Iterator[tuple[str, Float32[np.ndarray, "E"]]]:
    """The wanted words of the file, and their vectors of `size` numbers, in the order of the lines.

    Of any other line the fields are counted and their characters looked at. Raises InputError that names the file,
    the line and the reason for the first line that is not a word and its numbers; for an empty file, a folder, a zip
    archive, a damaged gzip file; and where there are not as many lines as the first line says.
    """
    number, header = 0, None
    for number, line in enumerate(_lines(path, longest(size)), 1):
        try:
            header = header if number > 1 else read_header(line)
            if number == 1 and header:
                if header.size != size:
                    raise InputError(f"vectors of {header.size} numbers, not {size}: use --embed-size {header.size}")
                continue
            word, fields = split(line, size)
            if word in wanted or not may_be_numbers(fields):
                vector = read_numbers(fields)
                if word in wanted:
                    yield word, vector
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    if not number:
        raise InputError(f"{path} is empty: give a text file of vectors")
    if header and header.vectors != number - 1:
        raise InputError(
            f"{path} is not whole (vectors in it: {number - 1}, and {header.vectors} by its first line): "
            "fetch it again, or take that line away"
        )


def _lines(path: Path, longest: int) -> Iterator[bytes]:
    """The lines of a file, which end at a line feed and nowhere else; a longer one in parts of `longest` bytes."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the path of a text file of vectors")
    with path.open("rb") as raw:
        start = raw.peek(4)[:4]
        if start == ZIP:
            raise InputError(f"{path} is a zip archive: unpack it, and give one of its files")
        file = gzip.GzipFile(fileobj=raw) if start[:2] == GZIP else raw
        try:
            line = file.readline(longest).removeprefix(codecs.BOM_UTF8)
            while line:
                yield line
                line = file.readline(longest)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{path} is a damaged gzip file ({error}): fetch it again") from None
