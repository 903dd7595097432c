"""Keys of what is observed and loaded."""

from __future__ import annotations

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table

LANDING, SNAPSHOTS = "landing", "snapshots"


def raw_key(table: Table) -> dg.AssetKey:
    """Key of the raw asset that feeds a table."""
    return dg.AssetKey([LANDING, f"raw_{table.entity}"])


def snapshot_key(table: Table) -> dg.AssetKey:
    """Key of a loaded table's asset."""
    return dg.AssetKey([SNAPSHOTS, table.name])


def loaded_keys() -> list[dg.AssetKey]:
    """Keys of all that is observed and loaded: what lands, then what is loaded of it."""
    tables = TABLES.values()
    return [*(raw_key(table) for table in tables if table.observed), *map(snapshot_key, tables)]
