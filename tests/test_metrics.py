import math

import pytest

from charrnn_jax.metrics import Score


def test_penn_treebank_conversion():
    """Perplexity 114.5 over 82,430 tokens is 1.274 bits over 442,423 characters."""
    score = Score(nats=82_430 * math.log(114.5), tokens=82_430, words=78_669, chars=442_423)
    assert score.perplexity_per_token == pytest.approx(114.5)
    assert score.bits_per_char == pytest.approx(1.274, abs=5e-4)
    assert score.perplexity_per_word > score.perplexity_per_token


def test_a_hopeless_model_has_infinite_perplexity():
    assert Score(nats=1e6, tokens=10, words=0, chars=10).perplexity_per_token == math.inf
