"""Partitions whose raw responses were removed by age: they stand as loaded, and are not loaded anew."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from spotify_assets.ingest.day_errors import PartitionError
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.loading.removed_raw import removed_on


class RawRemoved(PartitionError):
    """What the partition was loaded from is not there any more; the table was left as it was."""


def refuse_removed(warehouse: Warehouse, table: str, day: date, sources: Iterable[str]) -> None:
    """Make sure that a partition can be loaded from the lake.

    Raises:
        RawRemoved: Its raw responses were removed by age.
    """
    removed = removed_on(warehouse, table, day)
    for source in sources:
        if source in removed:
            raise RawRemoved(
                f"{table} of {source} for {day} cannot be loaded anew: its raw responses were removed on "
                f"{removed[source]}, as RAW_KEPT_DAYS says. The table was left as it was, with what was "
                "loaded from them. To load them again, restore a backup made before: spotify-assets restore."
            )
