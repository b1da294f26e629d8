"""Axes: from figures to places in percent of a picture, and the figures worth a tick."""

import math
import sys
from collections.abc import Iterable
from typing import NamedTuple

from experiments.report.formats import Form, on_axis

TINY = 1e-300
"""Below it, a figure is nothing: a part of it may not be a number above zero any more."""


class Scale(NamedTuple):
    """An axis from `low` to `high`, linear or logarithmic."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Percent of the way from `low` to `high`; what lies outside is put on the edge."""
        low, high, value = (math.log(x) for x in self._inside(value)) if self.log else self._inside(value)
        return round(100 * (value - low) / (high - low), 2)

    def _inside(self, value: float) -> tuple[float, float, float]:
        return self.low, self.high, min(max(value, self.low), self.high)


class Tick(NamedTuple):
    """A figure on an axis."""

    place: float
    text: str
    minor: bool
    """Left out where there is little room."""


def spanning(values: Iterable[float], log: bool = False, zero: bool = False, margin: float = 0.06) -> Scale:
    """A scale with room for all values; with `zero`, from zero on. On a logarithmic one, only positive values count."""
    found = [value for value in values if value > TINY] if log else [v if abs(v) > TINY else 0.0 for v in values]
    low, high = (min(found), max(found)) if found else (1.0, 2.0)
    if log:
        return Scale(low, high if high > low else 2 * low, log)
    if zero:
        high = max(0.0, (1 + margin) * high)
        return Scale(min(0.0, low), high if low or high else 1.0)
    room = margin * (high - low) if high > low else 0.05 * abs(high) or 1.0
    return Scale(low - room, high + room)


def ticks(scale: Scale, form: Form, wanted: int = 5) -> tuple[Tick, ...]:
    """About as many round figures as wanted, each text once."""
    values = _log_values(scale, wanted) if scale.log else _round_values(scale, wanted)
    write, texts = on_axis(form), dict[str, float]()
    for value in values:
        texts.setdefault(write(value), value)
    last = len(texts) - 1
    return tuple(Tick(scale.place(value), text, (last - i) % 2 == 1) for i, (text, value) in enumerate(texts.items()))


def _round_values(scale: Scale, wanted: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = max((scale.high - scale.low) / wanted, sys.float_info.min)  # of the smallest floats, a part is zero
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.999 * rough)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _log_values(scale: Scale, wanted: int) -> list[float]:
    """Powers of ten; with 2 and 5 between them where there are few."""
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        values = [f * 10.0**n for n in range(first, last + 1) for f in factors]
        inside = [value for value in values if 0.999 * scale.low <= value <= 1.001 * scale.high]
        if len(inside) >= min(wanted, 3):
            break
    return inside[:: max(1, math.ceil(len(inside) / (2 * wanted)))]
