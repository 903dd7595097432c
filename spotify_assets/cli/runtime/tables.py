"""Tables in the terminal that fit it: what says least goes first, and nothing is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from spotify_assets.cli.runtime.console import literal, shown

GAPS = (2, 1)
"""Spaces between columns: as many as there is room for."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its header.
        right: Whether it is set to the right, as numbers are.
        dropped: Which columns go first where there is no room: those of 1, then those of 2; 0 for never.
        unless: What says nothing: a column in which nothing else stands is left out.
        folded: Characters beyond which a text goes on in the next line.
        whole: Whether it is never folded while others can be, as what people copy.
    """

    name: str
    right: bool = False
    dropped: int = 0
    unless: str | None = None
    folded: int | None = None
    whole: bool = False

    def width(self, texts: Iterable[str]) -> int:
        """Characters that it needs for its header and some texts."""
        lines = (line for text in (self.name, *texts) for line in text.splitlines())
        widest = max(map(cell_len, lines), default=0)
        return widest if self.folded is None else min(widest, self.folded)


def fits(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int) -> bool:
    """Whether a table with all that it has to say fits into a width; see `fitting`."""
    return _gap(columns, rows, _with_content(columns, rows), width) is not None


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int) -> Table:
    """A table of at most `width` characters.

    What does not fit although all that may be dropped is gone, is folded onto the next line.

    Args:
        columns: What to show, from left to right.
        rows: One value for each column; shown as text, whatever stands in it.
        width: Characters of a line.
    """
    chosen = _with_content(columns, rows)
    gap = _gap(columns, rows, chosen, width)
    for step in sorted({columns[at].dropped for at in chosen} - {0}):
        if gap is not None:
            break
        chosen = [at for at in chosen if columns[at].dropped != step]
        gap = _gap(columns, rows, chosen, width)
    table = Table(box=None, pad_edge=False, padding=(0, gap or GAPS[-1], 0, 0), header_style="bold")
    for at in chosen:
        column = columns[at]
        table.add_column(
            column.name, justify="right" if column.right else "left", overflow="fold",
            max_width=column.folded, no_wrap=column.whole,
        )  # fmt: skip
    for row in rows:
        table.add_row(*(one if isinstance(one := row[at], Text) else literal(one) for at in chosen))
    return table


def _with_content(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[int]:
    """Columns in which something is said."""
    return [
        at
        for at, column in enumerate(columns)
        if column.unless is None or any(shown(row[at]) not in ("", column.unless) for row in rows)
    ]


def _gap(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], chosen: Sequence[int], width: int
) -> int | None:
    """How many spaces between the columns there is room for; none if there is no room for one."""
    needed = sum(columns[at].width(shown(row[at]) for row in rows) for at in chosen)
    return next((gap for gap in GAPS if needed + gap * (len(chosen) - 1) <= width), None)
