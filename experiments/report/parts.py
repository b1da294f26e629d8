"""What the page is made of: sections with figures, each a picture and the same in a table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.report.charts import Bars, Dots, Lines, Scatter
from experiments.report.formats import NOT_MEASURED
from experiments.report.palette import slots


class Table(NamedTuple):
    """Texts in rows; the first of each row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    wide: bool = False
    """Texts, not figures: set flush left."""


class Figure(NamedTuple):
    """A picture with its caption, and the table that says the same to those who cannot see it."""

    title: str
    caption: str
    chart: Lines | Dots | Bars | Scatter | None
    table: Table | None
    open: bool = False
    """The table is shown, not folded away."""

    @property
    def empty(self) -> bool:
        """It was not measured."""
        return not (self.chart or self.table)


class Section(NamedTuple):
    """A part of the page under a heading of its own."""

    id: str
    title: str
    short: str
    """The title in the contents."""
    lead: str
    figures: Sequence[Figure] = ()
    extra: Any = None
    """What only this section has."""

    @property
    def empty(self) -> bool:
        """Nothing of it was measured."""
        return not self.extra and all(figure.empty for figure in self.figures)


class Model(NamedTuple):
    """A model of the study: its name, the number of its colour, and what results.json says of it."""

    name: str
    slot: int
    record: dict[str, Any]


def models_of(results: dict[str, Any]) -> list[Model]:
    """The models of the study, in their order."""
    records = results["models"]
    return [Model(name, slot, records[name]) for name, slot in slots(records).items()]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], wide: bool = False) -> Table | None:
    """A table of the rows that say anything, or None without any."""
    said = [row for row in rows if set(row[1:]) - {"", NOT_MEASURED}]
    return Table(header, said, wide) if said else None
