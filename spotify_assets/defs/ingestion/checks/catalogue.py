"""Every check of a loaded table, and one factory that makes them Dagster's."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs._dagster_compat import checked_materializations
from spotify_assets.defs.ingestion.checks.completeness import completeness
from spotify_assets.defs.ingestion.checks.contract import contract
from spotify_assets.defs.ingestion.checks.null_share import null_share
from spotify_assets.defs.ingestion.checks.reconciliation import reconciliation
from spotify_assets.defs.ingestion.checks.unchanged_day import unchanged_day
from spotify_assets.defs.ingestion.checks.verdict import Verdict
from spotify_assets.defs.ingestion.checks.volume import volume
from spotify_assets.defs.ingestion.keys import snapshot_key
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.partitions import days_of
from spotify_assets.defs.resources import LakeResource, WarehouseResource

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a loaded table.

    Attributes:
        name: Its name, the same on every table.
        question: What must hold; `{table}` and `{thing}` stand for the table and what is asked for.
        judge: Gives the verdict on each of some days.
        severity: What it means if a day does not pass.
        blocking: Whether nothing downstream runs while it fails.
        daily: Whether it is asked only of what is observed anew each day.
    """

    name: str
    question: str
    judge: "Callable[[Table, Sequence[date], Warehouse, Landing], Mapping[date, Verdict]]"
    severity: dg.AssetCheckSeverity = WARN
    blocking: bool = False
    daily: bool = False


CHECKS = (
    Check(
        "contract",
        "Every row of {table}, read back from the database, has the columns, types, keys and ranges of its "
        "Pandera model.",
        contract,
        severity=ERROR,
        blocking=True,
    ),
    Check(
        "completeness",
        "Every {thing} that was asked for was loaded: nothing missing, nothing in quarantine.",
        completeness,
    ),
    Check(  # each row in the table is valid all the same, so it blocks nothing
        "reconciliation",
        "Counted anew: everything asked for was received or is named as missing, everything received stands "
        "in {table} or in quarantine, and the load read all that the lake holds of the day.",
        reconciliation,
        severity=ERROR,
    ),
    Check(
        "null_share",
        "No column of {table} is much emptier than in the 28 days before (by a quarter of the rows), unless "
        "the source does not publish it or your app may not see it.",
        null_share,
    ),
    Check(
        "volume",
        "Each source's rows of a day are half to twice of what the last 28 loaded days were like (their "
        "median), for as many as were asked for ({thing}).",
        volume,
        daily=True,
    ),
    Check(
        "unchanged_day",
        "No day of a source repeats the loaded day before it in every value of {table}, where numbers are "
        "told that move from day to day.",
        unchanged_day,
        daily=True,
    ),
)


def checks_of(table: Table) -> list[Check]:
    """The checks that a table has."""
    return [check for check in CHECKS if table.daily or not check.daily]


def evaluate(
    table: Table,
    days: Sequence[date],
    warehouse: "Warehouse",
    landing: "Landing",
    instance: dg.DagsterInstance,
    names: Collection[str] | None = None,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Ask each check of a table about some days, all at once; gives an evaluation of each day.

    Args:
        table: The table.
        days: Days of it.
        warehouse: The database.
        landing: The lake.
        instance: Dagster's records.
        names: Only these checks; by default all that the table has.
    """
    key = snapshot_key(table)
    checked = checked_materializations(instance, key, [day.isoformat() for day in days])
    for check in checks_of(table):
        if names is not None and check.name not in names:
            continue
        for day, verdict in sorted(check.judge(table, days, warehouse, landing).items()):
            yield dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=check.name,
                passed=verdict.passed,
                metadata=verdict.metadata(),
                target_materialization_data=checked.get(day.isoformat()),
                severity=check.severity,
                description=verdict.says or None,
                blocking=check.blocking,
                partition=day.isoformat(),
            )


def snapshot_checks(table: Table, partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    """The checks of one table: one step in a run of all, each also to be run alone.

    An evaluation is made for each day, and no `AssetCheckResult`: of a run over several days, Dagster would
    keep a single one that belongs to none of them.
    """
    specs = {
        check.name: dg.AssetCheckSpec(
            check.name,
            asset=snapshot_key(table),
            blocking=check.blocking,
            description=check.question.format(table=table.name, thing=table.requested_per),
            partitions_def=partitions,
        )
        for check in checks_of(table)
    }

    @dg.multi_asset_check(specs=list(specs.values()), name=f"check_{table.name}", can_subset=True)
    def check_table(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[WarehouseResource],
        lake: dg.ResourceParam[LakeResource],
    ) -> Iterator[Any]:
        names = {key.name for key in context.selected_asset_check_keys}
        with warehouse.open().holding() as held:
            days = _days(context, table, held)
            yield from evaluate(table, days, held, lake.open(), context.instance, names)
        for name in sorted(names):
            yield dg.Output(None, specs[name].get_python_identifier())

    return check_table


def _days(context: dg.AssetCheckExecutionContext, table: Table, warehouse: "Warehouse") -> list[date]:
    """The days of the run; of one that names none, the newest that is loaded."""
    from spotify_assets.warehouse.ledger import newest_loads

    if context.has_partition_key or context.has_partition_key_range:
        return days_of(context)
    return [max(load.day for load in newest_loads(warehouse) if load.table == table.name)]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The checks of all loaded tables."""
    checks = [snapshot_checks(table, location.partitions) for table in TABLES.values()]
    return dg.Definitions(asset_checks=checks)
