"""All that is made of a results.json."""

from pathlib import Path
from typing import Any

from experiments.report.curves import draw_curves
from experiments.report.document import write_document
from experiments.report.page import write_page


def write_report(results: dict[str, Any], folder: Path) -> None:
    """The page, its tables in Markdown, and the learning curves: each written whole or not at all."""
    draw_curves(results, folder / "learning_curves.png")
    write_document(results, folder / "report.md")
    write_page(results, folder / "report.html")
