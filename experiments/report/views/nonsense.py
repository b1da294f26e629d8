"""Claim 3: invented words, against those of the held-out text; and whether a model only copies."""

import re
from collections.abc import Sequence
from typing import Any

from experiments.report.charts import Entry, dots
from experiments.report.fields import Estimate, entries, estimate, figure, items, number, pick
from experiments.report.formats import count, interval, percent, plain, show
from experiments.report.lines import Axis, Curve, Point, lines
from experiments.report.parts import Figure, Model, Section, models_of, table
from experiments.report.untrusted import marked
from experiments.report.views.verdicts import CLAIMS, tests_of

LAST = "1.0"
"""The temperature of the inventions, of novelty, and of the verdict."""


def nonsense(results: dict[str, Any]) -> Section:
    """How many words of a sample are no words."""
    models = models_of(results)
    lead = (
        "A model that writes letter by letter may write a word that nobody has ever used. How often does it, "
        "counted in words that are in neither the corpus nor a dictionary?"
    )
    figures = (tests_of(results, "nonsense_words"), _rates(models), _inventions(models), _novelty(models))
    return Section("nonsense", CLAIMS["nonsense_words"], "Nonsense words", lead, figures)


def _temperatures(models: Sequence[Model]) -> list[str]:
    """Those that any model wrote at, from cold to hot."""
    found = {name for m in models for name in entries(m.record, "nonsense") if re.fullmatch(r"\d+(\.\d+)?", name)}
    return sorted(found, key=float)


def _floor(models: Sequence[Model]) -> Estimate:
    """The same for every model: a figure of the text."""
    floors = [estimate(pick(m.record, "nonsense", "floor"), "rate") for m in models]
    return next((floor for floor in floors if floor.value is not None), Estimate(None))


def _rates(models: Sequence[Model]) -> Figure:
    shown, rows, floor = [], [], _floor(models)
    for temperature in _temperatures(models):
        shown.append(Entry(f"Temperature {temperature}", None))
        for m in models:
            record = pick(m.record, "nonsense", temperature)
            rate, words = estimate(record, "rate"), figure(record, "words")
            shown.append(Entry(m.name, m.slot, rate))
            rows.append((m.name, temperature, show(percent, rate.value), interval(percent, rate), show(count, words)))
    shown += [Entry("People", None), Entry("held-out", None, floor)]
    rows.append(("held-out text", "", show(percent, floor.value), interval(percent, floor), ""))
    alt = "The share of invented words in the samples of each model, at three temperatures, and in the held-out text."
    chart = dots(alt, "share of invented words", shown, percent, rule=0.0)
    caption = (
        "The last row is the floor: people, too, write words that are in no list, names above all. "
        "Only what lies to its right is the model's own. A word model invents where it spells: of a word outside its "
        "vocabulary it writes the token <spell>, then characters, one by one. With a closed vocabulary it cannot."
    )
    header = ("model", "temperature", "invented words", "95 % interval", "words counted")
    return Figure("Invented words", caption, chart, table(header, rows))


def _inventions(models: Sequence[Model]) -> Figure:
    rows = []
    for m in models:
        found = items(m.record, "nonsense", LAST, "inventions")
        pairs = [pair for pair in found if isinstance(pair, list) and len(pair) == 2]
        if pairs:
            rows.append((m.name, ", ".join(f"{marked(str(word))} ({show(plain, number(n))})" for word, n in pairs)))
    caption = "At temperature 1.0, with how often each was written. Many are right in form: stems and endings that fit."
    return Figure("The most frequent inventions", caption, None, table(("model", "inventions"), rows, wide=True), True)


def _novelty(models: Sequence[Model]) -> Figure:
    found: list[tuple[str, int | None, dict[str, Any]]]
    found = [(m.name, m.slot, entries(m.record, "nonsense", LAST, "novelty")) for m in models]
    held_out = next((e for m in models if (e := entries(m.record, "nonsense", "floor", "novelty"))), {})
    found.append(("held-out", None, held_out))
    sizes = sorted({int(n) for _, _, novelty in found for n in novelty if n.isdecimal()})
    curves = [
        Curve(name, slot, [Point(n, Estimate(figure(novelty, str(n)))) for n in sizes]) for name, slot, novelty in found
    ]
    x = Axis("words in a row", plain, at=sizes)
    chart = lines("The share of new word sequences, by length.", x, Axis("share not in training", percent), curves)
    rows = [(name, *(show(percent, figure(novelty, str(n))) for n in sizes)) for name, _, novelty in found if novelty]
    caption = (
        "Sequences of words in the samples that the training text does not have. A model far below the "
        "held-out text copies, and few inventions are then no merit."
    )
    return Figure("Is it copied?", caption, chart, table(("model", *(f"{n} in a row" for n in sizes)), rows))
