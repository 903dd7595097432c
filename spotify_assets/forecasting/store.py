"""Where series are read from and forecasts are written to.

What is read was built by dbt: only values that count, of a bounded number of days, so that a forecast
costs the same after years. What is written replaces a day whole, in one transaction.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.forecasting.methods import FORMULA_VERSION
from spotify_assets.forecasting.outlook import Outlook
from spotify_assets.forecasting.series import Block
from spotify_assets.warehouse.connection import Warehouse

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection as AdbcConnection

HISTORY_DAYS = 400
"""How far back a series is read: half a year of origins, their own past, and the longest horizon."""

Entity = Literal["artist", "song"]

# The narrow table beneath marts.artist_popularity_trend: a row a value, suspect ones left out.
_ARTISTS = """
select
    source, metric, kind, artist_id as entity_id, artist_id, null::text[] as track_ids,
    null::integer as days_since_release, snapshot_date, counting_value as value
from intermediate.int_artist_series
where snapshot_date > $1 and snapshot_date <= $2 and counting_value is not null
"""

_SONGS = """
select
    source, 'popularity' as metric, 'index' as kind, song_id as entity_id, artist_id, track_ids,
    null::integer as days_since_release, snapshot_date, popularity::double precision as value
from marts.track_popularity_trend
where
    snapshot_date > $1 and snapshot_date <= $2
    and popularity is not null and not popularity_is_suspect

union all

select
    source, 'popularity' as metric, 'index' as kind, song_id as entity_id, artist_ids[1] as artist_id,
    track_ids, days_since_release::integer, snapshot_date, popularity::double precision as value
from marts.playlist_trends
where
    snapshot_date > $1 and snapshot_date <= $2
    and song_id is not null and popularity is not null and not popularity_is_suspect
"""

_STATEMENTS: dict[Entity, str] = {"artist": _ARTISTS, "song": _SONGS}
_NEWEST: dict[Entity, str] = {
    "artist": "select max(snapshot_date) from intermediate.int_artist_series",
    "song": "select greatest((select max(snapshot_date) from marts.track_popularity_trend), "
    "(select max(snapshot_date) from marts.playlist_trends))",
}

# Of a song's popularities on one day, the highest speaks, as in int_song_days: it comes last.
_ORDER = " order by source, metric, kind, entity_id, snapshot_date, value"


@dataclass(frozen=True)
class Group:
    """The series of one source and metric.

    Attributes:
        source: Whose.
        metric: Of what.
        entity_ids: Id by row of the block.
        artist_ids: Artist by row of the block, as last seen.
        track_ids: Track ids by row of the block, as last seen.
        block: The series.
    """

    source: str
    metric: str
    entity_ids: Sequence[str]
    artist_ids: Sequence[str | None]
    track_ids: Sequence[Sequence[str] | None]
    block: Block


def newest_day(warehouse: Warehouse, entity: Entity) -> datetime.date | None:
    """The last day of any series; none where nothing was observed yet."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_NEWEST[entity])
        row = cursor.fetchone()
    return row[0] if row else None


def read_series(warehouse: Warehouse, entity: Entity, day: datetime.date) -> Iterator[Group]:
    """Give the series that are known on a day, by source and metric.

    Args:
        warehouse: The database, with the marts built.
        entity: Of artists, or of songs, in top tracks as well as in charts and playlists.
        day: The last day to look at.
    """
    with warehouse.adbc() as connection:
        first = day - datetime.timedelta(days=HISTORY_DAYS)
        rows = _query(connection, _STATEMENTS[entity] + _ORDER, (first, day))
    ends = pc.run_end_encode(
        pc.binary_join_element_wise(rows.column("source"), rows.column("metric"), "\0").combine_chunks()
    )
    start = 0
    for end in ends.run_ends.to_pylist():
        yield _group(rows.slice(start, end - start), day)
        start = end


