"""Removing what is too old to be of use: Dagster's events, log files of runs and, if wanted, raw responses.

What is observed and built stays. Of raw responses go only those that are loaded, and only if the user has set
an age for them: the partition then stands as it was loaded, and can no longer be loaded anew.

When it is done stands in `defs`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from spotify_assets.contracts.tables import TABLES
from spotify_assets.lake import files as lake
from spotify_assets.lake.copy import Part, parts
from spotify_assets.lake.landing import Landing
from spotify_assets.operations.dagster_events import prune_events
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import current_load
from spotify_assets.warehouse.loading.removed_raw import record_removal
from spotify_assets.warehouse.locks import loading

_TABLE_OF: dict[str, str] = {table.entity: table.name for table in TABLES.values()}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was too old of one kind of thing.

    Attributes:
        what: The things, in words.
        setting: What says how long they are kept.
        kept_days: How long they are; None for ever.
        removed: How many were removed, or would be.
        left: How many are too old and were left, because they are not loaded.
    """

    what: str
    setting: str
    kept_days: int | None
    removed: int = 0
    left: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "what": self.what, "setting": self.setting, "kept_days": self.kept_days, "removed": self.removed,
            "left": self.left,
        }  # fmt: skip


def prune(
    warehouse: Warehouse, landing: Landing, settings: Settings, now: datetime, *, dry_run: bool = False
) -> list[Pruned]:
    """Remove what the settings say is too old.

    Args:
        warehouse: The database.
        landing: The raw part of the lake.
        settings: How long what is kept.
        now: The time.
        dry_run: Only count.

    Returns:
        What was found, of each kind.
    """
    events, logs, raw = (
        settings.dagster_events_kept_days, settings.compute_logs_kept_days, settings.raw_kept_days
    )  # fmt: skip
    gone = prune_events(warehouse, now - timedelta(days=events), dry_run=dry_run)
    done = [Pruned("events in Dagster's log", "DAGSTER_EVENTS_KEPT_DAYS", events, gone)]
    gone = _prune_logs(settings.spotify_assets_home, now - timedelta(days=logs), dry_run=dry_run)
    done.append(Pruned("logs of runs", "COMPUTE_LOGS_KEPT_DAYS", logs, gone))
    gone, left = 0, 0
    if raw is not None:
        before = now.astimezone(UTC).date() - timedelta(days=raw - 1)  # days that are kept, today's included
        gone, left = _prune_raw(warehouse, landing, before, dry_run=dry_run)
    return [*done, Pruned("files of raw responses", "RAW_KEPT_DAYS", raw, gone, left)]


def _prune_logs(home: Path, before: datetime, *, dry_run: bool) -> int:
    """Remove what runs printed, unless something was written to it since."""
    printed = [*(home / "logs").glob("run-*.log"), *(home / "dagster" / "storage").glob("*/compute_logs")]
    old = [path for path in printed if _written(path) < before.timestamp()]
    for path in old if not dry_run else ():
        if path.is_dir():
            shutil.rmtree(path)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        else:
            path.unlink()
    return len(old)


def _written(path: Path) -> float:
    return max(each.stat().st_mtime for each in (path, *path.rglob("*")))


def _prune_raw(warehouse: Warehouse, landing: Landing, before: date, *, dry_run: bool) -> tuple[int, int]:
    gone = left = 0
    with warehouse.holding() as kept:
        for (source, entity, day), found in _old(landing, before):
            table = _TABLE_OF.get(entity)
            if table is None:
                continue  # identities and the like belong to no table
            with loading(kept, table, source, day):
                load = current_load(kept, table, source, day)
                if load is None or load.loaded_at.timestamp() < max(part.modified for part in found):
                    left += len(found)
                    continue
                gone += len(found)
                if dry_run:
                    continue
                record_removal(kept, table, source, day, len(found))
                for part in found:
                    path = f"{landing.root}/{part.path}"
                    lake.remove(landing, lake.File(path, source, entity, day, whole=True))
    return gone, left


def _old(landing: Landing, before: date) -> Iterator[tuple[tuple[str, str, date], list[Part]]]:
    """Parts by series, entity and day, of the days before one."""
    for (source, entity, day), found in groupby(parts(landing), lambda part: tuple(part.path.split("/")[:3])):
        if (when := date.fromisoformat(day)) < before:
            yield (source, entity, when), list(found)
