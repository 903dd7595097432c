"""Real input, history: an archive of observations is imported and charted from its first day on."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spotify_assets_tests.support.command import Installation, contents, query, records
from spotify_assets_tests.support.oracles import artists as reference
from spotify_assets_tests.support.shared import shared_file

pytestmark = [pytest.mark.slow, pytest.mark.shared]

SOURCE = "arthistory"


@pytest.fixture
def archive() -> Path:
    return shared_file("real/artist_snapshots_2_artists.csv")


def last_of_each_day(archive: Path) -> list[dict[str, Any]]:
    """What the file says, by the rule that the last observation of a UTC day counts."""
    with archive.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    days: dict[tuple[date, str], tuple[datetime, dict[str, str]]] = {}
    for row in rows:
        moment = datetime.fromisoformat(row["ts_utc"])
        key = (moment.date(), row["artist_id"])
        if key not in days or moment >= days[key][0]:
            days[key] = (moment, row)
    return [
        {
            "source": SOURCE,
            "artist_id": artist_id,
            "snapshot_date": day,
            "name": row["name"],
            "popularity": int(row["popularity"]),
            "followers": int(row["followers"]),
            "observed_at": moment,
        }
        for (day, artist_id), (moment, row) in days.items()
    ]


def test_an_archive_is_charted_and_imported_once(
    installation: Installation, database: str, archive: Path
) -> None:
    done = installation.run("import", "artist-snapshots", str(archive), "--source", SOURCE).succeeded()
    assert "868 of 868 rows" in done.out

    seen = last_of_each_day(archive)
    columns = ("source", "artist_id", "snapshot_date", "name", "popularity", "followers", "observed_at")
    loaded = records(database, f"select {', '.join(columns)} from snapshots.artist_snapshots")
    by_key = {(row["snapshot_date"], row["artist_id"]): row for row in loaded}
    assert len(by_key) == len(loaded)
    assert by_key == {(row["snapshot_date"], row["artist_id"]): row for row in seen}

    expected = reference.artist_popularity_trend(pd.DataFrame(seen).astype(object))
    actual = records(database, "select * from marts.artist_popularity_trend")
    assert len(actual) > 2 * len(seen)
    key = ("source", "artist_id", "metric", "snapshot_date")
    assert reference.differences(actual, expected, key) == []

    counted: dict[date, int] = defaultdict(int)
    with archive.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counted[date.fromisoformat(row["date_utc"])] += 1
    books = query(
        database,
        "select partition_date, rows_received + rows_superseded, rows_requested - rows_received, "
        "rows_missing, rows_quarantined from ops.partition_loads order by partition_date",
    )
    assert [(row[0], row[1]) for row in books] == sorted(counted.items())
    assert {row[2:] for row in books} == {(0, 0, 0)}
    assert sum(row[1] for row in books) == 868

    observed = {row["snapshot_date"].isoformat() for row in seen}
    assert materialized(database, "snapshots", "artist_snapshots") == observed

    standing = contents(database)
    again = installation.run("import", "artist-snapshots", str(archive), "--source", SOURCE).succeeded()
    assert "0 days are new to the lake" in again.out
    assert contents(database) == standing
    assert materialized(database, "snapshots", "artist_snapshots") == observed


def materialized(database: str, *key: str) -> set[str]:
    """Partitions of an asset that Dagster shows as materialized."""
    found = query(
        database,
        "select distinct partition from dagster.event_logs "
        "where dagster_event_type = 'ASSET_MATERIALIZATION' and asset_key = %s",
        ("[" + ", ".join(f'"{part}"' for part in key) + "]",),
    )
    return {partition for (partition,) in found}
