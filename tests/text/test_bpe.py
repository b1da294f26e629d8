import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from charrnn_jax.errors import InputError
from charrnn_jax.text import bpe
from charrnn_jax.text.bpe import BYTES, LONGEST, SEPARATOR, BpeTokenizer, merges_of, train_bpe
from charrnn_jax.text.byte import to_bytes
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import PIECE

FEW_LETTERS = st.text(alphabet="aaab é'\n", max_size=300)
ANY_TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("aab \nÿ\0\ud800")), max_size=300)
STORY = "low low low low low lower lower newest newest newest newest newest newest widest widest widest "


def spelled(tokenizer, i):
    return tokenizer.decode(np.array([i], np.int32))


def learned(text, pieces):
    tokenizer = train_bpe(StringText(text), pieces)
    return [spelled(tokenizer, i) for i in range(BYTES, tokenizer.vocab_size)]


def test_merges_are_those_of_the_paper():
    # Sennrich et al. 2016 begin with "es" and "est", from the same words.
    assert learned(STORY.replace(" ", "\n"), 5) == ["es", "est", "lo", "low", "ew"]


def naive_merges(text, pieces):
    """Counts every pair anew for each merge; of equally frequent pairs, that of the smaller ids is first."""
    words = [list(to_bytes(piece)) for piece in PIECE.findall(text)]
    merges = []
    while len(merges) < pieces:
        counts = {}
        for word in words:
            for pair in pairwise(word):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        words = [merged(word, best, BYTES + len(merges)) for word in words]
        merges.append(best)
    return merges


def merged(word, pair, new):
    out = []
    for i in word:
        out.append(i)
        if tuple(out[-2:]) == pair:
            out[-2:] = [new]
    return out


@settings(deadline=None)
@given(words=st.lists(st.sampled_from(["ab", "abc", "bca", "cab é", "ca-b", "\ud800x", "ÿ"]), max_size=60))
def test_merges_are_those_of_counting_every_pair_anew(words):
    text = " ".join(words)
    assert train_bpe(StringText(text, 20), 12) == train_bpe(StringText(text), 12)
    assert list(train_bpe(StringText(text), 12).merges) == naive_merges(text, 12)


@settings(deadline=None)
@given(trained_on=ANY_TEXT | FEW_LETTERS, text=ANY_TEXT | FEW_LETTERS)
def test_the_encoding_is_that_of_the_library(trained_on, text):
    tokenizer = train_bpe(StringText(trained_on), 40)
    spellings = [chr(byte) for byte in range(BYTES)]
    pairs = []
    for left, right in tokenizer.merges:
        pairs.append((spellings[left], spellings[right]))
        spellings.append(spellings[left] + spellings[right])
    library = Tokenizer(models.BPE({spelling: i for i, spelling in enumerate(spellings)}, pairs))
    library.pre_tokenizer = pre_tokenizers.Split(SEPARATOR, "removed")
    parts = [part.decode("latin-1") for piece in PIECE.findall(text) for part in bpe._parts(piece)]
    assert tokenizer.encode(text).tolist() == library.encode(SEPARATOR.join(parts)).ids


def test_no_token_reaches_beyond_a_word():
    tokenizer = train_bpe(StringText("of the people, by the people, for the people " * 20), 100)
    tokens = [spelled(tokenizer, i) for i in tokenizer.encode("by the people, for")]
    assert tokens == ["b", "y", " the", " people", ",", " for"]  # "by" begins no word but the text's first
    for i in range(BYTES, tokenizer.vocab_size):
        assert PIECE.fullmatch(spelled(tokenizer, i))


def test_pieces_bounds_the_merges_and_no_pair_seen_once_is_merged():
    assert train_bpe(StringText(STORY), 3).vocab_size == 259
    assert learned("ab\nab\ncd", pieces=2**31 - 1) == ["ab"]


def test_the_same_text_gives_the_same_merges():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 5)) for _ in range(3000)]  # full of ties
    text = " ".join(words + words)
    command = "import sys; from charrnn_jax.text.bpe import *; from charrnn_jax.text.texts import StringText; "
    command += "print(train_bpe(StringText(sys.stdin.read()), 500).merges)"
    printed = [
        subprocess.run(
            [sys.executable, "-c", command],
            input=text,
            env={"PYTHONHASHSEED": str(seed), "RAYON_NUM_THREADS": str(threads), "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed, threads in ((1, 1), (2, 4))
    ]
    assert {(done.stdout, done.stderr) for done in printed} == {(f"{train_bpe(StringText(text), 500).merges}\n", "")}


def test_a_long_piece_is_cut():
    tokenizer = train_bpe(StringText("a" * 10_000), 100)
    assert max(len(spelled(tokenizer, i)) for i in range(BYTES, tokenizer.vocab_size)) <= LONGEST
    ids = tokenizer.encode("a" * 1000)
    assert tokenizer.lengths(ids).tolist() == [LONGEST] * 7 + [64, 32, 8]
    assert tokenizer.decode(ids) == "a" * 1000


def test_the_most_frequent_pieces_are_learned_from(monkeypatch):
    text = "ab\nab\nab\ncd\ncd\nef"
    assert learned(text, 100) == ["ab", "cd"]
    monkeypatch.setattr(bpe, "MOST_BYTES", 4)  # "\n" and "ab"
    assert learned(text, 100) == ["ab"]


def test_an_encoder_remembers_no_more_than_stated(monkeypatch):
    monkeypatch.setattr(bpe, "MOST_KNOWN", 10)
    tokenizer, text = train_bpe(StringText(STORY), 9), " ".join(f"word{n}" for n in range(100))
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer._ids_of) <= 10
    assert tokenizer.encode("x" * 10_000).shape == (10_000,)
    assert len(tokenizer._ids_of) <= 10


DOUBLING = [[97, 97], *([256 + n, 256 + n] for n in range(7))]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "merges are missing"),
        ("ab", "merges are missing"),
        ([1], "not pairs of earlier tokens"),
        ([[97, 256]], "not pairs of earlier tokens"),
        ([[97, -1]], "not pairs of earlier tokens"),
        ([[97, True]], "not pairs of earlier tokens"),
        ([[97, 98.0]], "not pairs of earlier tokens"),
        ([[97, 98, 99]], "not pairs of earlier tokens"),
        ([[97, 98], [97, 98]], "repeat a token"),
        ([[97, 98], [256, 99], [98, 99], [97, 258]], "repeat a token"),
        (DOUBLING, "more than 128 bytes"),
    ],
)
def test_hostile_merges_are_refused(value, message):
    with pytest.raises(InputError, match=message):
        merges_of(value)


def test_the_longest_token_is_allowed():
    tokenizer = BpeTokenizer(merges_of(DOUBLING[:-1]))
    assert tokenizer.lengths(tokenizer.encode("a" * 300)).tolist() == [128, 128, 32, 8, 4]


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    tokenizer = train_bpe(StringText(STORY), 5)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"^the tokenizer bpe needs a package: pip install 'charrnn_jax\[subword\]'$"):
        train_bpe(StringText(STORY), 5)
    assert tokenizer.decode(tokenizer.encode(STORY)) == STORY


def test_nothing_imports_the_package_before_it_is_needed():
    top = [
        node for node in ast.parse(Path(bpe.__file__).read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not [node for node in top if "tokenizers" in ast.unparse(node)]
