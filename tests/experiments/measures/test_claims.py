import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measures import statistics
from experiments.measures.claims import CLAIMS, claims_of
from experiments.measures.statistics import Interval
from experiments.measures.verdicts import Claim, Test, Wording, judge, verdict_of

ABOVE, AROUND, BELOW, ZERO = Interval(2, 1, 3), Interval(1, -1, 3), Interval(-2, -3, -1), Interval(0, 0, 0)
SIDES = st.sampled_from([ABOVE, AROUND, BELOW])
CLAIM = Claim("it rains", "it does not rain")
WORDING = Wording("a bucket has {size} litres {way}", lambda x: f"{x:.0f}", ("more", "less"))
OPPOSITE = {"holds": "does not hold", "does not hold": "holds"}


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        ([], "not measured"),
        ([ABOVE], "holds"),
        ([ABOVE, ABOVE], "holds"),
        ([BELOW], "does not hold"),
        ([BELOW, ZERO], "does not hold"),
        ([ZERO], "does not hold"),
        ([AROUND], "depends"),
        ([AROUND, AROUND], "depends"),
        ([ABOVE, BELOW], "depends"),
        ([ABOVE, AROUND], "depends"),
        ([BELOW, AROUND], "depends"),
        ([ABOVE, ZERO], "depends"),
    ],
)
def test_the_rule(intervals, verdict):
    assert verdict_of(intervals) == verdict


@given(intervals=st.lists(SIDES, min_size=1, max_size=5), factor=st.floats(1e-3, 1e3))
def test_the_unit_decides_nothing_and_the_opposite_data_give_the_opposite_verdict(intervals, factor):
    verdict = verdict_of(intervals)
    assert verdict_of([Interval(*np.multiply(interval, factor)) for interval in intervals]) == verdict
    negated = [Interval(-mean, -high, -low) for mean, low, high in intervals]
    assert verdict_of(negated) == OPPOSITE.get(verdict, verdict)


@given(intervals=st.lists(SIDES, min_size=1, max_size=5), one_more=SIDES)
def test_one_test_more_can_unsettle_a_verdict_but_not_settle_it(intervals, one_more):
    before, after = verdict_of(intervals), verdict_of([*intervals, one_more])
    assert after in (before, "depends")


@pytest.mark.parametrize(
    ("intervals", "statement"),
    [
        ([ABOVE], "It rains: a bucket has 2 litres more (95 % interval 1 to 3)."),
        ([BELOW], "It does not rain: a bucket has 2 litres less (95 % interval 1 to 3)."),
        (
            [AROUND, BELOW],
            "Whether it rains is not decided, 0 of 2 say so: a bucket has 1 litres more (95 % interval -1 to 3).",
        ),
        ([], "Not measured: whether it rains."),
    ],
)
def test_one_sentence_with_the_figure_and_the_interval_of_the_leading_test(intervals, statement):
    record = judge(CLAIM, [Test("buckets", interval, WORDING) for interval in intervals])
    assert record["statement"] == statement
    leading = intervals[0] if intervals else (None, None, None)
    assert (record["estimate"], record["low"], record["high"]) == tuple(leading)
    assert len(record["tests"]) == len(intervals)


def test_a_count_is_told_as_one():
    wording = Wording("{size} buckets", str, counted=True)
    assert judge(CLAIM, [Test("buckets", ABOVE, wording)])["statement"] == "It rains: 2 buckets (a count, exact)."


def rate(share, units=400, seeds=2):
    """Raw figures: so many of the units are right."""
    hits = (np.arange(units) % 100 < 100 * share).astype(int)
    return {"raw": {"numerators": [hits.tolist()] * seeds, "denominators": 1}}


def model(V, parameters, peak, share, nonsense, right, gain, context):
    return {
        "vocab_size": V,
        "parameters": dict(
            zip(("embedding", "recurrent", "output", "total"), (*parameters, sum(parameters)), strict=True)
        ),
        "memory": {"peak": peak},
        "output_share": {
            "parameters": share,
            "flops": share,
            "time": share,
            "time_raw": {"numerators": [share, share + 0.01, share - 0.01], "denominators": 1.0},
        },
        "nonsense": {"1.0": rate(nonsense), "floor": rate(0.01, seeds=1)},
        "agreement": [{"attractors": k, **rate(right)} for k in (0, 1, 2)],
        "controlled": [{"distance_words": d, "distance_chars": 6 * d, **rate(right)} for d in (1, 8)],
        "context_gain": rate(gain),
        "effective_context_seeds": [context, context + 10, context - 10],
    }


CHAR = model(100, (10_000, 50_000, 100), 10, 0.1, 0.05, 0.6, 0.02, 200)
WORD = model(6000, (600_000, 50_000, 6000), 25, 0.7, 0.01, 0.9, 0.05, 600)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 500)


