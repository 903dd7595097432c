"""Rows for the warehouse's tests, and processes that use the package as a user's would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pyarrow as pa

from spotify_assets.artists.watchlist import WatchedArtist, tracked_anywhere
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.ledger import LedgerEntry, LoadSummary, QuarantinedRow
from spotify_assets.warehouse.loading.replace import replace_partition

DAY = date(2026, 11, 20)
SEEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def artists(ids: Sequence[str], *, popularity: int = 50, day: date = DAY, source: str = "test") -> pa.Table:
    """Make one row for each id."""
    count = len(ids)
    return pa.table(
        {
            "snapshot_date": pa.array([day] * count, pa.date32()),
            "source": pa.array([source] * count, pa.string()),
            "artist_id": pa.array(ids, pa.string()),
            "requested_id": pa.array(ids, pa.string()),
            "name": pa.array([f"Artist {name}" for name in ids], pa.string()),
            "popularity": pa.array([popularity] * count, pa.int64()),
            "genres": pa.array([["pop", "rock"]] * count, pa.list_(pa.string())),
            "observed_at": pa.array([SEEN] * count, pa.timestamp("us", tz="UTC")),
        }
    )


def load(
    warehouse: Warehouse,
    rows: pa.Table,
    *,
    quarantined: Sequence[QuarantinedRow] = (),
    day: date = DAY,
    source: str = "test",
    run_id: str = "run",
    lock_seconds: float | None = None,
) -> LedgerEntry:
    """Load rows of artists with books that add up."""
    received = rows.num_rows + len(quarantined)
    summary = LoadSummary(received, received, {}, len(quarantined), 0, run_id)
    return replace_partition(
        warehouse,
        table="artist_snapshots",
        source=source,
        day=day,
        rows=rows,
        quarantined=quarantined,
        load=summary,
        lock_seconds=lock_seconds,
    )


def quarantined_rows(warehouse: Warehouse, table: str, source: str, day: date) -> list[QuarantinedRow]:
    """Return what stands in quarantine for one (table, source, day)."""
    statement = """
        select raw, reasons from ops.quarantine
        where table_name = %(table)s and source = %(source)s and partition_date = %(day)s
        order by ctid
    """
    found = fetch_all(warehouse, statement, {"table": table, "source": source, "day": day})
    return [QuarantinedRow(raw, tuple(reasons)) for raw, reasons in found]


def tracked(warehouse: Warehouse, source: str) -> list[WatchedArtist]:
    """Who is watched now under ids of one namespace."""
    everybody = tracked_anywhere(warehouse, simulated=source.startswith("simulated"))
    return [artist for artist in everybody if artist.source == source]


def start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start Python code in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def line(process: subprocess.Popen[str]) -> str:
    """Wait for the process's next line."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
