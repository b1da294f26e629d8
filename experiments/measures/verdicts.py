"""From the intervals of a claim's tests to a verdict and a sentence.

Each test is a quantity that is above zero where the claim is right, with its 95 % interval. The rule:

    holds            every interval lies above zero
    does not hold    no interval reaches above zero
    depends          anything else: the tests disagree, or an interval has zero inside
    not measured     there is no test

A test that was not measured is left out. An interval around zero decides nothing: it is no evidence against a claim.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from experiments.measures.statistics import Interval

Verdict = Literal["holds", "does not hold", "depends", "not measured"]


class Claim(NamedTuple):
    """What is claimed of character models, and its opposite, as clauses."""

    says: str
    denies: str


class Wording(NamedTuple):
    """How the size of a quantity is told, as a clause with a place for {size}."""

    clause: str
    show: Callable[[float], str]
    ways: tuple[str, str] | None = None
    """What stands for {way}: above zero, and below, where the figure is shown without its sign."""
    counted: bool = False
    """It has no error."""


class Test(NamedTuple):
    """A quantity that is above zero where the claim is right."""

    __test__ = False  # to pytest, it looks like a test of its own

    name: str
    interval: Interval
    wording: Wording


def judge(claim: Claim, tests: Sequence[Test]) -> dict[str, Any]:
    """The record of a claim: its verdict, one sentence with the figure of the first test, and all tests."""
    intervals = [test.interval for test in tests]
    verdict = verdict_of(intervals)
    leading = intervals[0] if intervals else (None, None, None)
    return {
        "verdict": verdict,
        "statement": _sentence(claim, verdict, tests),
        **dict(zip(("estimate", "low", "high"), leading, strict=True)),
        "tests": [
            {
                "name": test.name,
                **dict(zip(("estimate", "low", "high"), test.interval, strict=True)),
                "exact": test.wording.counted,
            }
            for test in tests
        ],
    }


def verdict_of(intervals: Sequence[Interval]) -> Verdict:
    """By the rule above."""
    if not intervals:
        return "not measured"
    if all(interval.low > 0 for interval in intervals):
        return "holds"
    return "does not hold" if all(interval.high <= 0 for interval in intervals) else "depends"


def _sentence(claim: Claim, verdict: Verdict, tests: Sequence[Test]) -> str:
    if verdict == "not measured":
        return f"Not measured: whether {claim.says}."
    if verdict == "depends":
        agree = sum(test.interval.low > 0 for test in tests)
        state = "depends on the test" if agree else "is not decided"
        opening = f"whether {claim.says} {state}, {agree} of {len(tests)} say so"
    else:
        opening = claim.says if verdict == "holds" else claim.denies
    return f"{opening[0].upper()}{opening[1:]}: {_told(tests[0])}."


def _told(test: Test) -> str:
    """The clause of a test, with its figure and interval."""
    clause, show, ways, counted = test.wording
    turned = ways is not None and test.interval.mean < 0
    mean, low, high = (-test.interval.mean, -test.interval.high, -test.interval.low) if turned else test.interval
    spread = "a count, exact" if counted else f"95 % interval {show(low)} to {show(high)}"
    return f"{clause.format(size=show(mean), way=ways[turned] if ways else '')} ({spread})"
