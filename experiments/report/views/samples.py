"""What the models write, and who they are."""

from typing import Any

from experiments.report.fields import figure, items, pick
from experiments.report.formats import count, plain, short
from experiments.report.parts import Section, models_of
from experiments.report.untrusted import cut

SHOWN = 3
"""Samples of each model."""
LONGEST = 5_000
"""Characters of a sample: more are not read."""
UNITS = {
    "char": "reads one character at a time",
    "byte": "reads one byte of UTF-8 at a time",
    "word": "reads one word at a time and spells those it does not know",
    "closed_word": "reads one word at a time, of a closed vocabulary",
    "bpe": "reads pieces of words",
}


def samples(results: dict[str, Any]) -> Section:
    """A few samples of each model."""
    found = [
        (m, [cut(text, LONGEST) for text in items(m.record, "samples") if isinstance(text, str)][:SHOWN])
        for m in models_of(results)
    ]
    extra = [(model, texts) for model, texts in found if texts]
    lead = "Drawn, not chosen: the first samples of the first seed at the highest temperature. They end anywhere."
    return Section("samples", "What they write", "Samples", lead, extra=extra)


def contenders(results: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Name, number of the colour, and a line on each model."""
    return [(m.name, m.slot, _line(m.record)) for m in models_of(results)]


def _line(record: dict[str, Any]) -> str:
    kind = pick(record, "kind")
    parts = [next((said for unit, said in UNITS.items() if isinstance(kind, str) and kind.startswith(unit)), "")]
    for path, form, name in (
        (("vocab_size",), count, "tokens in its vocabulary"),
        (("chars_per_token",), plain, "characters a token"),
        (("hidden_size",), count, "hidden units"),
        (("parameters", "total"), short, "parameters"),
    ):
        value = figure(record, *path)
        if value is not None and not (name == "characters a token" and form(value) == "1"):
            parts.append(f"{form(value)} {name}")
    return "; ".join(part for part in parts if part) or "not measured"
