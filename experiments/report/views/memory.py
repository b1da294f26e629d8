"""Claims 1 and 2: memory by part, the share of the output layer, and both against the vocabulary."""

from collections.abc import Sequence
from typing import Any

from experiments.report.charts import Entry, Stack, bars, dots
from experiments.report.fields import Estimate, estimate, figure, items, pick
from experiments.report.formats import NOT_MEASURED, count, percent, short, show, show_estimate, size
from experiments.report.lines import Axis, Curve, Point, lines
from experiments.report.parts import Figure, Model, Section, models_of, table
from experiments.report.scales import Scale
from experiments.report.views.verdicts import CLAIMS, tests_of

PARTS = {
    "embedding": ("memory", "parameters", "embedding"),
    "recurrent layer": ("memory", "parameters", "recurrent"),
    "output layer": ("memory", "parameters", "output"),
    "optimiser state": ("memory", "optimizer"),
    "activations": ("memory", "activations"),
}
SHARES = {"parameters": "of the parameters", "flops": "of the FLOPs", "time": "of the time of a step"}


def memory(results: dict[str, Any]) -> Section:
    """Where the bytes of a training step are."""
    models = models_of(results)
    lead = "How many bytes does a model keep, and how many does it need to take one step of training?"
    figures = (tests_of(results, "memory"), _bytes_by_part(models), _parameters(models), _by_vocabulary(results))
    return Section("memory", CLAIMS["memory"], "Memory", lead, figures)


def _bytes_by_part(models: Sequence[Model]) -> Figure:
    stacks = [
        Stack(m.name, m.slot, [figure(m.record, *path) for path in PARTS.values()], figure(m.record, "memory", "peak"))
        for m in models
    ]
    alt = "Bars of the bytes of each model, part by part, with the peak of a training step."
    chart = bars(alt, "memory", tuple(PARTS), stacks, size, "peak of a training step, as XLA plans it")
    paths = {**PARTS, "peak of a step": ("memory", "peak"), "on disk": ("memory", "disk")}
    rows = [(m.name, *(show(size, figure(m.record, *path)) for path in paths.values())) for m in models]
    caption = (
        "Look at where the bytes sit: a large vocabulary puts them into the embedding, which is the output layer's "
        "table as well where the two are tied; a small one leaves them to the recurrent layer."
    )
    return Figure("Bytes by part", caption, chart, table(("model", *paths), rows))


def _parameters(models: Sequence[Model]) -> Figure:
    parts = ("embedding", "recurrent", "output", "total")
    rows = [
        (
            m.name,
            *(show(count, figure(m.record, name)) for name in ("vocab_size", "hidden_size")),
            *(show(count, figure(m.record, "parameters", part)) for part in parts),
        )
        for m in models
    ]
    caption = "A tied output layer is the embedding once more: it adds a bias for each token of the vocabulary."
    return Figure("Parameters", caption, None, table(("model", "vocabulary", "hidden units", *parts), rows), open=True)


def _by_vocabulary(results: dict[str, Any]) -> Figure:
    found = items(results, "memory_by_vocabulary")
    names = {"peak": "peak", "activations": "activations", "optimizer": "optimiser", "parameters": "parameters"}
    curves = [Curve(label, None, _points(found, name)) for name, label in names.items()]
    x, y = Axis("vocabulary size", short, log=True), Axis("bytes", size, log=True)
    chart = lines("Bytes against the size of the vocabulary.", x, y, curves)
    rows = [
        (show(count, figure(row, "vocab_size")), *(show(size, figure(row, name)) for name in names)) for row in found
    ]
    caption = "Everything but the vocabulary is the same along the curves: flat on the left, then in proportion to it."
    return Figure("Memory against the vocabulary", caption, chart, table(("vocabulary", *names.values()), rows))


def output_layer(results: dict[str, Any]) -> Section:
    """What the last layer costs."""
    models = models_of(results)
    lead = "The last layer gives every token of the vocabulary its probability. What does that cost?"
    figures = (
        tests_of(results, "output_layer"),
        _shares(models),
        *(_shares_by_vocabulary(results, share) for share in SHARES),
    )
    return Section("output", CLAIMS["output_layer"], "Output layer", lead, figures)


def _shares(models: Sequence[Model]) -> Figure:
    entries = []
    for share, label in SHARES.items():
        entries.append(Entry(f"Share {label}", None))
        entries += [Entry(m.name, m.slot, _share(m.record, share)) for m in models]
    alt = "The output layer's share of parameters, FLOPs and time, for each model."
    chart = dots(alt, "share of the output layer", entries, percent, scale=Scale(0, 1))
    rows = [
        (m.name, _shape(m.record), *(show_estimate(percent, _share(m.record, share)) for share in SHARES))
        for m in models
    ]
    caption = "The further to the right, the more of a model is its last layer. Embedding and output may share weights."
    return Figure("Share of the output layer", caption, chart, table(("model", "shape", *SHARES.values()), rows))


def _shape(record: dict[str, Any]) -> str:
    rows, columns = (figure(record, "output_layer", name) for name in ("rows", "columns"))
    if rows is None or columns is None:
        return NOT_MEASURED
    tied = " (tied)" if pick(record, "output_layer", "tied") else ""
    return f"{count(rows)} × {count(columns)}{tied}"


def _shares_by_vocabulary(results: dict[str, Any], share: str) -> Figure:
    found = items(results, "output_share_by_vocabulary")
    ways = dict.fromkeys(str(pick(row, "softmax") or "full") for row in found)
    by_way = {way: [row for row in found if (pick(row, "softmax") or "full") == way] for way in ways}
    curves = [Curve(way, None, _points(rows, share)) for way, rows in by_way.items()]
    x, y = Axis("vocabulary size", short, log=True), Axis(f"share {SHARES[share]}", percent, zero=True)
    chart = lines(f"The output layer's share {SHARES[share]} against the size of the vocabulary.", x, y, curves)
    rows = [
        (show(count, figure(row, "vocab_size")), way, show_estimate(percent, estimate(pick(row, share), "estimate")))
        for way, some in by_way.items()
        for row in some
    ]
    caption = "With the hidden layer held fixed, the last layer takes over as the vocabulary grows."
    made = table(("vocabulary", "softmax", SHARES[share]), rows)
    return Figure(f"Share {SHARES[share]}, against the vocabulary", caption, chart, made)


def _share(record: dict[str, Any], share: str) -> Estimate:
    """Counted shares are numbers; the share of time has an interval."""
    return estimate(pick(record, "output_share", share), "estimate")


def _points(rows: Sequence[Any], name: str) -> list[Point]:
    """A figure against the vocabulary."""
    sizes = [(figure(row, "vocab_size"), estimate(pick(row, name), "estimate")) for row in rows]
    return [Point(size, found) for size, found in sizes if size is not None]
