import lzma

import numpy as np
import pytest

from charrnn_jax.text.texts import StringText
from experiments.measures.compression import COMPRESSORS, compress


def random_letters(count, seed):
    return "".join(np.random.default_rng(seed).choice(list("abcdefgh"), count))


@pytest.fixture(scope="module")
def noise():
    return random_letters(100_000, 0), random_letters(20_000, 1)


@pytest.mark.parametrize("name", COMPRESSORS)
def test_letters_without_order_take_the_bits_of_their_alphabet(noise, name):
    """Three bits for one of eight: no compressor does better, and these not much worse."""
    train, test = (StringText(text) for text in noise)
    measured = compress(train, test)[name]
    assert 2.99 < measured.alone < 3.6
    assert 2.95 < measured.after_training < 3.6


@pytest.mark.parametrize("name", COMPRESSORS)
def test_what_was_in_the_training_text_costs_next_to_nothing_however_far_back(noise, name):
    """It is at the very beginning: the dictionary reaches back to there."""
    train, _ = noise
    measured = compress(StringText(train), StringText(train[:20_000]))[name]
    assert measured.after_training < 0.05
    assert measured.alone > 2.99


@pytest.mark.parametrize("name", COMPRESSORS)
def test_the_denominator_is_characters_not_bytes(name):
    text = StringText("ж" * 1000)
    assert compress(StringText("a"), text)[name].alone == 8 * COMPRESSORS[name](text.text.encode()) / 1000


def test_xz_is_what_xz_writes(noise):
    """A dictionary larger than the text changes nothing."""
    content = noise[0].encode()
    assert COMPRESSORS["xz"](content) == len(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
