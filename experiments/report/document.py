"""The page in Markdown: its verdicts and its tables, for a repository. Pictures and texts are on the page alone."""

import re
from typing import Any

from experiments.report.fields import pick
from experiments.report.markdown import markdown
from experiments.report.page import SECTIONS
from experiments.report.parts import Figure, Section, Table
from experiments.report.untrusted import cut, visible
from experiments.report.views.verdicts import verdicts_of

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def document(results: dict[str, Any]) -> str:
    """Verdicts, then a heading for each section that has a table. Whatever comes from `results` is escaped."""
    claims = [f"**{each.title}: {each.verdict}.** {_plain(each.statement)}" for each in verdicts_of(results)]
    sections = [_section(section(results)) for section in SECTIONS]
    title = f"# Characters against words: {_plain(cut(str(pick(results, 'corpus', 'name'))))}"
    return "\n\n".join(filter(None, [title, _command(results), *claims, *sections])) + "\n"


def _command(results: dict[str, Any]) -> str:
    """As code, its first line; nothing where there is none."""
    said = pick(results, "command")
    lines = visible(said).split("\n") if isinstance(said, str) else [""]
    return f"    {lines[0]}" if lines[0].strip() else ""


def _section(section: Section) -> str:
    figures = [_figure(figure, figure.table) for figure in section.figures if figure.table]
    return "\n\n".join([f"## {section.title}", _plain(section.lead), *figures]) if figures else ""


def _figure(figure: Figure, shown: Table) -> str:
    return "\n\n".join(filter(None, [f"### {_plain(figure.title)}", _plain(figure.caption), _table(shown)]))


def _table(table: Table) -> str:
    """Figures flush right."""
    rule = [":--", *[":--" if table.wide else "--:"] * (len(table.header) - 1)]
    header, *rows = ([_plain(cell) for cell in row] for row in (table.header, *table.rows))
    return markdown(header, rows, rule)


def _plain(text: Any) -> str:
    """On one line, and nothing in it is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(visible(str(text)).split()))