def _group(rows: pa.Table, day: datetime.date) -> Group:
    encoded = rows.column("entity_id").combine_chunks().dictionary_encode()
    series = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    newest = np.zeros(len(encoded.dictionary), dtype=np.int64)
    newest[series] = np.arange(len(series))  # rows are in the order of days, and the last one stays
    said = rows.select(["artist_id", "track_ids", "days_since_release", "snapshot_date"]).take(newest)
    released = [
        None if age is None else seen - datetime.timedelta(days=age)
        for age, seen in zip(
            said.column("days_since_release").to_pylist(),
            said.column("snapshot_date").to_pylist(),
            strict=True,
        )
    ]
    block = Block.of(
        rows.column("kind")[0].as_py(),
        series,
        rows.column("snapshot_date").to_numpy().astype("datetime64[D]"),
        rows.column("value").to_numpy().astype(np.float64),
        last_day=day,
        released_on=released,
    )
    return Group(
        source=rows.column("source")[0].as_py(),
        metric=rows.column("metric")[0].as_py(),
        entity_ids=encoded.dictionary.to_pylist(),
        artist_ids=said.column("artist_id").to_pylist(),
        track_ids=said.column("track_ids").to_pylist(),
        block=block,
    )


def forecast_rows(
    group: Group, entity: Entity, day: datetime.date, found: Outlook
) -> tuple[pa.Table, pa.Table]:
    """The rows of forecasts and of backtests for one group and horizon."""
    number = found.forecast
    count = len(number)
    key: dict[str, Any] = {
        "entity": pa.array([entity] * count, pa.string()),
        "forecast_on": pa.array([day] * count, pa.date32()),
        "source": pa.array([group.source] * count, pa.string()),
        "metric": pa.array([group.metric] * count, pa.string()),
        "entity_id": pa.array([group.entity_ids[one] for one in number], pa.string()),
        "horizon_days": pa.array([found.horizon] * count, pa.int16()),
        "artist_id": pa.array([group.artist_ids[one] for one in number], pa.string()),
        "track_ids": pa.array([group.track_ids[one] for one in number], pa.list_(pa.string())),
        "method": pa.array(found.method, pa.string()),
        "formula_version": pa.array([FORMULA_VERSION] * count, pa.int32()),
    }
    since = group.block.days_since_last[number, -1]
    forecasts = key | {
        "target_date": pa.array([day + datetime.timedelta(days=found.horizon)] * count, pa.date32()),
        "last_observed_on": pa.array([day - datetime.timedelta(days=int(one)) for one in since], pa.date32()),
        "last_value": pa.array(group.block.last[number, -1]),
        "value": pa.array(found.value),
        "low_80": pa.array(found.low, from_pandas=True),
        "high_80": pa.array(found.high, from_pandas=True),
        "is_shown": pa.array(found.shown, pa.bool_()),
        "reason_not_shown": pa.array([reason or None for reason in found.reason], pa.string()),
    }
    backtests = key | {
        "origins": pa.array(found.origins, pa.int32()),
        "mean_absolute_error": pa.array(found.error, from_pandas=True),
        "naive_mean_absolute_error": pa.array(found.naive_error, from_pandas=True),
        "interval_coverage": pa.array(found.coverage, from_pandas=True),
        "interval_origins": pa.array(found.coverage_origins, pa.int32()),
    }
    return pa.table(forecasts), pa.table(backtests)


def replace_day(
    warehouse: Warehouse,
    entity: Entity,
    day: datetime.date,
    forecasts: Sequence[pa.Table],
    backtests: Sequence[pa.Table],
) -> None:
    """Make these the whole of what was forecast of an entity on a day, of all sources, or change nothing."""
    with warehouse.adbc() as connection:
        _query(
            connection,
            "select 1 from (select pg_advisory_xact_lock(hashtextextended($1, 0))) as locked",
            (f"spotify_assets forecasts {entity} {day}",),
        )
        for table, rows in (("forecasts", forecasts), ("backtests", backtests)):
            with connection.cursor() as cursor:
                cursor.execute(
                    f"delete from forecasts.{table} where entity = $1 and forecast_on = $2",  # noqa: S608
                    (entity, day),
                )
            whole = pa.concat_tables(rows) if rows else None
            if whole is not None and whole.num_rows:
                with connection.cursor() as cursor:
                    cursor.adbc_ingest(table, whole, mode="append", db_schema_name="forecasts")
        connection.commit()


def _query(connection: AdbcConnection, statement: str, values: tuple[Any, ...]) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetch_arrow_table()
