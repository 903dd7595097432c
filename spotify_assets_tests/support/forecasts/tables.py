"""What dbt would have built, as far as forecasts read it, without building it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import psycopg2.extras

from spotify_assets.warehouse.connection import Warehouse

LAST = date(2026, 11, 20)
_TABLES = """
select ops.claim_relations(
    '[["intermediate", "int_artist_series"], ["marts", "track_popularity_trend"],
    ["marts", "playlist_trends"]]'
);
create table intermediate.int_artist_series (
    source text, artist_id text, metric text, snapshot_date date, kind text, counting_value double precision
);
create table marts.track_popularity_trend (
    source text, song_id text, snapshot_date date, artist_id text, track_ids text [], popularity smallint,
    popularity_is_suspect boolean
);
create table marts.playlist_trends (
    source text, playlist_id text, song_id text, snapshot_date date, artist_ids text [], track_ids text [],
    days_since_release integer, popularity smallint, popularity_is_suspect boolean
);
"""


def execute(warehouse: Warehouse, statement: str, values: Any = None) -> list[Any]:
    """Run one statement and give its rows."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall() if cursor.description else []
        connection.commit()
    return rows


def create(warehouse: Warehouse) -> None:
    """Create the tables."""
    execute(warehouse, _TABLES)


def insert(warehouse: Warehouse, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Add rows, in the order of the table's columns."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, f"insert into {table} values %s", rows, page_size=1000)
        connection.commit()


def followers(
    warehouse: Warehouse, artist_id: str, values: Sequence[float], *, source: str = "test", last: date = LAST
) -> None:
    """Followers of an artist on as many days up to the last."""
    first = last - timedelta(days=len(values) - 1)
    insert(
        warehouse,
        "intermediate.int_artist_series",
        [
            (source, artist_id, "followers", first + timedelta(days=place), "level", float(value))
            for place, value in enumerate(values)
        ],
    )


def songs(warehouse: Warehouse, song_id: str, values: Sequence[int], *, track_id: str = "t1") -> None:
    """Popularity of a song in top tracks on as many days up to the last."""
    first = LAST - timedelta(days=len(values) - 1)
    insert(
        warehouse,
        "marts.track_popularity_trend",
        [
            ("test", song_id, first + timedelta(days=place), "artist", [track_id], value, False)
            for place, value in enumerate(values)
        ],
    )
