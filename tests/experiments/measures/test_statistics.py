import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError
from experiments.measures import statistics
from experiments.measures.statistics import (
    Interval,
    bits_per_char,
    difference,
    estimate,
    over_seeds,
    paired_difference,
    ratio,
)

COUNTS = st.lists(st.integers(0, 50), min_size=2, max_size=8)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_bits_are_those_of_the_whole_text_averaged_over_seeds():
    nats = np.log(2) * np.array([[10.0, 50.0], [30.0, 10.0]])
    assert bits_per_char(nats, [10, 30]).value == pytest.approx((60 / 40 + 40 / 40) / 2)


def test_a_case_worked_out_by_hand():
    """Two units, one drawn: the figure is that of the one or of the other, each half of the time."""
    assert estimate(ratio([1.0, 9.0], [10.0, 10.0]), rng()) == Interval(0.5, 0.1, 0.9)


def test_the_spread_over_three_seeds_is_not_two_thirds_of_what_it_should_be():
    values = np.array([1.0, 2.0, 4.0])
    drawn = statistics._draw(200_000, 3, rng()) @ values / 2
    assert drawn.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.02)


def test_one_value_has_no_width():
    assert estimate(over_seeds([3.25]), rng()) == Interval(3.25, 3.25, 3.25)


def test_two_identical_models_have_no_difference():
    figure = bits_per_char(rng().uniform(1, 2, (1, 40)), np.full(40, 10))
    assert paired_difference(figure, figure, rng()) == Interval(0.0, 0.0, 0.0)
    mean, low, high = difference(figure, figure, rng())
    assert low < mean == 0.0 < high


def test_two_identical_models_of_three_seeds_differ_by_nothing_but_their_seeds():
    figure = bits_per_char(rng().uniform(1, 2, (3, 40)), np.full(40, 10))
    mean, low, high = paired_difference(figure, figure, rng())
    assert low < mean == 0.0 < high


def test_a_shift_of_every_unit_is_the_difference_and_has_no_width_when_paired():
    a = rng().uniform(1, 2, 40)
    np.testing.assert_allclose(paired_difference(ratio(a), ratio(a + 0.25), rng()), 0.25)
    one, other = (estimate(ratio(values), rng()) for values in (a, a + 0.25))
    np.testing.assert_allclose(np.subtract(other, one), 0.25)


def test_units_that_are_hard_for_both_models_cancel_when_paired():
    hard, noise = rng(1).normal(0, 1, 60), rng(2).normal(0, 0.1, 60)
    a, b = ratio(hard), ratio(hard + noise)
    widths = [compared(a, b, rng())[2] - compared(a, b, rng())[1] for compared in (paired_difference, difference)]
    assert widths[0] < widths[1] / 5


@pytest.mark.parametrize(("seeds", "units"), [(1, 40), (12, 1), (6, 40)])
def test_95_of_100_intervals_have_the_truth_in_them(monkeypatch, seeds, units):
    """Around 5, Gaussian units and Gaussian seeds, where there is more than one of them."""
    monkeypatch.setattr(statistics, "RESAMPLES", 400)
    source, trials = rng(7), 400

    def has_the_truth():
        easy = source.normal(0, 1, units) * (units > 1)
        lucky = source.normal(0, 0.5, (seeds, 1)) * (seeds > 1)
        interval = estimate(ratio(5 + easy + lucky), source)
        return interval.low <= 5 <= interval.high

    assert 0.90 <= sum(has_the_truth() for _ in range(trials)) / trials <= 0.98


def test_samples_are_drawn_whole():
    """A rate whose words all agree within a sample is as uncertain as its 20 samples, not as its 20,000 words."""
    samples = np.repeat([0.0, 1000.0], 10)
    _, low, high = estimate(ratio(samples, 1000.0), rng())
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 19), rel=0.15)


def test_units_without_a_denominator_weigh_nothing():
    assert estimate(ratio([0.0, 3.0], [0.0, 4.0]), rng()) == Interval(0.75, 0.75, 0.75)


def test_chunks_change_nothing_but_the_memory(monkeypatch):
    figure = ratio(rng().normal(0, 1, (1, 30)))
    whole = estimate(figure, rng())
    monkeypatch.setattr(statistics, "MOST_DRAWS", 3000)
    np.testing.assert_allclose(estimate(figure, rng()), whole, atol=0.02)


@settings(deadline=None, max_examples=30)
@given(counts=COUNTS, factor=st.floats(0.1, 10))
def test_the_interval_scales_with_the_figure_and_keeps_to_its_range(counts, factor):
    counts = np.array(counts, float)
    interval = estimate(ratio(counts), rng())
    assert counts.min() <= interval.low <= interval.high <= counts.max()
    np.testing.assert_allclose(estimate(ratio(counts * factor), rng()), np.multiply(interval, factor), atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(pairs=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=8))
def test_a_difference_turned_round_has_the_other_sign(pairs):
    a, b = (ratio(np.array(side, float)) for side in zip(*pairs, strict=True))
    mean, low, high = paired_difference(a, b, rng())
    np.testing.assert_allclose(paired_difference(b, a, rng()), (-mean, -high, -low))


@pytest.mark.parametrize(
    ("numerators", "denominators", "message"),
    [
        ([[1.0, math.nan]], 1.0, "no finite numbers"),
        ([[]], 1.0, "no units"),
        ([1.0, 2.0], [0.0, 0.0], "nothing that it is counted over"),
        ([1.0, 2.0], [1.0, -1.0], "nothing that it is counted over"),
    ],
)
def test_what_has_no_figure_is_refused(numerators, denominators, message):
    with pytest.raises(InputError, match=message):
        ratio(numerators, denominators)


def test_other_units_do_not_pair():
    with pytest.raises(InputError, match="do not pair"):
        paired_difference(ratio([1.0, 2.0]), ratio([1.0]), rng())
