"""What a run loaded, what is missing, and what to look at, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from spotify_assets.cli.runtime.console import command, shown
from spotify_assets.cli.runtime.tables import Column, fitting
from spotify_assets.settings import is_simulated

if TYPE_CHECKING:  # Dagster is slow to import, and most commands never need it
    from spotify_assets.cli.runtime.runs import RunOutcome
    from spotify_assets.sources.reasons.reason import Reason
    from spotify_assets.warehouse.ledger import LedgerEntry


MOST_GAPS = 10
"""Lines about what is missing: one for each reason."""
COMPLETENESS = "completeness"
"""The check that says whether anything is missing."""


def _loads_table(loads: Sequence[LedgerEntry], width: int) -> Table:
    columns = [
        Column("table"), Column("source"), Column("days", right=True), Column("asked", right=True, dropped=1),
        Column("missing", right=True, unless="0"), Column("loaded", right=True),
        Column("quarantined", right=True, unless="0"),
    ]  # fmt: skip
    rows = []
    for key in dict.fromkeys((load.table, load.source) for load in loads):
        mine = [load for load in loads if (load.table, load.source) == key]
        if not any(load.is_offered for load in mine):
            continue
        counts = (
            len({load.day for load in mine}), sum(load.requested for load in mine),
            sum(len(load.lacking) for load in mine), sum(load.loaded for load in mine),
            sum(load.quarantined for load in mine),
        )  # fmt: skip
        rows.append([*key, *(f"{count:,}" for count in counts)])
    return fitting(columns, rows, width)


def _print_gaps(screen: Console, loads: Sequence[LedgerEntry]) -> None:
    """What was received and not loaded, and what was not received."""
    if quarantined := sum(load.quarantined for load in loads):
        source = next(load.source for load in loads if load.quarantined)
        look = f"select partition_date, reasons, raw from ops.quarantine where source = '{source}'"  # noqa: S608
        rows = f"{quarantined:,} row{' does' if quarantined == 1 else 's do'} not fit and"
        screen.print(
            f'{rows} {"was" if quarantined == 1 else "were"} set aside: {command()} sql "{look}"',
            markup=False,
            soft_wrap=True,
        )
    missing: dict[tuple[str, str, Reason], list[tuple[str, date]]] = {}
    for load in loads:
        for entry, reason in load.lacking.items():
            missing.setdefault((load.table, load.source, reason), []).append((entry, load.day))
    for (table, source, reason), entries in list(missing.items())[:MOST_GAPS]:
        entry, day = entries[0]
        more = f" and {len(entries) - 1:,} more" if len(entries) > 1 else ""
        screen.print(
            f"missing: {table} {source}: {shown(entry)} on {day}{more} ({shown(reason.sentence)})",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    if len(missing) > MOST_GAPS:
        screen.print(f"missing: … for {len(missing) - MOST_GAPS:,} more reasons: {command()} status")


def print_outcome(screen: Console, outcome: RunOutcome) -> None:
    """What a run loaded, what is missing, and what to look at."""
    if outcome.loads:
        screen.print(_loads_table(outcome.loads, screen.width))
    _print_gaps(screen, outcome.loads)
    for check in outcome.warnings:
        if check.name == COMPLETENESS and any(load.lacking for load in outcome.loads):
            continue  # said above, by name
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


def next_query(loads: Sequence[LedgerEntry]) -> str | None:
    """A query worth running after a run that loaded something; None if it shows nothing of what came.

    It names its source: another one's rows, such as those of a demo, would be shown in their place.
    """
    for load in loads:
        if load.table != "artist_snapshots" or not load.loaded:
            continue
        told = [metric for metric in ("popularity", "followers", "listeners") if metric not in load.absent]
        columns = ", ".join(["name", *told[:1]])
        order = "snapshot_date desc, 2 desc nulls last" if told else "snapshot_date desc, name"
        return _newest(f"snapshots.{load.table}", columns, load.source, order)
    for load in loads:
        if load.loaded:
            return _newest(f"snapshots.{load.table}", "*", load.source, "snapshot_date desc")
    return None


def _newest(table: str, columns: str, source: str, order: str) -> str:
    names = f"{table} where source = '{source}'"
    return f"select {columns} from {names} order by {order} limit 10"  # noqa: S608 - names of our own


def simulated_hint(sources: Iterable[str], *, simulated: bool) -> str | None:
    """How to remove a demo's rows, where real sources are observed beside them."""
    invented = sorted({source for source in sources if is_simulated(source)})
    if simulated or not invented:
        return None
    purges = "; ".join(f"{command()} purge --source {source}" for source in invented)
    return f"Invented artists of the simulated upstream are still here. Remove them: {purges}"
