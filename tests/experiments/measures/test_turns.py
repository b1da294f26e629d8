import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.sampling import Filters
from charrnn_jax.text.byte import ByteTokenizer
from experiments import fit
from experiments.measures.speed import (
    compile_writing,
    median_interval,
    take_turns,
)


class Watch:
    """A clock that functions move on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, *seconds, result=None):
        left = iter(seconds)

        def function():
            self.now += next(left)
            return result

        return function


def test_turns_are_timed_one_by_one_and_the_first_is_not():
    watch = Watch()
    taken = take_turns({"a": watch.takes(100, 1, 2, 3), "b": watch.takes(100, 10, 20, 30)}, 3, watch)
    assert taken == {"a": [1, 2, 3], "b": [10, 20, 30]}


def test_the_interval_of_a_median_lies_between_values_of_known_rank():
    """Conover (1999), Practical Nonparametric Statistics: of 6 values the least and the largest, of 12 the third."""
    assert median_interval([6, 5, 4, 3, 2, 1]) == {"estimate": 3.5, "low": 1, "high": 6}
    assert median_interval(range(1, 13)) == {"estimate": 6.5, "low": 3, "high": 10}
    assert median_interval([2.0] * 100) == {"estimate": 2.0, "low": 2.0, "high": 2.0}
    with pytest.raises(InputError, match="5 rounds"):
        median_interval([1, 2, 3, 4, 5])


@pytest.mark.parametrize("n", [6, 9, 20, 41])
def test_the_interval_has_the_median_as_often_as_it_says(n):
    draws = np.random.default_rng(n).exponential(size=(4000, n))
    intervals = [median_interval(sample.tolist()) for sample in draws]
    covered = np.mean([found["low"] <= np.log(2) <= found["high"] for found in intervals])
    assert 0.94 < covered < 0.99


def test_what_is_timed_is_what_writes_samples():
    model, tokenizer = LanguageModel(256, 8, 8), ByteTokenizer()
    params = init_params(model, jax.random.key(0))
    ids = np.asarray(compile_writing(model, tokenizer, params, 3, 2, 20)())
    written = fit.write_samples(model, tokenizer, params, 3, 2, 20, Filters())
    assert [tokenizer.decode(column) for column in ids.T] == written
