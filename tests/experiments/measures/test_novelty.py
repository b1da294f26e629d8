import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.measures.novelty import LONGEST, novelty, phrases

WORDS = st.lists(st.sampled_from("abcd"), max_size=30)


def brute_force(texts, training, n):
    seen = {tuple(training[i : i + n]) for i in range(len(training) - n + 1)}
    grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    return sum(gram not in seen for gram in grams) / len(grams) if grams else None


@settings(deadline=None)
@given(training=WORDS, texts=st.lists(st.lists(st.sampled_from("abcde"), max_size=12), max_size=4))
def test_it_is_the_share_of_ngrams_that_the_training_text_has_not(training, texts):
    expected = {str(n): brute_force(texts, training, n) for n in range(1, LONGEST + 1)}
    assert novelty(texts, phrases(training)) == expected


def test_a_copy_is_not_new_and_the_words_turned_round_are():
    training = [f"word{i}" for i in range(50)]
    assert set(novelty([training[10:30]], phrases(training)).values()) == {0.0}
    assert novelty([training[::-1]], phrases(training)) == {"1": 0.0} | {str(n): 1.0 for n in range(2, 7)}


@pytest.mark.parametrize("texts", [[], [[]]])
def test_nothing_has_no_novelty(texts):
    assert set(novelty(texts, phrases(["a"])).values()) == {None}
