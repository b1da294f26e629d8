"""The tables in Markdown, and that those of the repository are of the results beside them."""

import re
from pathlib import Path

import pytest

from experiments.report.__main__ import read_results
from experiments.report.document import document
from experiments.report.fields import estimate
from experiments.report.formats import bits, percent, show, show_estimate
from experiments.report.page import SECTIONS
from experiments.report.views.verdicts import verdicts_of
from tests.experiments.report.example import NAMES, example, hostile, minimal

REPORTED = Path(__file__).parents[3] / "docs" / "char_vs_word"


@pytest.mark.parametrize("names", [NAMES[:2], NAMES], ids=len)
def test_every_table_of_the_page_is_there_and_whole(names):
    results = example(names)
    text = document(results)
    tables = [figure.table for section in SECTIONS for figure in section(results).figures if figure.table]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == sum(2 + len(table.rows) for table in tables)
    assert text.startswith("# Characters against words: invented\n\n    python -m")
    assert all(text.count(f"**{claim}") == 1 for claim in ("Characters need less memory", "Characters are worse"))


def test_columns_are_as_many_in_every_line_of_a_table():
    for table in re.findall(r"(?:^\|.*\n)+", document(example(NAMES)), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a | b\n# c", "`x` *y* [z](u)", "\ud800\u202e"])
def test_a_hostile_text_is_no_markup(text):
    lines = document(hostile(text)).encode("utf-8").decode().splitlines()
    written = "\n".join(line for line in lines if not line.startswith("    "))  # the command is code: shown as it is
    assert not re.search(r"(?<!\\)<", written)
    assert not re.search(r"^# c", written, re.MULTILINE)
    assert "](u)" not in written.replace("\\]", "")


def test_what_was_not_measured_leaves_a_document():
    assert document(minimal()).startswith("# Characters against words: small\n\n**Characters need less memory: not")


@pytest.mark.parametrize("command", ["", " ", "\nx", None, 3, ["python"]])
def test_a_command_that_is_none_is_left_out(command):
    lines = document(example() | {"command": command}).splitlines()
    assert lines[2].startswith("**Characters need less memory")


@pytest.mark.parametrize("corpus", ["sotu", "ptb"])
def test_the_reported_tables_are_of_the_reported_results(corpus):
    folder = REPORTED / corpus
    assert (folder / "report.md").read_text(encoding="utf-8") == document(read_results(folder))


def test_the_table_and_the_verdicts_of_the_document_are_those_of_the_results():
    said = (REPORTED.parent / "char_vs_word.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \|(.*)$", said, re.MULTILINE))
    for corpus in ("sotu", "ptb"):
        results = read_results(REPORTED / corpus)
        for claim in verdicts_of(results):
            assert re.search(rf"^\| {claim.title.lower()} \|.* {claim.verdict} \|", said, re.MULTILINE)
        for name, model in results["models"].items():
            shown = show_estimate(bits, estimate(model["bits_per_char"]["test"], "mean"))
            invented = show(percent, model["nonsense"]["1.0"]["rate"])
            assert f" {shown} | {invented} | {model['effective_context_chars']} |" in rows[name]
