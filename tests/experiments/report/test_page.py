import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.report.page import render
from experiments.report.untrusted import marked, visible
from experiments.report.views.distance import distance
from tests.experiments.report.example import NAMES, example, hostile, minimal
from tests.experiments.report.page_tree import Page
from tests.hostile import TEXT

NASTY = {
    "script": "<script>alert(1)</script>",
    "closing": "</script></style></title>--><!--",
    "template": "${7*7}{{7*7}}{% raw %}",
    "quotes": "\"'`><img src=x onerror=alert(1)>",
    "surrogates": "\ud800 a \udfff",
    "controls": "\0\x07\x1b\x7f\x85\r",
    "turned": "\u202egnihtyna\u202c \u2066x",
    "long": "w" * 10_000,
    "entity": "&lt;script&gt; &#0;",
}
MODEL_FIELDS = [(lambda results: results["models"]["char"], name) for name in example()["models"]["char"]]


@pytest.mark.parametrize("names", [NAMES[:2], NAMES[:3], NAMES], ids=len)
def test_a_page_is_well_formed_and_needs_nothing_else(names):
    page = Page(render(example(names)))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not any("src" in attributes for _, attributes in page.elements)
    links = [attributes["href"] for _, attributes in page.elements if "href" in attributes]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert all(a["aria-labelledby"] in ids for _, a in page.elements if "aria-labelledby" in a)
    assert "http" not in re.sub(r"http-equiv", "", render(example(names)))
    assert set(names) <= set(page.text.split())


def test_headings_are_in_order_and_there_are_landmarks():
    page = Page(render(example()))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {tag for tag, _ in page.elements} >= {"header", "nav", "main", "footer"}
    assert page.named("html")[0]["lang"] == "en"


def test_the_verdicts_come_first_with_number_and_interval():
    text = Page(render(example())).text
    said = ("Four claims", "holds", "10.8 percentage points", "95 % interval 10.4", "depends on the test")
    places = [text.index(words) for words in (*said, "Bytes by part")]
    assert places == sorted(places)


def test_a_verdict_follows_the_data():
    results = example()
    results["claims"]["memory"]["verdict"] = "does not hold"
    assert "does not hold" in Page(render(results)).text
    results["claims"]["memory"]["verdict"] = "<b>perhaps"
    assert "perhaps" not in render(results)


@pytest.mark.parametrize(
    "said",
    [
        "word − char",
        "−0.050",
        "87.0% have their nearest neighbour in their own class; 31.0% before training",
        "europe, mexico, spain",
        "66.9% [64.9%, 68.9%]",
        "learning rates 0.002, 0.004 with dropout 0, 0.1, tried on 600,000 characters each",
        "a count, exact",
        "Each model is trained from 3 seeds",
    ],
)
def test_what_the_study_found_is_on_the_page(said):
    assert said in Page(render(example())).text


def test_an_interval_without_width_is_shown_where_a_verdict_rests_on_it():
    results = example()
    results["claims"]["long_distance"]["tests"][-1] |= {"estimate": 16.0, "low": 16.0, "high": 16.0, "exact": False}
    rows = next(figure.table for figure in distance(results).figures).rows
    assert rows[-1] == ("effective context", "16.0", "[16.0, 16.0], no spread", "yes")
    assert rows[0][2] == "[0.0500, 0.110]"


def test_how_many_parameters_there_are_is_counted():
    results = example(NAMES)
    for total, model in enumerate(results["models"].values(), 1_000):
        model["parameters"]["total"] = total
    assert "parameters, 1,000 to 1,006, where 1,000,000 were asked for" in Page(render(results)).text


def test_how_a_word_model_comes_to_invent_is_told():
    assert "the token <spell>, then characters" in Page(render(example())).text


def test_every_picture_says_what_it_shows_and_is_a_table_as_well():
    page = Page(render(example()))
    pictures = [attributes for attributes in page.named("svg") if attributes.get("role") == "img"]
    assert len(pictures) >= 14
    assert all(picture["aria-label"] for picture in pictures)
    assert len(page.named("table")) >= len(pictures)


