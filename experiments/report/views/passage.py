"""A passage of the test text, and what each token of it cost each model."""

from typing import Any, NamedTuple

from experiments.report.fields import figure, items, number, pick
from experiments.report.formats import percent, show
from experiments.report.palette import slots
from experiments.report.parts import Figure, Section, Table, table
from experiments.report.untrusted import marked

LONGEST = 4_000
"""Characters of the passage: more are not read."""
LEVELS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Bits per character at which the ink grows darker."""
SURPRISES = 12
"""Tokens in the table of the most surprising."""


class Token(NamedTuple):
    """A token of a model, where it is in the passage, and what the model thought."""

    text: str
    """The characters that begin with it; none for a spelling bracket."""
    name: str
    start: int
    end: int
    bits: float
    level: int
    """Of ink: its bits per character, in steps."""
    expected: list[tuple[str, str]]

    @property
    def said(self) -> str:
        """The expectations in a line."""
        return ", ".join(f"{name} {probability}" for name, probability in self.expected)


class Reading(NamedTuple):
    """The passage as one model reads it."""

    name: str
    slot: int
    tokens: list[Token]
    total: str


def passage(results: dict[str, Any]) -> Section:
    """The passage as each model reads it, and its greatest surprises."""
    text = pick(results, "passage", "text")
    text = text[:LONGEST] if isinstance(text, str) else ""
    found = pick(results, "passage", "models")
    found = found if isinstance(found, dict) and text else {}
    known = slots(results["models"]) | slots(found)
    readings = [_reading(name, known[name], text, tokens) for name, tokens in found.items()]
    readings = [reading for reading in readings if reading.tokens]
    lead = (
        "A sentence or two that no model was trained on. The ink behind a token is its surprisal, in bits for each "
        "of its characters: the same scale for all, so that more ink is more bits."
    )
    figures = [_surprises(reading) for reading in readings]
    return Section(
        "passage",
        "A passage, bit by bit",
        "Surprisal",
        lead,
        figures,
        extra={"readings": readings, "text": text} if readings else None,
    )


def _reading(name: str, slot: int, text: str, records: Any) -> Reading:
    placed = [(figure(r, "start"), r) for r in records] if isinstance(records, list) else []
    kept = [(int(start), r) for start, r in placed if start is not None and 0 <= start < len(text)]
    starts = [start for start, _ in kept]
    ends = [*starts[1:], len(text)]
    tokens = [_token(text, r, start, end) for (start, r), end in zip(kept, ends, strict=True)]
    bits = sum(token.bits for token in tokens)
    total = f"{bits:.0f} bits in {len(tokens):,} tokens: {bits / max(1, len(text)):.2f} bits per character"
    return Reading(name, slot, tokens, total)


def _token(text: str, record: dict[str, Any], start: int, end: int) -> Token:
    bits = figure(record, "bits") or 0.0
    dense = bits / max(1, end - start)
    level = sum(dense >= step for step in LEVELS)
    named = record.get("text")
    name = marked(named if isinstance(named, str) and named else text[start:end])
    pairs = [pair for pair in items(record, "expected") if isinstance(pair, list) and len(pair) == 2]
    expected = [(marked(str(said)), show(percent, number(p))) for said, p in pairs[:3]]
    return Token(text[start:end], name, start, end, bits, level, expected)


def _surprises(reading: Reading) -> Figure:
    worst = sorted(reading.tokens, key=lambda token: -token.bits)[:SURPRISES]
    rows = [(token.name, f"{token.bits:.1f}", token.said) for token in worst]
    shown: Table | None = table(("token", "bits", "expected"), rows, wide=True)
    return Figure(f"The greatest surprises: {reading.name}", "The tokens that cost the most bits.", None, shown)
