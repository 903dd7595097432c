"""Adjusting the ledger after rows were removed from a partition, so that both agree again."""

from __future__ import annotations

from datetime import date

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.loading.content import content_hash
from spotify_assets.warehouse.loading.replace import read_partition

_ASKED = {
    "artist_snapshots": "requested_id",
    "top_tracks": "artist_id || '/' || market",
    "new_releases": "album_id",
    "playlist_tracks": "playlist_id",
    "album_tracks": "album_id",
    "track_details": "track_id",
    "audio_features": "track_id",
}
"""What a row stands for in the ledger's count of what was asked for."""


def asked(cursor: PgCursor, table: str, source: str, day: date) -> int:
    """How many of the things asked for stand in the table."""
    cursor.execute(
        sql.SQL("select count(distinct {}) from {} where snapshot_date = %s and source = %s").format(
            sql.SQL(_ASKED.get(table, "1")), sql.Identifier("snapshots", table)
        ),
        (day, source),
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def adjust_ledger(warehouse: Warehouse, table: str, source: str, day: date, run_id: str, fewer: int) -> bool:
    """Write a ledger row for what stands in a partition now.

    Args:
        warehouse: The database.
        table: A table of schema ``snapshots``.
        source: The source.
        day: The UTC day.
        run_id: Who took rows out.
        fewer: How many of the things asked for went.

    Returns:
        Whether there was a load to book against.
    """
    rows = read_partition(warehouse, table, day, source)
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select array_agg(a.attname::text order by a.attnum) from pg_attribute as a "
            "where a.attrelid = 'ops.partition_loads'::regclass and a.attnum > 0 and not a.attisdropped "
            "and a.attname <> 'load_id'"
        )
        row = cursor.fetchone()
        columns = row[0] if row else []
        now = {
            "rows_loaded": sql.SQL("%(loaded)s"),
            "rows_quarantined": sql.SQL("q.n"),
            "rows_received": sql.SQL("%(loaded)s + q.n"),
            "rows_requested": sql.SQL("greatest(l.rows_requested - %(fewer)s, 0)"),
            "content_hash": sql.SQL("%(hash)s"),
            "run_id": sql.SQL("%(run_id)s"),
            "loaded_at": sql.SQL("clock_timestamp()"),
            "lake_parts": sql.NULL,  # rows went that the lake may have lost as well, or may not
        }
        cursor.execute(
            sql.SQL(
                "insert into ops.partition_loads ({columns}) select {values} "
                "from ops.current_partition_loads as l cross join lateral (select count(*)::integer as n "
                "from ops.quarantine as q where q.table_name = l.table_name and q.source = l.source "
                "and q.partition_date = l.partition_date) as q "
                "where l.table_name = %(table)s and l.source = %(source)s and l.partition_date = %(day)s"
            ).format(
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                values=sql.SQL(", ").join(
                    now.get(name, sql.SQL("l.{}").format(sql.Identifier(name))) for name in columns
                ),
            ),
            {
                "table": table,
                "source": source,
                "day": day,
                "loaded": rows.num_rows,
                "hash": content_hash(rows),
                "run_id": run_id,
                "fewer": fewer,
            },
        )
        booked = cursor.rowcount == 1
        connection.commit()
    return booked
