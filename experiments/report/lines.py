"""Curves over an axis. Places are percent of the picture; the page draws."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.report.fields import Estimate
from experiments.report.formats import Form, on_axis
from experiments.report.scales import Scale, Tick, spanning, ticks

LABEL = 6.5
"""Percent of the height that the name of a curve needs."""


class Point(NamedTuple):
    """A figure at x; None breaks the curve."""

    x: float
    y: Estimate


class Curve(NamedTuple):
    """Points to be joined, from left to right."""

    name: str
    slot: int | None
    points: Sequence[Point]


class Axis(NamedTuple):
    """What is along an edge of the picture."""

    label: str
    form: Form
    log: bool = False
    zero: bool = False
    at: Sequence[float] = ()
    """Where ticks are to be; round figures if empty."""


class Line(NamedTuple):
    """A curve with its places."""

    name: str
    slot: int | None
    path: str
    """SVG, in a square of 100."""
    band: str
    dots: Sequence[tuple[float, float]]
    label: float | None
    """Where its name is, from the top; None where the curve before it has the same name."""


class Lines(NamedTuple):
    """Curves over two axes."""

    alt: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: Sequence[Line]
    kind: str = "lines"


def lines(alt: str, x: Axis, y: Axis, curves: Sequence[Curve]) -> Lines | None:
    """Curves over two axes, or None without a figure in any."""
    curves = [curve for curve in curves if any(_is_drawn(point, x, y) for point in curve.points)]
    if not curves:
        return None
    drawn = [point for curve in curves for point in curve.points if _is_drawn(point, x, y)]
    across = spanning((point.x for point in drawn), x.log, x.zero, margin=0)
    up = spanning((number for point in drawn for number in point.y if number is not None), y.log, y.zero)
    placed = [_line(curve, across, up, x, y) for curve in curves]
    return Lines(alt, x.label, y.label, _ticks(across, x), _ticks(up, y), _apart(placed))


def _is_drawn(point: Point, x: Axis, y: Axis) -> bool:
    value = point.y.value
    return value is not None and (point.x > 0 or not x.log) and (value > 0 or not y.log)


def _ticks(scale: Scale, axis: Axis) -> tuple[Tick, ...]:
    inside = [value for value in axis.at if scale.low <= value <= scale.high]
    if len(inside) < 2:
        return ticks(scale, axis.form)
    last = len(inside) - 1
    return tuple(Tick(scale.place(v), on_axis(axis.form)(v), (last - i) % 2 == 1) for i, v in enumerate(inside))


def _line(curve: Curve, across: Scale, up: Scale, x: Axis, y: Axis) -> Line:
    def height(value: float) -> float:
        return round(100 - up.place(value), 2)

    pieces: list[list[tuple[float, float]]] = [[]]
    edges: list[tuple[float, float, float]] = []
    for point in curve.points:
        value, low, high = point.y
        if value is None or not _is_drawn(point, x, y):
            pieces.append([])
            continue
        place = across.place(point.x)
        pieces[-1].append((place, height(value)))
        if low is not None and high is not None:
            edges.append((place, height(low), height(high)))
    dots = [dot for piece in pieces for dot in piece]
    band = _joined([(p, h) for p, _, h in edges] + [(p, low) for p, low, _ in reversed(edges)])
    path = " ".join(_joined(piece) for piece in pieces if piece)
    return Line(curve.name, curve.slot, path, f"{band} Z" if len(edges) > 1 else "", dots, dots[-1][1])


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in places)


def _apart(placed: Sequence[Line]) -> list[Line]:
    """The names moved up or down until none covers another; curves of one name share one."""
    named = {line.name: i for i, line in reversed(list(enumerate(placed)))}
    order = sorted(named.values(), key=lambda i: placed[i].label or 0)
    free = max(0.0, 100 - LABEL * (len(order) - 1))
    places: dict[int, float] = {}
    lowest = -LABEL
    for n, i in enumerate(order):
        lowest = min(max(placed[i].label or 0, lowest + LABEL), free + n * LABEL)
        places[i] = round(lowest, 2)
    return [line._replace(label=places.get(i)) for i, line in enumerate(placed)]
