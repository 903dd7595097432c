"""The contract check: what stands in a table must fit its Pandera model. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.unnamed import show_rows

if TYPE_CHECKING:
    from spotify_assets.warehouse.connection import Warehouse

NAME = "contract"
DAYS_AT_ONCE = 30
"""Partitions that are checked together: fewer passes, and still little memory."""


def contract_spec(table: Table, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one table; nothing downstream runs while it fails."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        blocking=True,
        description=f"Every row of {table.name} that this run loaded has the columns, types, keys and ranges "
        "of its Pandera model, read back from the database.",
    )


def check_contract(
    table: Table, key: dg.AssetKey, days: Sequence[date], warehouse: Warehouse
) -> dg.AssetCheckResult:
    """Read the loaded partitions back and apply every rule at once."""
    import pyarrow

    from spotify_assets.contracts.validation import violations
    from spotify_assets.warehouse.loading.replace import read_partition

    rows, broken = 0, []
    for first in range(0, len(days), DAYS_AT_ONCE):
        some = days[first : first + DAYS_AT_ONCE]
        partitions = pyarrow.concat_tables([read_partition(warehouse, table.name, day) for day in some])
        rows += partitions.num_rows
        broken += [
            dg.TableRecord({"day": item.day.isoformat(), "rule": item.rule, "rows": item.rows})
            for item in violations(table.name, partitions)
        ]
    metadata: dict[str, dg.MetadataValue] = {"rows_checked": dg.MetadataValue.int(rows)}
    if broken:
        metadata["broken_rules"] = dg.MetadataValue.table(broken[:100])
        metadata["show_rows"] = show_rows(table.name, date.fromisoformat(str(broken[-1].data["day"])))
    return dg.AssetCheckResult(
        passed=not broken,
        asset_key=key,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=metadata,
        description=None if not broken else f"{len(broken)} rules are broken; see broken_rules",
    )


def evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """The result as an event of its own, for a load that is no Dagster run."""
    assert result.asset_key is not None  # noqa: S101 - set above
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=NAME,
        passed=result.passed,
        severity=result.severity,
        metadata=result.metadata,
        description=result.description,
        blocking=True,
    )
