"""The page in Markdown: its verdicts and its tables, for a repository. Pictures and texts are on the page alone."""

import re
from pathlib import Path
from typing import Any

from experiments.json_files import write_whole
from experiments.report.fields import pick
from experiments.report.page import SECTIONS
from experiments.report.parts import Figure, Section, Table
from experiments.report.untrusted import cut, visible
from experiments.report.views.verdicts import verdicts_of

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def write_document(results: dict[str, Any], path: Path) -> None:
    """Writes whole or not at all."""
    write_whole(path, document(results))


def document(results: dict[str, Any]) -> str:
    """Verdicts, then a heading for each section that has a table. Whatever comes from `results` is escaped."""
    claims = [f"**{each.title}: {each.verdict}.** {_plain(each.statement)}" for each in verdicts_of(results)]
    sections = [_section(section(results)) for section in SECTIONS]
    title = f"# Characters against words: {_plain(cut(str(pick(results, 'corpus', 'name'))))}"
    command = f"    {visible(str(pick(results, 'command'))).splitlines()[0]}"
    return "\n\n".join([title, command, *claims, *filter(None, sections)]) + "\n"


def _section(section: Section) -> str:
    figures = [_figure(figure) for figure in section.figures if figure.table]
    return "\n\n".join([f"## {section.title}", _plain(section.lead), *figures]) if figures else ""


def _figure(figure: Figure) -> str:
    assert figure.table
    return "\n\n".join(filter(None, [f"### {_plain(figure.title)}", _plain(figure.caption), _table(figure.table)]))


def _table(table: Table) -> str:
    """Figures flush right."""
    rule = "|".join([" :-- ", *[" :-- " if table.wide else " --: "] * (len(table.header) - 1)])
    rows = [_row(row) for row in table.rows]
    return "\n".join([_row(table.header), f"|{rule}|", *rows])


def _row(cells: Any) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: Any) -> str:
    """On one line, and nothing in it is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(visible(str(text)).split()))
