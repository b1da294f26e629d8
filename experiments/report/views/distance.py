"""Claim 4: how far back a model looks, and whether it remembers what matters."""

from collections.abc import Sequence
from typing import Any

from experiments.report.charts import Entry, dots
from experiments.report.fields import Estimate, estimate, figure, items, number, pick
from experiments.report.formats import bits, count, interval, percent, plain, show, show_estimate
from experiments.report.lines import Axis, Curve, Point, lines
from experiments.report.parts import Figure, Model, Section, Table, models_of, table
from experiments.report.views.verdicts import CLAIMS, tests_of

POWERS = tuple(2.0**n for n in range(0, 15, 2))


def distance(results: dict[str, Any]) -> Section:
    """Context in use, closers, agreement, the controlled language."""
    models = models_of(results)
    lead = "How much of what came before does a model still use, counted in characters for all of them?"
    figures = (
        tests_of(results, "long_distance"),
        _context(models),
        _closers(models),
        _agreement(models),
        *(_controlled(models, unit) for unit in ("chars", "words")),
    )
    return Section("distance", CLAIMS["long_distance"], "Long distance", lead, figures)


def _context(models: Sequence[Model]) -> Figure:
    curves = [Curve(m.name, m.slot, _context_points(m.record)) for m in models]
    x = Axis("characters of context", count, log=True, at=POWERS)
    alt = "Bits per character against the characters of context that the model sees."
    chart = lines(alt, x, Axis("bits per character", bits), curves)
    header = ("model", "in use: characters", "gain beyond 128", *(count(k) for k in POWERS))
    rows = []
    for m in models:
        found = {point.x: point.y.value for point in _context_points(m.record)}
        if found:
            reach = show(count, figure(m.record, "effective_context_chars"))
            gain = show_estimate(percent, estimate(pick(m.record, "context_gain"), "share"))
            rows.append((m.name, reach, gain, *(bits(y) if (y := found.get(k)) is not None else "–" for k in POWERS)))
    caption = (
        "The same test characters, predicted from the last k characters alone. Follow a curve to the right: where "
        "it goes flat, more context no longer helps. “In use” is the k beyond which less than 1 % is gained; “gain "
        "beyond 128”, the share of its bits that still longer context saves. A token that the border of the context "
        "cuts is left out: models of long tokens see a little less, and may seem to need more."
    )
    return Figure("Use of context", caption, chart, table(header, rows))


def _context_points(record: dict[str, Any]) -> list[Point]:
    found = [pair for pair in items(record, "context_use") if isinstance(pair, list) and len(pair) == 2]
    ends = items(record, "context_low_high")
    ends = ends if len(ends) == len(found) else [None] * len(found)
    points = []
    for (k, y), pair in zip(found, ends, strict=True):
        low, high = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if (x := number(k)) is not None:
            points.append(Point(x, Estimate(number(y), number(low), number(high))))
    return points


def _closers(models: Sequence[Model]) -> Figure:
    found = [(m, items(m.record, "closers")) for m in models]
    curves = [Curve(m.name, m.slot, [p for bin in bins if (p := _closer_point(bin))]) for m, bins in found]
    x = Axis("characters since the opening bracket or quote", count, log=True)
    alt = "The probability of the right closing bracket or quote against the distance from its opener."
    chart = lines(alt, x, Axis("probability of the right closer", percent, zero=True), curves)
    rows = [
        (m.name, _range(bin), show_estimate(percent, estimate(bin, "probability")), show(count, figure(bin, "count")))
        for m, bins in found
        for bin in bins
    ]
    caption = "Where a bracket or quote is closed in the test text: how likely did the model think that it would be?"
    header = ("model", "distance", "probability", "places")
    return Figure("Closing brackets and quotes", caption, chart, table(header, rows))


def _closer_point(bin: Any) -> Point | None:
    """In the middle of its bin, as distances on a logarithmic axis have one."""
    first, last = figure(bin, "from"), figure(bin, "to")
    if first is None:
        return None
    x = first if last is None else (max(first, 1.0) * max(last, 1.0)) ** 0.5
    return Point(x, estimate(bin, "probability"))


def _range(bin: Any) -> str:
    first, last = figure(bin, "from"), figure(bin, "to")
    return f"{show(count, first)} to {count(last)}" if last is not None else f"{show(count, first)} or more"


def _agreement(models: Sequence[Model]) -> Figure:
    found = [(m, row) for m in models for row in items(m.record, "agreement")]
    numbers = sorted({n for _, row in found if (n := figure(row, "attractors")) is not None})
    entries, rows = [], []
    for n in numbers:
        entries.append(Entry(f"{plain(n)} {'attractor' if n == 1 else 'attractors'}", None))
        for m, row in found:
            if figure(row, "attractors") == n:
                accuracy = estimate(row, "accuracy")
                entries.append(Entry(m.name, m.slot, accuracy))
                counted = show(count, figure(row, "items"))
                rows.append((m.name, plain(n), show(percent, accuracy.value), interval(percent, accuracy), counted))
    alt = "The share of sentences in which the model prefers the right verb, by the number of attractors."
    chart = dots(alt, "right verb preferred", entries, percent, rule=0.5)
    caption = (
        "“The report on the laws is”: an attractor is a noun of the other number between subject and verb. "
        "The dashed line is chance; far below it is a model that goes by the nearest noun."
    )
    header = ("model", "attractors", "right verb", "95 % interval", "sentences")
    return Figure("Subject and verb", caption, chart, table(header, rows))


def _controlled(models: Sequence[Model], unit: str) -> Figure:
    field, name = f"distance_{unit}", {"chars": "characters", "words": "words"}[unit]
    found = [(m, items(m.record, "controlled")) for m in models]
    curves = [
        Curve(m.name, m.slot, [Point(x, estimate(r, "accuracy")) for r in rows if (x := figure(r, field)) is not None])
        for m, rows in found
    ]
    alt = f"Accuracy on the controlled language against the distance in {name}."
    chart = lines(alt, Axis(f"distance in {name}", plain), Axis("accuracy", percent), curves)
    caption = {
        "chars": "An invented language, the same for every text, in which one word decides another far behind it. It "
        "is learnt by small models of its own, from the same strings. In characters, the two look alike or not …",
        "words": "… and the same runs against the distance in words, which is the distance in tokens for a word model.",
    }[unit]
    return Figure(f"A controlled language, distance in {name}", caption, chart, _controlled_table(models, unit))


def _controlled_table(models: Sequence[Model], unit: str) -> Table | None:
    if unit == "words":
        return None  # the one of the characters has both
    fields = ("distance_words", "distance_chars")
    rows = [
        (
            m.name,
            *(show(plain, figure(row, field)) for field in fields),
            show_estimate(percent, estimate(row, "accuracy")),
        )
        for m in models
        for row in items(m.record, "controlled")
    ]
    return table(("model", "words", "characters", "accuracy"), rows)
