"""Figures with 95 % intervals: the percentile bootstrap, over units of text and over seeds.

Every figure of the study is one sum over units divided by another: bits over characters of the documents, invented
words over words of the samples, right answers over items. Seeds that ran are a second thing drawn by chance: each
resample draws units and, apart from them, seeds (Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics
1:386-411). Models that were measured on the same units are compared on the same draws of them (Efron & Tibshirani
1993, An Introduction to the Bootstrap, chapters 8 and 13; Koehn 2004, Statistical significance tests for machine
translation evaluation, EMNLP).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from charrnn_jax.errors import InputError

RESAMPLES = 10_000
TAILS = (0.025, 0.975)
MOST_DRAWS = 1 << 21
"""At a time, of units: 16 MiB an array."""


class Interval(NamedTuple):
    """A figure, and the bounds of its 95 % interval."""

    mean: float
    low: float
    high: float


class Ratio(NamedTuple):
    """What is counted and what it is counted over, in each of N units under each of S seeds."""

    numerators: Float64[np.ndarray, "S N"]
    denominators: Float64[np.ndarray, "S N"]

    @property
    def units(self) -> int:
        """N."""
        return self.numerators.shape[1]

    @property
    def value(self) -> float:
        """The sum of the ones over the sum of the others."""
        return float(self.numerators.sum() / self.denominators.sum())


def ratio(numerators: ArrayLike, denominators: ArrayLike = 1.0) -> Ratio:
    """From `[S N]`, or `[N]` of one seed; the denominators may be those of all seeds, `[N]`, or one number.

    Raises InputError for anything but finite numbers and for denominators that are negative, or none but zero.
    """
    over = np.asarray(numerators, np.float64)
    over = over[None] if over.ndim == 1 else over
    if over.ndim != 2 or not over.size:
        raise InputError(f"a figure of shape {over.shape} has no units: give one row for each seed")
    under = np.broadcast_to(np.asarray(denominators, np.float64), over.shape)
    if not (np.isfinite(over).all() and np.isfinite(under).all()):
        raise InputError("a figure has units that are no finite numbers: leave out the seeds that diverged")
    if (under < 0).any() or not under.any():
        raise InputError("a figure has nothing that it is counted over: leave it out as not measured")
    return Ratio(over, under)


def bits_per_char(nats: ArrayLike, chars: ArrayLike) -> Ratio:
    """From the nats of each document under each seed, `[S D]`, and the characters of each document, `[D]`."""
    return ratio(np.asarray(nats, np.float64) / math.log(2), chars)


def over_seeds(values: ArrayLike) -> Ratio:
    """From one value a seed, `[S]`: a figure that is not made of units."""
    return ratio(np.asarray(values, np.float64)[:, None])


def estimate(figure: Ratio, rng: np.random.Generator) -> Interval:
    """The figure with its interval. One seed and one unit leave nothing to draw from: the interval has no width."""
    return _interval(figure.value, figure.units, lambda count: _replicate(figure, count, rng))


def difference(a: Ratio, b: Ratio, rng: np.random.Generator) -> Interval:
    """b - a, over units that have nothing to do with each other: their draws are independent."""

    def replicates(count: int) -> Float64[np.ndarray, "R"]:
        return _replicate(b, count, rng) - _replicate(a, count, rng)

    return _interval(b.value - a.value, max(a.units, b.units), replicates)


def paired_difference(a: Ratio, b: Ratio, rng: np.random.Generator) -> Interval:
    """b - a, over the same units: every draw of them is used for both, and the seeds of each are drawn apart.

    What makes a unit hard for both then cancels. Raises InputError where the units are not as many.
    """
    if a.units != b.units:
        raise InputError(f"figures over {a.units} and {b.units} units do not pair: measure both on the same")

    def replicates(count: int) -> Float64[np.ndarray, "R"]:
        drawn = _draw(count, a.units, rng)
        return _weighted(b, drawn, rng) - _weighted(a, drawn, rng)

    return _interval(b.value - a.value, a.units, replicates)


def _interval(value: float, units: int, replicates: Callable[[int], Float64[np.ndarray, "R"]]) -> Interval:
    """The quantiles of the replicates, which are made in chunks of bounded memory."""
    chunk = max(1, MOST_DRAWS // units)
    found = np.concatenate([replicates(min(chunk, RESAMPLES - done)) for done in range(0, RESAMPLES, chunk)])
    low, high = np.nanquantile(found, TAILS).tolist()
    return Interval(value, low, high)


def _replicate(figure: Ratio, count: int, rng: np.random.Generator) -> Float64[np.ndarray, "R"]:
    return _weighted(figure, _draw(count, figure.units, rng), rng)


def _weighted(figure: Ratio, drawn: Float64[np.ndarray, "R N"], rng: np.random.Generator) -> Float64[np.ndarray, "R"]:
    """The figure of each draw of units, under seeds of its own; NaN where that is counted over nothing."""
    seeds = _draw(len(drawn), len(figure.numerators), rng)
    over, under = ((seeds * (drawn @ part.T)).sum(1) for part in figure)
    return np.divide(over, under, out=np.full(len(drawn), np.nan), where=under > 0)


def _draw(count: int, size: int, rng: np.random.Generator) -> Float64[np.ndarray, "R N"]:
    """How often each of `size` things is in each of `count` resamples.

    A resample has one thing less than there are: the variance of its mean is then the unbiased one, where as many
    draws would give (size - 1) / size of it, two thirds for three seeds (Rao & Wu 1988, Resampling inference with
    complex survey data, JASA 83:231-241).
    """
    drawn = rng.integers(size, size=(count, max(1, size - 1)))
    places = np.arange(count)[:, None] * size + drawn
    return np.bincount(places.ravel(), minlength=count * size).reshape(count, size).astype(np.float64)
