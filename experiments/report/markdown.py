"""A table in Markdown."""

from collections.abc import Iterable, Sequence


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], rule: Sequence[str]) -> str:
    """Of cells that are Markdown already; `rule` says how each column is aligned. Without an end of line."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
