import io
import json
import webbrowser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from charrnn_jax.errors import InputError
from experiments.report import __main__ as report
from experiments.report import writing
from experiments.report.curves import draw_curves
from experiments.report.table import comparison_table, verdicts
from tests.experiments.report.example import NAMES, example, minimal
from tests.experiments.report.page_tree import Page
from tests.hostile import altered, patiently, survives


def printed(renderable):
    console = Console(file=io.StringIO(), width=80)
    console.print(renderable)
    return console.file.getvalue()


def test_two_models_stand_side_by_side_with_intervals():
    text = printed(comparison_table(example()))
    assert "1.690 [1.678, 1.702] │ 1.640 [1.628, 1.652]" in text
    assert "11.7% [11.3%, 12.1%]" in text
    assert "…" not in text


@pytest.mark.parametrize("number", range(3, len(NAMES) + 1))
def test_more_models_get_a_line_each_and_fit(number):
    lines = printed(comparison_table(example(NAMES[:number]))).splitlines()
    assert "…" not in "".join(lines)
    for name in NAMES[:number]:
        assert any(line.startswith(f"{name} ") and "[" in line for line in lines)
    assert len(lines) == number + 4


def test_one_seed_has_no_interval_and_a_diverged_model_says_so():
    text = printed(comparison_table(minimal()))
    assert "2.100 │ diverged" in text
    assert "parameters" not in text  # not measured of either


def test_the_verdicts_are_four_sentences():
    text = printed(verdicts(example()))
    assert text.count(": holds") == 3
    assert "10.8" in text
    assert "long-distance dependencies: depends" in text
    assert printed(verdicts(minimal())).count(": not measured") == 4


@pytest.mark.parametrize(
    ("results", "pictures", "any_curve"), [(example(NAMES), 3, True), (minimal(), 2, False)], ids=["seven", "none"]
)
def test_curves_are_drawn_of_what_there_is(results, pictures, any_curve):
    drawn = draw_curves(results)
    assert drawn.startswith(b"\x89PNG")
    assert int.from_bytes(drawn[16:20]) == 150 * (1 + 4 * pictures), "without FLOPs there is no picture of them"
    for model in results["models"].values():
        for seed in model.get("seeds", []):
            seed["curve"] = seed["curve"][:-1]
    assert (draw_curves(results) != drawn) == any_curve


def test_the_page_is_written_again_byte_for_byte(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    (tmp_path / "results.json").write_text(json.dumps(example()))
    report.main(report.Config(tmp_path))
    first = (tmp_path / "report.html").read_bytes()
    assert opened == []
    report.main(report.Config(tmp_path, open=True))
    assert (tmp_path / "report.html").read_bytes() == first
    assert opened == [(tmp_path / "report.html").as_uri()]


def with_model(**changes):
    """An example whose model has these fields instead."""
    results = example()
    results["models"]["char"] |= changes
    return json.dumps(results)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "holds no results.json"),
        ("{", "is damaged"),
        ("[]", "not a dict"),
        ('{"schema": 2, "scores": {}}', "not of a comparison"),
        ('{"schema": 1, "models": {}}', "is of schema 1, and this version reads 2"),
        ('{"schema": 2, "models": []}', "it has no models"),
        ('{"schema": 2, "models": {"char": 3}}', "char is not a dict"),
        (with_model(bits_per_char="x"), "char.bits_per_char is not a dict"),
        (with_model(bits_per_char={"valid": {}, "test": 2.1}), "char.bits_per_char.valid has no mean"),
        (with_model(seeds=[]), "char.seeds is empty"),
        (with_model(seeds=[3]), "char.seeds is not a dict"),
    ],
)
def test_another_file_is_refused_in_one_line(content, said, tmp_path):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match=said) as refused:
        report.main(report.Config(tmp_path))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("content", [None, "{", with_model(seeds=[])], ids=["absent", "no JSON", "no seeds"])
def test_what_was_measured_is_written_again(content, tmp_path):
    folder = tmp_path / "a run"
    folder.mkdir()
    if content is not None:
        (folder / "results.json").write_text(content)
    with pytest.raises(InputError, match="restore it, or measure again"):
        report.main(report.Config(folder))
    (folder / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"python -m experiments.char_vs_word --resume '.*/a run' writes it again"):
        report.main(report.Config(folder))


def test_nothing_is_written_before_everything_is_made(tmp_path, monkeypatch):
    (tmp_path / "results.json").write_text(json.dumps(example()))
    monkeypatch.setattr(writing, "render", lambda _: {}["absent"])
    with pytest.raises(InputError, match=r"results.json is damaged \(KeyError: 'absent'\)"):
        report.main(report.Config(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_folder_in_the_place_of_the_page_is_said(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(example()))
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report.html is a folder, .*: move it away"):
        report.main(report.Config(tmp_path))
    assert not list(tmp_path.glob("*.part"))


def test_there_must_be_a_folder(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        report.main(report.Config(tmp_path / "none"))


@patiently(1)
@given(data=st.data())
def test_a_damaged_record_is_shown_or_refused(data, tmp_path_factory):
    folder, results = tmp_path_factory.mktemp("damaged"), example()
    if data.draw(st.booleans()):
        results["models"]["char"] = data.draw(altered(results["models"]["char"]))
    else:
        results = data.draw(altered(results))
    (folder / "results.json").write_text(json.dumps(results))
    survives(report.main, report.Config(folder))
    written = {path.name: path for path in folder.iterdir() if path.name != "results.json"}
    assert written.keys() in (set(), {"report.html", "report.md", "learning_curves.png"})
    if written:
        assert Page(written["report.html"].read_text(encoding="utf-8")).named("main")