def claimed(char, word):
    return claims_of({"models": {"char": char, "word": word}}, np.random.default_rng(0))


def test_the_lecture_is_right_about_a_world_like_the_lectures():
    claims = claimed(CHAR, WORD)
    assert {claim["verdict"] for claim in claims.values()} == {"holds"}
    assert [len(claim["tests"]) for claim in claims.values()] == [2, 3, 2, 4]
    assert claims["memory"]["estimate"] == pytest.approx((50_000 + 606_000) / 60_100 - 1)
    assert claims["memory"]["statement"] == (
        "A character model needs less memory than a word model: with as many hidden units, the parameters of the word"
        " model take 10.9 times the bytes (a count, exact)."
    )
    assert claims["nonsense_words"]["estimate"] == pytest.approx(0.04)
    assert claims["long_distance"]["estimate"] == pytest.approx(0.3)
    assert "30.0 percentage points more often (95 % interval " in claims["long_distance"]["statement"]
    for claim in claims.values():
        for test in claim["tests"]:
            assert 0 < test["low"] <= test["estimate"] <= test["high"]


def test_the_verdicts_turn_round_when_the_models_do():
    claims = claimed(WORD, CHAR)
    expected = {"memory": "does not hold", "output_layer": "does not hold", "long_distance": "does not hold"}
    assert {name: claims[name]["verdict"] for name in expected} == expected
    assert claims["nonsense_words"]["verdict"] == "depends"  # no more than people, less than the other
    assert "30.0 percentage points less often (95 % interval " in claims["long_distance"]["statement"]


def test_two_identical_models_support_nothing_between_them():
    claims = claimed(CHAR, copy.deepcopy(CHAR))
    del claims["nonsense_words"]["tests"][0]  # it asks about people
    for claim in claims.values():
        assert claim["verdict"] != "holds"
        assert all(test["low"] <= 0 <= test["high"] and abs(test["estimate"]) < 1e-12 for test in claim["tests"])


def test_a_claim_depends_where_its_tests_disagree():
    word = {**WORD, "memory": {"peak": 5}}
    claim = claimed(CHAR, word)["memory"]
    assert claim["verdict"] == "depends"
    assert "depends on the test, 1 of 2 say so" in claim["statement"]


@pytest.mark.parametrize(
    "results", [{}, {"models": None}, {"models": {"char": CHAR}}, {"models": {"char": None, "word": WORD}}]
)
def test_without_one_of_the_models_nothing_compares(results):
    claims = claims_of(results, np.random.default_rng(0))
    assert claims.keys() == CLAIMS.keys()
    measured = {name for name, claim in claims.items() if claim["verdict"] != "not measured"}
    assert measured <= {"nonsense_words"}  # its floor needs the character model only
    for name in claims.keys() - measured:
        assert claims[name]["estimate"] is None
        assert claims[name]["statement"].startswith("Not measured: whether a character model ")


@pytest.mark.parametrize("field", sorted({*CHAR} - {"parameters"}))
@pytest.mark.parametrize("absent", [True, False])
def test_what_was_not_measured_is_left_out_alone(field, absent):
    word = {name: value for name, value in WORD.items() if name != field or not absent}
    word = word if absent else {**word, field: None}
    claims, whole = claimed(CHAR, word), claimed(CHAR, WORD)
    names = [[test["name"] for claim in some.values() for test in claim["tests"]] for some in (claims, whole)]
    missing = len(names[1]) - len(names[0])
    assert missing == {"output_share": 3}.get(field, 1)
    assert set(names[0]) < set(names[1])


def test_one_seed_says_nothing_about_how_far_another_looks_back():
    claims = claimed({**CHAR, "effective_context_seeds": [200]}, WORD)
    assert "effective context" not in [test["name"] for test in claims["long_distance"]["tests"]]


def test_easy_agreement_is_no_long_distance():
    easy = [{"attractors": 0, **rate(0.9)}]
    claims = claimed({**CHAR, "agreement": easy}, {**WORD, "agreement": easy})
    assert claims["long_distance"]["tests"][0]["name"] == "controlled language, longest distance"


@pytest.mark.parametrize(("char", "word", "taken"), [(0.1, 0.5, False), (0.1, 0.7, True), (0.7, 0.1, True)])
def test_below_chance_nobody_is_ahead(char, word, taken):
    """Who follows the nearest noun is wrong more often than who guesses: that is no more distance for the guesser."""
    hard = [{"agreement": [{"attractors": 1, **rate(right)}]} for right in (char, word)]
    tests = claimed({**CHAR, **hard[0]}, {**WORD, **hard[1]})["long_distance"]["tests"]
    assert ("agreement across attractors" in [test["name"] for test in tests]) == taken


def test_the_record_is_plain_json_without_nan():
    text = json.dumps(claimed(CHAR, WORD), allow_nan=False)
    assert math.isfinite(json.loads(text)["output_layer"]["low"])
