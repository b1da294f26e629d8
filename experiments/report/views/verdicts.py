"""The lecture's four claims, each with its verdict and what it rests on."""

from typing import Any, NamedTuple

from experiments.report.fields import Estimate, estimate, items, pick
from experiments.report.formats import NOT_MEASURED, interval, show, three
from experiments.report.parts import Figure, table

CLAIMS = {
    "memory": "Characters need less memory",
    "output_layer": "Characters have smaller output layers",
    "nonsense_words": "Characters can create nonsense words",
    "long_distance": "Characters are worse at long-distance dependencies",
}
ANCHORS = {"memory": "memory", "output_layer": "output", "nonsense_words": "nonsense", "long_distance": "distance"}
"""The section of the page on each claim."""
SIGNS = {"holds": "✓", "does not hold": "✗", "depends": "±"}


class Verdict(NamedTuple):
    """A claim of the lecture's last slide, and what became of it."""

    claim: str
    title: str
    anchor: str
    verdict: str
    sign: str
    statement: str
    """One sentence with the figure and its interval."""


def verdicts_of(results: dict[str, Any]) -> list[Verdict]:
    """The four verdicts, in the order of the slide."""
    return [_verdict(results, claim) for claim in CLAIMS]


def _verdict(results: dict[str, Any], claim: str) -> Verdict:
    said = pick(results, "claims", claim)
    verdict, statement = pick(said, "verdict"), pick(said, "statement")
    return Verdict(
        claim,
        CLAIMS[claim],
        ANCHORS[claim],
        verdict if verdict in SIGNS else NOT_MEASURED,
        SIGNS.get(verdict, "–") if isinstance(verdict, str) else "–",
        statement if isinstance(statement, str) else "This run has no figures for it.",
    )


def tests_of(results: dict[str, Any], claim: str) -> Figure:
    """What the verdict was drawn from."""
    rows = []
    for test in items(results, "claims", claim, "tests"):
        found = estimate(test, "estimate")
        spread = "a count, exact" if pick(test, "exact") is True else _spread(found)
        rows.append((str(pick(test, "name")), show(three, found.value), spread, _side(found)))
    header = ("test", "estimate", "95 % interval", "for the claim?")
    caption = "Each figure is above zero where the claim is right. The verdict follows by the rule under Method."
    return Figure("What the verdict rests on", caption, None, table(header, rows), open=True)


def _spread(found: Estimate) -> str:
    """One without width as well: the test decides by it."""
    if found.low is not None and found.low == found.high:
        return f"[{three(found.low)}, {three(found.low)}], no spread"
    return interval(three, found)


def _side(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return NOT_MEASURED
    return "yes" if found.low > 0 else "no" if found.high <= 0 else "undecided"
