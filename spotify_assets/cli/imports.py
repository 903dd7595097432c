"""Loading imported days and telling Dagster of exactly those days.

A run over a range would mark every day in it as materialized, also those on which nothing was observed.
So each imported day is loaded and reported by itself, and only the marts, which are dense by definition,
are built as one run over the range.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date

import dagster as dg

from spotify_assets.cli.environment import Environment
from spotify_assets.cli.runs import RunOutcome, run_days
from spotify_assets.contracts.tables import Table
from spotify_assets.defs.assets.marts import mart_keys
from spotify_assets.defs.assets.snapshots import load_metadata, snapshot_key
from spotify_assets.defs.checks.contract import check_contract, evaluation
from spotify_assets.ingest.load import EXPECTED, load_source


def load_imported_days(
    environment: Environment,
    table: Table,
    source: str,
    days: Sequence[date],
    run_id: str,
    show: Callable[[str], None],
) -> RunOutcome:
    """Load what an import landed, then build the marts over its range.

    Args:
        environment: Where to work.
        table: Table that the rows belong to.
        source: Series of the import.
        days: Days that it landed, oldest first.
        run_id: Run that imports; its ledger rows carry it.
        show: Called with what is under way.

    Returns:
        The outcome of the run that built the marts, with the loads of the import.
    """
    key = snapshot_key(table)
    loads, problems, done = [], [], []
    with dg.DagsterInstance.get() as instance, environment.warehouse.holding() as warehouse:
        # Keep a connection, instead of opening two for each of hundreds of days.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=4)
        for day in days:
            show(f"{table.name} {day}")
            started = time.monotonic()
            try:
                loaded = load_source(table.name, source, day, environment.landing, warehouse, run_id)
            except EXPECTED as error:
                problems.append(str(error))
                continue
            if loaded is None:
                continue
            loads.append(loaded.entry)
            done.append(day)
            metadata = load_metadata([loaded], time.monotonic() - started)
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key, partition=day.isoformat(), metadata=metadata)
            )
        contract = check_contract(table, key, done, warehouse)
        instance.report_runless_asset_event(evaluation(contract))
    if not contract.passed:
        problems.append(f"{table.name} breaks its contract; the marts were not built. {contract.description}")
        return RunOutcome(
            run_id, success=False, log=environment.settings.spotify_assets_home, problems=problems
        )
    outcome = run_days(environment, days[0], days[-1], selection=mart_keys(), show=show)
    outcome.loads = loads + outcome.loads
    outcome.problems = problems + outcome.problems
    outcome.success = outcome.success and not problems
    return outcome
