from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from experiments.report.charts import Entry, Spot, Stack, bars, dots, scatter
from experiments.report.fields import Estimate
from experiments.report.formats import bits, count, percent, plain, short, size, three
from experiments.report.lines import Axis, Curve, Point, lines
from experiments.report.palette import COLORS, colors, slots
from experiments.report.scales import Scale, spanning, ticks

NUMBERS = st.floats(-1e12, 1e12)
X, Y = Axis("x", plain), Axis("y", plain)


def curve(name, *ys):
    return Curve(name, 0, [Point(x, Estimate(y)) for x, y in enumerate(ys)])


def test_numbers_are_written_in_one_way():
    assert [bits(1.6904), bits(-0.05)] == ["1.690", "−0.050"]
    assert [percent(0.117), percent(0.0003), percent(0)] == ["11.7%", "0.03%", "0.0%"]
    assert [short(999), short(42_000), short(1_234_567), short(3e13)] == ["999", "42k", "1.23M", "30T"]
    assert [size(0), size(512), size(2_500_000), size(3e9)] == ["0", "0.512 kB", "2.5 MB", "3 GB"]
    assert [three(0.12), three(-0.0123), three(1234.5), three(-4e-7)] == ["0.120", "−0.0123", "1,234", "0.0000"]
    assert [plain(128.0), plain(0.004)] == ["128", "0.004"]


def test_places_on_a_scale():
    assert [Scale(0, 10).place(x) for x in (0, 2.5, 10, 20)] == [0, 25, 100, 100]
    assert [Scale(1, 10_000, log=True).place(x) for x in (1, 10, 100, 10_000)] == [0, 25, 50, 100]


def test_ticks_are_round_figures():
    assert [tick.text for tick in ticks(Scale(1.62, 2.3), bits)] == ["1.8", "2", "2.2"]
    assert [tick.text for tick in ticks(Scale(0, 0.12), percent, 4)] == ["0%", "5%", "10%"]
    assert [tick.text for tick in ticks(Scale(64, 65_536, log=True), short)] == ["100", "1k", "10k"]
    assert [tick.minor for tick in ticks(Scale(0, 4), plain, 4)] == [False, True, False, True, False]


@given(st.lists(NUMBERS, min_size=1), st.booleans(), st.booleans())
def test_any_figures_have_a_scale_and_places_inside_it(values, log, zero):
    scale = spanning(values, log, zero)
    assert scale.low < scale.high
    assert all(0 <= scale.place(value) <= 100 for value in values if value > 0 or not log)
    assert all(0 <= tick.place <= 100 for tick in ticks(scale, plain))
    assert len(ticks(scale, count)) <= 20


def test_a_curve_is_where_its_figures_are_and_breaks_where_there_is_none():
    chart = lines("alt", X, Axis("y", plain, zero=True), [curve("a", 0, 100, None, 50)])
    assert chart
    top = round(100 - 100 * 100 / 106, 2)
    assert chart.lines[0].path == f"M0 100 L33.33 {top} M100 {round(100 - 100 * 50 / 106, 2)}"
    assert chart.lines[0].band == ""


def test_a_band_goes_there_along_the_low_and_back_along_the_high_ends():
    points = [Point(x, Estimate(1, 0, 2)) for x in (0, 10)]
    chart = lines("alt", X, Axis("y", plain, zero=True), [Curve("a", 0, points)])
    assert chart
    top = round(100 - 100 * 2 / 2.12, 2)
    assert chart.lines[0].band == f"M0 {top} L100 {top} L100 100 L0 100 Z"


@example([5e-324])
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@example([5e-324])
def test_no_name_of_a_curve_covers_another(ends):
    chart = lines("alt", X, Y, [curve(str(i), 0, end) for i, end in enumerate(ends)])
    assert chart
    places = sorted(line.label for line in chart.lines if line.label is not None)
    assert len(places) == len(ends)
    assert all(after - before > 6.4 for before, after in pairwise(places))
    assert places[0] >= -0.1
    assert places[-1] <= 100


def test_seeds_of_one_model_share_a_name():
    chart = lines("alt", X, Y, [curve("a", 1, 2), curve("a", 1, 3)])
    assert chart
    assert [line.label is None for line in chart.lines] == [False, True]


def test_without_figures_there_is_no_picture():
    assert lines("alt", X, Y, [curve("a", None, None)]) is None
    assert dots("alt", "x", [Entry("heading", None), Entry("a", 0, Estimate(None))], plain) is None
    assert bars("alt", "x", ("part",), [Stack("a", 0, [None])], plain) is None
    assert scatter("alt", [("before", [])]) is None


def test_rows_keep_the_headings_that_something_follows():
    rows = [Entry("none", None), Entry("a", 0, Estimate(None)), Entry("some", None), Entry("b", 1, Estimate(2, 1, 3))]
    chart = dots("alt", "x", rows, plain, scale=Scale(0, 4))
    assert chart
    assert [(mark.name, mark.place, mark.low, mark.high) for mark in chart.marks] == [
        ("some", None, None, None),
        ("b", 50, 25, 75),
    ]
    assert (chart.marks[1].text, chart.marks[1].interval) == ("2", "[1, 3]")


def test_parts_of_a_bar_stand_side_by_side():
    chart = bars("alt", "x", ("a", "b", "c"), [Stack("m", 0, [1, None, 2], mark=4)], plain, "peak")
    assert chart
    unit = 100 / (1.06 * 4)
    assert [part.place for part in chart.bars[0].parts] == pytest.approx([0, unit, unit], abs=0.02)
    assert [part.width for part in chart.bars[0].parts] == pytest.approx([unit, 0, 2 * unit], abs=0.02)
    assert chart.bars[0].mark == pytest.approx(4 * unit, abs=0.02)
    assert chart.bars[0].text == "3"


def test_letters_lie_as_their_vectors_do():
    chart = scatter("alt", [("after", [Spot(0, 0, "a", "vowel"), Spot(1, 2, "b", "consonant")])])
    assert chart
    low, high = chart.panels[0][1]
    assert low.x < high.x
    assert low.y > high.y  # the picture's y goes down
    assert list(chart.kinds) == ["vowel", "consonant"]


def test_a_model_has_the_same_colour_whoever_is_beside_it():
    assert colors(["word", "mine", "char", "yours"])["char"] == COLORS["char"]
    found = slots(["mine", *COLORS, "yours"])
    assert len(set(found.values())) == len(found)
