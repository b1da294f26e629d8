"""The comparison in a table that a person reads in a terminal of 80 columns, and the verdicts below it."""

from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from experiments.report.fields import estimate, figure, items, pick
from experiments.report.formats import NOT_MEASURED, Form, count, duration, percent, short, show, show_estimate, size
from experiments.report.formats import bits as bits_form
from experiments.report.views.verdicts import verdicts_of

UPRIGHT = 2
"""More models than these do not fit side by side: each gets a line."""
DASH = "–"
Cell = Callable[[dict[str, Any]], str]


def comparison_table(results: dict[str, Any]) -> Table:
    """The models of `results.json`: two side by side, more of them a line each, with fewer figures."""
    title = f"Characters against words: {results['corpus']['name']}"
    if len(results["models"]) > UPRIGHT:
        return _lines(results["models"], title)
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in results["models"]:
        table.add_column(name, justify="right")
    for label, cell in _ROWS.items():
        cells = [_brief(cell(model)) for model in results["models"].values()]
        if set(cells) != {DASH}:
            table.add_row(label, *cells)
    return table


def _lines(models: dict[str, Any], title: str) -> Table:
    """A line a model."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("\nmodel", no_wrap=True)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, model in models.items():
        table.add_row(name, *(_brief(cell(model)) for cell in _COLUMNS.values()))
    return table


def _brief(cell: str) -> str:
    return DASH if NOT_MEASURED in cell else cell


def verdicts(results: dict[str, Any]) -> Group:
    """The four claims of the lecture, each with its verdict and the sentence that says why."""
    lines: list[Any] = []
    for verdict in verdicts_of(results):
        lines.append(Text.assemble((f"{verdict.title}: ", ""), (verdict.verdict, "bold")))
        lines.append(Padding(Text(verdict.statement), (0, 0, 0, 2)))
    return Group(*lines)


def _number(form: Form, *names: str) -> Cell:
    return lambda model: show(form, figure(model, *names))


def _bits(split: str) -> Cell:
    def cell(model: dict[str, Any]) -> str:
        found = estimate(pick(model, "bits_per_char", split), "mean")
        diverged = found.value is None and items(model, "seeds")
        return "diverged" if diverged else show_estimate(bits_form, found)

    return cell


def _output_layer(model: dict[str, Any]) -> str:
    rows, columns = (show(count, figure(model, "output_layer", name)) for name in ("rows", "columns"))
    return f"{rows} × {columns}{' (tied)' if pick(model, 'output_layer', 'tied') else ''}"


def _nonsense(model: dict[str, Any]) -> str:
    return show_estimate(percent, estimate(pick(model, "nonsense", "1.0"), "rate"))


_ROWS: dict[str, Cell] = {
    "vocabulary": _number(count, "vocab_size"),
    "parameters: embedding": _number(count, "parameters", "embedding"),
    "parameters: recurrent": _number(count, "parameters", "recurrent"),
    "parameters: output": _number(count, "parameters", "output"),
    "parameters: total": _number(count, "parameters", "total"),
    "peak of a training step": _number(size, "memory", "peak"),
    "output layer": _output_layer,
    "bits per character, validation": _bits("valid"),
    "bits per character, test": _bits("test"),
    "invented words in samples": _nonsense,
    "characters of context in use": _number(count, "effective_context_chars"),
    "FLOPs per character": _number(short, "flops_per_char"),
    "training characters per second": _number(count, "train_chars_per_second"),
    "time of one seed": _number(duration, "seconds"),
}
_COLUMNS: dict[str, Cell] = {
    "vocab-\nulary": _number(count, "vocab_size"),
    "para-\nmeters": _number(short, "parameters", "total"),
    "bits per character,\ntest": _bits("test"),
    "invented\nwords": _number(percent, "nonsense", "1.0", "rate"),
    "context\nin use": _number(count, "effective_context_chars"),
    "chars\n/ s": _number(short, "train_chars_per_second"),
}
