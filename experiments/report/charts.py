"""Pictures: figures in rows, bars of parts, letters in the plane. Places are percent of the picture; the page draws."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.report.fields import Estimate
from experiments.report.formats import Form, interval
from experiments.report.lines import Lines
from experiments.report.scales import Scale, Tick, spanning, ticks

__all__ = ["Bars", "Dots", "Entry", "Lines", "Part", "Scatter", "Spot", "Stack", "bars", "dots", "scatter"]
ROW = 26
"""Pixels from row to row."""


class Entry(NamedTuple):
    """A figure in a row of its own; without one, a heading of the rows below."""

    name: str
    slot: int | None
    """The colour of a model; None for a reference."""
    estimate: Estimate | None = None


class Mark(NamedTuple):
    """An entry with its places."""

    name: str
    slot: int | None
    y: int
    """Pixels from the top."""
    place: float | None
    low: float | None
    high: float | None
    text: str
    interval: str


class Dots(NamedTuple):
    """Figures with their intervals, a row each."""

    alt: str
    label: str
    ticks: tuple[Tick, ...]
    marks: Sequence[Mark]
    height: int
    rule: float | None
    """The place of a line from top to bottom, such as zero."""
    kind: str = "dots"


def dots(
    alt: str, label: str, rows: Sequence[Entry], form: Form, *, scale: Scale | None = None, rule: float | None = None
) -> Dots | None:
    """Figures in rows, or None without any; a heading that nothing follows is left out."""
    kept = _shown(rows)
    numbers = [number for row in kept if row.estimate for number in row.estimate if number is not None]
    if not numbers:
        return None
    scale = scale or spanning(numbers if rule is None else [*numbers, rule])
    marks = [_mark(row, ROW * i + ROW // 2, scale, form) for i, row in enumerate(kept)]
    place = None if rule is None else scale.place(rule)
    return Dots(alt, label, ticks(scale, form, 4), marks, ROW * len(kept), place)


def _shown(rows: Sequence[Entry]) -> list[Entry]:
    kept: list[Entry] = []
    for row in reversed(rows):
        heads = row.estimate is None and kept and kept[-1].estimate is not None
        if heads or (row.estimate and row.estimate.value is not None):
            kept.append(row)
    return kept[::-1]


def _mark(row: Entry, y: int, scale: Scale, form: Form) -> Mark:
    found = row.estimate or Estimate(None)
    value, low, high = found
    if value is None:
        return Mark(row.name, None, y, None, None, None, "", "")
    left, right = (None, None) if low is None or high is None else (scale.place(low), scale.place(high))
    return Mark(row.name, row.slot, y, scale.place(value), left, right, form(value), interval(form, found))


class Stack(NamedTuple):
    """The parts of one sum, from the left; None where it was not measured."""

    name: str
    slot: int
    parts: Sequence[float | None]
    mark: float | None = None
    """A figure to be marked beside them."""


class Part(NamedTuple):
    """A piece of a bar."""

    place: float
    width: float
    level: int


class Bar(NamedTuple):
    """A stack with its places."""

    name: str
    slot: int
    y: int
    parts: Sequence[Part]
    mark: float | None
    text: str


class Bars(NamedTuple):
    """Sums of parts, a bar each."""

    alt: str
    label: str
    legend: Sequence[str]
    mark: str
    """What the mark beside the bars is; empty where there is none."""
    ticks: tuple[Tick, ...]
    bars: Sequence[Bar]
    height: int
    kind: str = "bars"


def bars(
    alt: str, label: str, legend: Sequence[str], stacks: Sequence[Stack], form: Form, mark: str = ""
) -> Bars | None:
    """Stacked bars, or None without any figure."""
    stacks = [stack for stack in stacks if any(stack.parts)]
    if not stacks:
        return None
    ends = [max(sum(part or 0 for part in stack.parts), stack.mark or 0) for stack in stacks]
    scale = spanning(ends, zero=True)
    drawn = [_bar(stack, ROW * i + ROW // 2, scale, form) for i, stack in enumerate(stacks)]
    marked = mark if any(bar.mark is not None for bar in drawn) else ""
    return Bars(alt, label, legend, marked, ticks(scale, form, 4), drawn, ROW * len(drawn))


def _bar(stack: Stack, y: int, scale: Scale, form: Form) -> Bar:
    parts, end = [], 0.0
    for level, part in enumerate(stack.parts):
        start, end = end, end + (part or 0)
        parts.append(Part(scale.place(start), round(scale.place(end) - scale.place(start), 2), level))
    mark = None if stack.mark is None else scale.place(stack.mark)
    return Bar(stack.name, stack.slot, y, parts, mark, form(end))


class Spot(NamedTuple):
    """A letter at its place."""

    x: float
    y: float
    text: str
    kind: str


class Scatter(NamedTuple):
    """Letters in the plane, one panel a title."""

    alt: str
    panels: Sequence[tuple[str, Sequence[Spot]]]
    kinds: Sequence[str]
    kind: str = "scatter"


def scatter(alt: str, panels: Sequence[tuple[str, Sequence[Spot]]]) -> Scatter | None:
    """Letters where their vectors are, each panel on its own axes; or None without any."""
    placed = [(title, _placed(spots)) for title, spots in panels if spots]
    kinds = dict.fromkeys(spot.kind for _, spots in placed for spot in spots)
    return Scatter(alt, placed, list(kinds)) if placed else None


def _placed(spots: Sequence[Spot]) -> list[Spot]:
    across, up = spanning(spot.x for spot in spots), spanning(spot.y for spot in spots)
    return [spot._replace(x=across.place(spot.x), y=round(100 - up.place(spot.y), 2)) for spot in spots]
