from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn_jax.text import documents
from charrnn_jax.text.documents import articles, blocks
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import train_tokenizer

LINES = "To be, or not to be, that is the question:\n" * 2000


@pytest.mark.parametrize(
    "text", [LINES, LINES.replace("\n", " "), "x" * 60_000, "a\n" + "word " * 20_000, "\n" * 50_000]
)
def test_a_text_has_fifty_blocks_of_about_one_length(text):
    starts = np.array(blocks(text))
    assert starts[0] == 0
    assert len(starts) == 50
    lengths = np.diff([*starts, len(text)])
    assert lengths.min() >= len(text) // 100
    assert lengths.max() <= len(text) * 3 // 100 + 1


@given(text=st.text(alphabet="ab \n\r", max_size=200))
def test_every_block_has_characters_and_ends_where_it_may(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "SHORTEST", 4)
        starts = blocks(text)
    assert len(starts) == max(1, min(50, len(text) // 4))
    assert all(len(text[a:b]) > 0 for a, b in pairwise(starts))
    assert starts[0] == 0
    assert starts[-1] < max(1, len(text))
    wanted = [len(text) * n // len(starts) for n in range(1, len(starts))]
    for start, end in zip(starts[1:], wanted, strict=True):
        stop = end + len(text) // len(starts) // 2
        behind_lines = [i for i in range(end, stop + 1) if text[i - 1] == "\n"]
        before_spaces = [i for i in range(end, stop) if text[i].isspace()]
        assert start == [*behind_lines, *before_spaces, end][0]


@pytest.mark.parametrize(("chars", "count"), [(1, 1), (1_999, 1), (2_000, 2), (7_500, 7), (50_000, 50), (10**6, 50)])
def test_a_short_text_has_fewer_blocks(chars, count):
    assert len(blocks(LINES[:1] * chars)) == count


@pytest.mark.parametrize("kind", ["char", "byte", "bpe", "word", "closed_word"])
@pytest.mark.parametrize("text", [LINES, LINES.replace("\n", " ")])
def test_no_token_lies_across_the_start_of_a_block(kind, text):
    tokenizer = train_tokenizer(kind, StringText(text), pieces=50)
    text = text.rstrip()  # a closed vocabulary has no token for the last space
    lengths = tokenizer.lengths(tokenizer.encode(text))
    assert set(blocks(text)) <= set(np.cumsum(lengths) - lengths)


def test_articles_start_at_the_empty_line_before_their_titles():
    first = "\n= Du Fu =\n\nA poet .\n\n= = Life = =\n\nwith k\n= 1 and x =\n2 .\n\n"
    second = "\n= A = B =\n\nText .\n"
    assert articles(first + second) == (0, len(first))
    assert articles("No title .\n" + second) == (0, len("No title .\n"))
    assert articles("= = Life = =\n") == (0,)
