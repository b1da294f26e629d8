"""Which model predicts the text better: figures, differences, references, and what they cost to reach."""

from collections.abc import Sequence
from typing import Any

from experiments.report.charts import Entry, dots
from experiments.report.fields import Estimate, entries, estimate, figure, items, pick
from experiments.report.formats import NOT_MEASURED, bits, count, duration, interval, plain, short, show
from experiments.report.lines import Axis, Curve, Point, lines
from experiments.report.parts import Figure, Model, Section, models_of, table

REFERENCES = {
    "unigram": "unigram",
    "kneser_ney_5": "Kneser-Ney, 5",
    "xz": "xz",
    "zstd": "zstd",
    "xz_alone": "xz, alone",
    "zstd_alone": "zstd, alone",
}


def cost(results: dict[str, Any]) -> Section:
    """Learning curves against time and against work."""
    models = models_of(results)
    lead = "Not where a model ends, but how fast it gets there: the whole learning curve, one line a seed."
    figures = (_curves(results, models, "seconds"), _curves(results, models, "flops"), _speeds(models))
    return Section("cost", "What a bit costs", "Cost", lead, figures)


def _curves(results: dict[str, Any], models: Sequence[Model], unit: str) -> Figure:
    label, form, title, caption = {
        "seconds": (
            "seconds of training",
            plain,
            "Against seconds",
            "A line that lies lower at the same second has learned more by then, on this machine.",
        ),
        "flops": (
            "FLOPs of training",
            short,
            "Against FLOPs",
            "The same curves against the arithmetic that they took, whatever the machine does with it.",
        ),
    }[unit]
    curves = [
        Curve(m.name, m.slot, _points(m.record, pick(seed, "curve"), unit))
        for m in models
        for seed in items(m.record, "seeds")
    ]
    first = show(count, figure(results, "terms", "curve_chars"))
    held_out = "" if first == NOT_MEASURED else f", first {first} characters of validation"
    chart = lines(
        f"Bits per character of validation against {label}.",
        Axis(label, form, log=True),
        Axis(f"bits per character{held_out}", bits),
        curves,
    )
    return Figure(title, caption, chart, _ends(models, unit, label))


def _points(record: dict[str, Any], curve: Any, unit: str) -> list[Point]:
    each = figure(record, "flops_per_char")
    points = []
    for line in curve if isinstance(curve, list) else ():
        chars, y = figure(line, "chars"), figure(line, "valid_bits_per_char")
        flops = None if chars is None or each is None else chars * each
        x = flops if unit == "flops" else figure(line, "seconds")
        if x is not None:
            points.append(Point(x, Estimate(y)))
    return points


def _ends(models: Sequence[Model], unit: str, label: str) -> Any:
    """Halfway and at the end of each curve."""
    rows = []
    for m in models:
        for seed in items(m.record, "seeds"):
            found = _points(m.record, pick(seed, "curve"), unit)
            some = [found[len(found) // 2], found[-1]] if found else []
            cells = [cell for point in some for cell in (short(point.x), show(bits, point.y.value))]
            if cells:
                rows.append((m.name, show(plain, figure(seed, "seed")), *cells))
    return table(
        ("model", "seed", f"halfway: {label}", "bits per character", f"end: {label}", "bits per character"), rows
    )


def _speeds(models: Sequence[Model]) -> Figure:
    fields = {
        "train_chars_per_second": ("training, characters a second", count),
        "generation_chars_per_second": ("writing, characters a second", count),
        "flops_per_char": ("FLOPs a character", short),
        "chars_per_token": ("characters a token", plain),
        "seconds": ("time of one seed", duration),
    }
    rows = [(m.name, *(show(form, figure(m.record, name)) for name, (_, form) in fields.items())) for m in models]
    caption = "Medians of steps of training and of writing, all models taking turns on one machine; FLOPs are counted."
    return Figure("Speed", caption, None, table(("model", *(label for label, _ in fields.values())), rows), open=True)


def prediction(results: dict[str, Any]) -> Section:
    """Bits per character of the test text, beside what needs no neural network."""
    models = models_of(results)
    lead = (
        "Every model gives a probability to the same raw test text, so that its bits per character compare: "
        "one denominator, whatever the tokens are. Less is better."
    )
    return Section(
        "prediction", "Who predicts better", "Prediction", lead, (_test_bits(results, models), _differences(results))
    )


def _test_bits(results: dict[str, Any], models: Sequence[Model]) -> Figure:
    shown = [Entry("Models", None)]
    shown += [Entry(m.name, m.slot, estimate(pick(m.record, "bits_per_char", "test"), "mean")) for m in models]
    shown.append(Entry("References", None))
    references = {label: figure(results, "references", name) for name, label in REFERENCES.items()}
    shown += [Entry(label, None, Estimate(value)) for label, value in references.items()]
    alt = "Bits per character of the test text, for each model and each reference."
    chart = dots(alt, "bits per character of the test text", shown, bits)
    rows = [(m.name, *_scores(m.record), show(count, len(items(m.record, "seeds")))) for m in models]
    rows += [(label, "", "", bits(value), "", "") for label, value in references.items() if value is not None]
    header = ("", "validation", "95 % interval", "test", "95 % interval", "seeds")
    caption = (
        "The references say how hard the text is: a unigram knows only how often each character occurs, Kneser-Ney "
        "the last four characters; xz and zstd are compressors that have read the training text, or the test text "
        "alone."
    )
    return Figure("Bits per character", caption, chart, table(header, rows), open=True)


def _scores(record: dict[str, Any]) -> list[str]:
    cells = []
    for split in ("valid", "test"):
        found = estimate(pick(record, "bits_per_char", split), "mean")
        diverged = found.value is None and bool(items(record, "seeds"))
        cells += ["diverged" if diverged else show(bits, found.value), interval(bits, found)]
    return cells


def _differences(results: dict[str, Any]) -> Figure:
    found = {name: estimate(record, "estimate") for name, record in entries(results, "differences").items()}
    shown = [Entry(_minus(name), None, difference) for name, difference in found.items()]
    alt = "Differences of bits per character between pairs of models, with their intervals and zero."
    chart = dots(alt, "difference in bits per character", shown, bits, rule=0.0)
    rows = [(_minus(name), show(bits, e.value), interval(bits, e)) for name, e in found.items()]
    caption = (
        "Left of zero, the first of the pair is better. The interval is a paired bootstrap over the documents of the "
        "test text: where it reaches across zero, no difference is shown."
    )
    return Figure("Differences", caption, chart, table(("pair", "difference", "95 % interval"), rows))


def _minus(name: str) -> str:
    """`a-b` in results.json is by how much b is higher."""
    first, _, second = name.partition("-")
    return f"{second} − {first}"