def test_what_was_not_measured_is_said():
    text = Page(render(minimal())).text
    assert text.count("Not measured") >= 8
    assert "diverged" in text
    assert "None" not in text
    assert "the same number" not in text  # of what, no terms say
    assert "nan" not in text.lower().split()


def test_what_is_missing_of_a_section_is_named():
    results = example()
    for model in results["models"].values():
        model["context_use"] = model["closers"] = None
    text = Page(render(results)).text
    assert "Not measured: Use of context; Closing brackets and quotes." in text
    assert "Subject and verb" in text


def test_any_field_may_be_absent_or_null():
    whole = Page(render(example()))
    for place, name in [*((lambda r: r, n) for n in example().keys() - {"models"}), *MODEL_FIELDS]:
        absent, null = example(), example()
        del place(absent)[name]
        place(null)[name] = None
        source = render(absent)
        assert render(null) == source, name
        page = Page(source)
        assert page.named("section") == whole.named("section"), name
        assert not re.search(r"\b(None|nan)\b", page.text), name


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_hostile_text_shows_and_does_not_run(text):
    source = render(hostile(text))
    assert source.encode("utf-8").decode() == source
    page = Page(source)
    assert len(page.named("script")) == len(page.named("style")) == 1
    assert not page.named("img")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert visible(text[:60]) in page.text
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source)


@settings(max_examples=25, deadline=None)
@given(TEXT.filter(bool))
def test_any_text_leaves_the_page_whole(text):
    source = render(hostile(text))
    assert source.encode("utf-8").decode() == source
    page = Page(source)
    assert len(page.named("script")) == len(page.named("style")) == 1
    assert visible(text[:60]) in page.text


@given(st.text() | TEXT)
def test_visible_text_can_be_written_and_stays_as_it_is(text):
    seen = visible(text)
    assert seen.encode("utf-8").decode() == seen
    assert visible(seen) == seen


def test_marks_of_a_token():
    assert marked("a b\n\t\0") == "a␣b↵⇥⟨U+0000⟩"
    assert marked("w" * 100) == "w" * 60 + "…"


def test_long_samples_leave_the_page_small():
    results = example(NAMES)
    for model in results["models"].values():
        model["samples"] = ["& long sample. " * 7_000] * 40
    results["passage"]["text"] = "x" * 100_000
    token = {"text": "x", "bits": 1.0, "expected": [["x", 0.5]] * 3}
    for name in results["passage"]["models"]:
        results["passage"]["models"][name] = [token | {"start": n} for n in range(100_000)]
    assert len(render(results).encode("utf-8")) < 5_000_000


def test_the_passage_is_all_there_and_its_ink_is_its_bits():
    results = example()
    results["passage"] = {
        "text": "a<b>\nc",
        "models": {
            "char": [
                {"start": n, "text": c, "bits": n, "expected": [["e", 0.25], ["t", 0.1]]}
                for n, c in enumerate("a<b>\nc")
            ],
            "word": [
                {"start": 0, "text": "<spell>", "bits": 0.1, "expected": []},
                {"start": 0, "text": "a<b>\n", "bits": 40.0, "expected": None},
                {"start": 5, "text": "c", "bits": 0.1, "expected": [["c", 0.9]]},
            ],
        },
    }
    tokens = [a for a in Page(render(results)).named("span") if a.get("role") == "option"]
    assert [t["data-token"] for t in tokens] == ["a", "<", "b", ">", "↵", "c", "<spell>", "a<b>↵", "c"]
    assert [t["class"].split()[1] for t in tokens] == ["q0", "q3", "q5", "q6", "q7", "q7", "q0", "q8", "q0"]
    assert (tokens[1]["data-e1"], tokens[1]["data-p1"], tokens[1]["data-e2"]) == ("e", "25.0%", "t")
    assert (tokens[7]["data-start"], tokens[7]["data-end"], tokens[7]["data-bits"]) == ("0", "5", "40.00")
    assert [t.get("tabindex") for t in tokens].count("0") == 2
