"""How things look in the terminal: tables, notes, progress."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # Dagster is slow to import, and most commands never need it
    from spotify_assets.cli.runs import RunOutcome
    from spotify_assets.warehouse.ledger import LedgerEntry


def shown(value: object) -> str:
    """A value as text that cannot do anything to a terminal: control characters become visible escapes."""
    text = "" if value is None else str(value)
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def command() -> str:
    """The command as this person can type it: with its folder where that is not on PATH."""
    own = Path(sys.executable).parent / "spotify-assets"
    found = shutil.which("spotify-assets")
    if found is not None and Path(found).resolve() == own.resolve():
        return "spotify-assets"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def literal(value: object) -> Text:
    """A table cell that says exactly this, whatever brackets stand in it."""
    return Text(shown(value))


def console() -> Console:
    """Standard output; survives the redirection of a run's own output."""
    # A duplicate of the descriptor: file descriptor 1 points elsewhere while a run is under way.
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", closefd=True)
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(stream.close)
    width = None if stream.isatty() or "COLUMNS" in os.environ else 110
    return Console(file=cast("IO[str]", stream), highlight=False, width=width)


@contextmanager
def progress(screen: Console, text: str) -> Iterator[Callable[[str], None]]:
    """A line that says what is under way; silent when nobody watches."""
    if not screen.is_terminal:
        screen.print(f"{text} …")
        yield lambda _: None
        return
    with screen.status(text) as status:
        yield lambda step: status.update(f"{text} … [dim]{step}[/dim]")


def _loads_table(loads: Sequence[LedgerEntry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("table")
    table.add_column("source")
    for name in ("days", "asked", "missing", "loaded", "quarantined"):
        table.add_column(name, justify="right")
    for key in dict.fromkeys((load.table, load.source) for load in loads):
        mine = [load for load in loads if (load.table, load.source) == key]
        table.add_row(
            *key,
            f"{len({load.day for load in mine}):,}",
            f"{sum(load.requested for load in mine):,}",
            f"{sum(load.missing_count for load in mine):,}",
            f"{sum(load.loaded for load in mine):,}",
            f"{sum(load.quarantined for load in mine):,}",
        )
    return table


def _print_gaps(screen: Console, loads: Sequence[LedgerEntry]) -> None:
    """What was received and not loaded, and what was not received."""
    if quarantined := sum(load.quarantined for load in loads):
        look = "select partition_date, reasons, raw from ops.quarantine"
        screen.print(
            f'{quarantined:,} rows do not fit and were set aside: {command()} sql "{look}"',
            markup=False,
            soft_wrap=True,
        )
    missing: dict[tuple[str, str, str, str], list[date]] = {}
    for load in loads:
        for entry, reason in load.missing.items():
            missing.setdefault((load.table, load.source, entry, reason), []).append(load.day)
    for (table, source, entry, reason), days in list(missing.items())[:10]:
        when = f"{days[0]}" if len(days) == 1 else f"on {len(days)} days from {min(days)}"
        screen.print(
            f"missing: {table} {when} {source}: {shown(entry)} ({shown(reason)})",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    if len(missing) > 10:
        screen.print(f"missing: … and {len(missing) - 10:,} more (spotify-assets status)")


def print_outcome(screen: Console, outcome: RunOutcome) -> None:
    """What a run loaded, what is missing, and what to look at."""
    if outcome.loads:
        screen.print(_loads_table(outcome.loads))
    _print_gaps(screen, outcome.loads)
    for check in outcome.warnings:
        level = "failed" if check.blocking else "warning"
        screen.print(
            f"check {level}: {check.asset}:{check.name} {check.description}", markup=False, soft_wrap=True
        )
    for reason in outcome.stopped:
        screen.print(f"stopped: {shown(reason)}", markup=False, soft_wrap=True)
    for problem in outcome.problems:
        screen.print(f"failed: {shown(problem)}", markup=False, soft_wrap=True)
    if not outcome.success:
        screen.print(f"The run's log: {outcome.log}", markup=False, soft_wrap=True)
