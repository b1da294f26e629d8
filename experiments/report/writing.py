"""All that is made of a results.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.json_files import write_whole
from experiments.report.curves import draw_curves
from experiments.report.document import document
from experiments.report.page import render


def report_of(results: dict[str, Any]) -> dict[str, str | bytes]:
    """The learning curves, the page's tables in Markdown, and the page, by the names of their files."""
    return {
        "learning_curves.png": draw_curves(results),
        "report.md": document(results),
        "report.html": render(results),
    }


def write_report(report: Mapping[str, str | bytes], folder: Path) -> None:
    """Writes each file whole or not at all."""
    for name, content in report.items():
        write_whole(folder / name, content)
