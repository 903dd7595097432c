"""Loading imported days and telling Dagster of exactly those days.

A run over a range would mark every day in it as materialized, also those on which nothing was observed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs._dagster_compat import report_evaluation
from spotify_assets.defs.ingestion.checks.catalogue import evaluate
from spotify_assets.defs.ingestion.keys import snapshot_key
from spotify_assets.defs.ingestion.snapshots import load_metadata

if TYPE_CHECKING:
    from spotify_assets.file_imports.history import Prepared
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse
    from spotify_assets.warehouse.ledger import LedgerEntry


@dataclass(slots=True)
class ImportedLoads:
    """What loading imported days came to.

    Attributes:
        loads: The ledger's rows.
        problems: Days that could not be loaded, and why.
        checks: What the checks of the tables said of each day.
        sound: Whether the tables keep their contracts, so that marts may be built.
    """

    loads: list[LedgerEntry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    checks: list[dg.AssetCheckEvaluation] = field(default_factory=list)
    sound: bool = True


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let Dagster keep a connection, instead of opening two for each day that is reported."""
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=4)


def load_prepared(
    prepared: Sequence[Prepared],
    *,
    landing: Landing,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    run_id: str,
    show: Callable[[str], None] = lambda _: None,
) -> ImportedLoads:
    """Load all that files landed, each day of each table and series once.

    Args:
        prepared: Files as landed.
        landing: The lake.
        warehouse: Where rows go; best one that keeps its connections (`Warehouse.holding`).
        instance: Dagster's records.
        run_id: Run that imports; its ledger rows carry it.
        show: Called with what is under way.
    """
    days: dict[tuple[str, str], set[date]] = {}
    for one in prepared:
        days.setdefault((one.table, one.source), set()).update(one.days)
    every = ImportedLoads()
    for (table, source), own in days.items():
        loaded = _load_imported_days(
            TABLES[table],
            source,
            sorted(own),
            landing=landing,
            warehouse=warehouse,
            instance=instance,
            run_id=run_id,
            show=show,
        )
        every.loads += loaded.loads
        every.problems += loaded.problems
        every.checks += loaded.checks
        every.sound = every.sound and loaded.sound
    return every


def _load_imported_days(
    table: Table,
    source: str,
    days: Sequence[date],
    *,
    landing: Landing,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    run_id: str,
    show: Callable[[str], None],
) -> ImportedLoads:
    """Load the days of one table and series, oldest first."""
    from spotify_assets.ingest.load import load_source, user_facing_errors

    key, outcome, done = snapshot_key(table), ImportedLoads(), []
    for day in days:
        show(f"{table.name} {day}")
        started = time.monotonic()
        try:
            loaded = load_source(table.name, source, day, landing, warehouse, run_id)
        except user_facing_errors as error:
            outcome.problems.append(str(error))
            continue
        if loaded is None:
            continue
        outcome.loads.append(loaded.entry)
        done.append(day)
        metadata = load_metadata([loaded], time.monotonic() - started)
        instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=day.isoformat(), metadata=metadata)
        )
    for evaluation in evaluate(table, done, warehouse, landing, instance):
        report_evaluation(instance, evaluation, run_id)
        outcome.checks.append(evaluation)
        if evaluation.blocking and not evaluation.passed and outcome.sound:
            outcome.sound = False
            outcome.problems.append(
                f"{table.name} breaks its contract on {evaluation.partition}; the marts were not built. "
                f"{evaluation.description}"
            )
    return outcome
