"""What a person sees of a built model: its rows, the first day rebuilt, and a preview without names."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.defs.plots import lines

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

    from spotify_assets.warehouse.connection import Warehouse

PREVIEW_ROWS, PREVIEW_COLUMNS = 10, 12
RISERS = """
    select array_agg(s.value order by s.snapshot_date)
    from (
        select source, artist_id, popularity_change_28_days as rise from marts.artist_leaderboard
        where popularity_change_28_days > 0
        order by popularity_change_28_days desc, source, artist_id limit 10
    ) as risers
    inner join marts.artist_popularity_trend as s using (source, artist_id)
    where s.metric = 'popularity' and s.value is not null and s.snapshot_date > (
        select max(n.snapshot_date) - 28 from marts.artist_popularity_trend as n where n.source = s.source
    )
    group by source, artist_id, rise
    order by rise desc
"""
_COLUMNS = """
    select attname, attname = 'snapshot_date' as is_day from pg_attribute
    where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped and (
        atttypid = any('{date,int2,int4,int8,float4,float8,numeric,bool}'::regtype[])
        or attname in ('source', 'metric', 'table_name', 'feature', 'iso_week')
    )
    order by attnum limit %s
"""
"""Columns that name nobody: what Dagster keeps of them cannot be taken back by a purge."""


def contents(warehouse: Warehouse, layer: str, name: str) -> dict[str, Any]:
    """Metadata of a built model: for a mart its row count and a preview, for the leaderboard a picture too.

    Args:
        warehouse: The database.
        layer: The model's schema.
        name: The model.
    """
    with warehouse.connect() as connection, connection.cursor() as cursor:
        metadata: dict[str, Any] = {"first_day_rebuilt": _first_day_rebuilt(cursor, layer, name)}
        if layer == "marts":
            metadata |= _rows(cursor, name)
        if name == "artist_leaderboard":
            cursor.execute(RISERS)
            series = [values for (values,) in cursor.fetchall()]
            if series:
                metadata["risers"] = lines(series, f"Popularity of the {len(series)} fastest risers, 28 days")
    return metadata


def _first_day_rebuilt(cursor: PgCursor, layer: str, name: str) -> str:
    cursor.execute(
        "select first_day from ops.model_builds where schema_name = %s and model_name = %s", (layer, name)
    )
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return "none: nothing that it reads was loaded since the last build"
    return "all days" if row[0] == date(1900, 1, 1) else str(row[0])


def _rows(cursor: PgCursor, name: str) -> dict[str, Any]:
    from psycopg2 import sql

    relation = sql.Identifier("marts", name)
    cursor.execute(sql.SQL("select count(*) from {}").format(relation))
    count = (cursor.fetchone() or (0,))[0]
    cursor.execute(_COLUMNS, (f"marts.{name}", PREVIEW_COLUMNS))
    found = dict(cursor.fetchall())
    order: sql.Composable = sql.SQL("")
    if "source" in found and any(found.values()):  # by the index [source, snapshot_date]
        order = sql.SQL(
            "where source = (select min(source) from {}) order by source, snapshot_date desc"
        ).format(relation)
    cursor.execute(
        sql.SQL("select {} from {} {} limit {}").format(
            sql.SQL(", ").join(map(sql.Identifier, found)), relation, order, sql.Literal(PREVIEW_ROWS)
        )
    )
    records = [
        dg.TableRecord({column: _cell(value) for column, value in zip(found, row, strict=True)})
        for row in cursor.fetchall()
    ]
    metadata: dict[str, Any] = {"dagster/row_count": count}
    if records:
        columns = dg.TableSchema([dg.TableColumn(column) for column in found])
        metadata["preview"] = dg.MetadataValue.table(records, columns)
    return metadata


def _cell(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, (int, float)) else str(value)
