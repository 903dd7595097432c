"""`read_only_query`: one statement, read-only, bounded, with errors that help."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest

from spotify_assets.artists import watchlist
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import QueryRefused
from spotify_assets.warehouse.query import read_only_query
from spotify_assets_tests.support.warehouse import artists, load, tracked


def test_rows_columns_and_truncation(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a", "b", "c"]))
    found = read_only_query(warehouse, "select artist_id, genres from artist_snapshots order by 1;  ", 2)
    assert found.columns == ["artist_id", "genres"]
    assert found.rows == [("a", ["pop", "rock"]), ("b", ["pop", "rock"])]
    assert found.truncated
    whole = read_only_query(warehouse, "select count(*) from artist_snapshots -- how many", 2)
    assert (whole.rows, whole.truncated) == ([(3,)], False)
    none = read_only_query(warehouse, "select artist_id from artist_snapshots where false", 5)
    assert (none.columns, none.rows) == (["artist_id"], [])


def test_values_are_python_values(warehouse: Warehouse) -> None:
    found = read_only_query(
        warehouse,
        "select 1.50::numeric, null::numeric, 'x', true, array[1, 2], 'a'::name, interval '90 minutes'",
        1,
    )
    first, nothing, *rest, interval = found.rows[0]
    assert (first, nothing, rest) == (Decimal("1.50"), None, ["x", True, [1, 2], "a"])
    assert str(interval) == "1:30:00"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("date", "infinity", "infinity"),
        ("date", "-infinity", "-infinity"),
        ("date", "0044-03-15 BC", "0044-03-15 BC"),
        ("date", "99999-01-31", "99999-01-31"),
        ("timestamp", "infinity", "infinity"),
        ("timestamptz", "-infinity", "-infinity"),
        ("timestamp", "290000-01-01 01:02:03", "290000-01-01 01:02:03"),
        ("timestamp", "0044-03-15 BC", "0044-03-15 00:00:00 BC"),
    ],
)
def test_dates_beyond_pythons_own_are_shown_as_text(
    warehouse: Warehouse, kind: str, value: str, shown: str
) -> None:
    found = read_only_query(
        warehouse,
        f"select day, array[day] from unnest(array['{value}', null, '2026-11-03']::{kind}[]) as t (day)",
        5,
    )
    days = [row[0] for row in found.rows]
    assert (days[0], days[1], str(days[2])[:10]) == (shown, None, "2026-11-03")
    assert found.rows[0][1] == [shown]


def test_the_end_of_a_day_is_not_its_beginning(warehouse: Warehouse) -> None:
    found = read_only_query(
        warehouse, "select t, array[t] from unnest(array['24:00', null, '00:00']::time[]) as x (t)", 5
    )
    assert [row[0] for row in found.rows] == ["24:00:00", None, time()]
    assert found.rows[0][1] == ["24:00:00"]


@pytest.mark.parametrize(
    "value",
    ["'12.50'::money", "array['12.50'::money]", "'10:00+02'::timetz", "'10.0.0.1'::inet", "int4range(1, 5)",
     "'pg_class'::regclass", "B'101'", "point(1, 2)", "to_tsvector('a b')", "'0/1'::pg_lsn"],
)  # fmt: skip
def test_what_cannot_be_shown_is_never_shown_as_something_else(warehouse: Warehouse, value: str) -> None:
    with pytest.raises(QueryRefused, match=r"a type that cannot be shown, .*: cast it to text"):
        read_only_query(warehouse, f"select {value} as value", 10)
    assert read_only_query(warehouse, f"select ({value})::text as value", 10).rows[0][0]


def test_text_of_a_type_that_the_driver_does_not_know_is_shown(warehouse: Warehouse) -> None:
    found = read_only_query(warehouse, "select 'ä\n'::cstring, null::inet", 10)
    assert found.rows == [("ä\n", None)]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ops.watchlist",
        "insert into ops.watchlist (source, artist_id, added_by) values ('x', 'y', 'z') returning 1",
        "with gone as (delete from ops.watchlist returning 1) select * from gone",
        "set statement_timeout = 0",
        "do $$ begin delete from ops.watchlist; end $$",
        "copy ops.watchlist to stdout",
        "commit",
        "truncate ops.watchlist",
        "drop table ops.watchlist",
        "select set_config('transaction_read_only', 'off', true)",
        "select nextval('ops.partition_loads_load_id_seq')",
        "select * into copied from ops.watchlist",
        "select * from ops.watchlist for update",
    ],
)
def test_only_reading_is_allowed(warehouse: Warehouse, statement: str) -> None:
    watchlist.add(warehouse, "test", "a")
    with pytest.raises(QueryRefused):
        read_only_query(warehouse, statement, 5)
    assert len(tracked(warehouse, "test")) == 1


@pytest.mark.parametrize("second", ["select 2", "commit; drop table ops.watchlist", "rollback"])
def test_only_one_statement_is_allowed(warehouse: Warehouse, second: str) -> None:
    with pytest.raises(QueryRefused, match="Only one statement"):
        read_only_query(warehouse, f"select 1; {second}", 5)


def test_errors_show_the_place(warehouse: Warehouse) -> None:
    with pytest.raises(QueryRefused) as caught:
        read_only_query(warehouse, "select artist_id,\n  popularty from snapshots.artist_snapshots", 5)
    assert str(caught.value).split("\n")[:3] == [
        'column "popularty" does not exist',
        "line 2:   popularty from snapshots.artist_snapshots",
        "          ^",
    ]
    assert 'Hint: Perhaps you meant to reference the column "artist_snapshots.pop' in str(caught.value)


def test_an_unknown_table_lists_those_that_exist(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create view marts.rising as select 1 as n")
        connection.commit()
    with pytest.raises(
        QueryRefused,
        match=r"There are: marts\.rising, forecasts\.backtests, forecasts\.forecasts, "
        r"forecasts\.shown_forecasts, snapshots\.album_tracks, snapshots\.artist_snapshots",
    ):
        read_only_query(warehouse, "select * from nonsense", 5)
    with pytest.raises(QueryRefused, match=r"Did you mean marts\.rising\?$"):
        read_only_query(warehouse, "select * from risng", 5)
    assert read_only_query(warehouse, "select n from rising", 5).rows == [(1,)]


def test_a_query_that_takes_too_long_is_cancelled(warehouse: Warehouse) -> None:
    with pytest.raises(QueryRefused, match="took too long"):
        read_only_query(warehouse, "select pg_sleep(20)", 1, seconds=0.2)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        " ; ",
        "select 1\x00",
        "select row(1, 'x')",
        "select",
        "select pg_terminate_backend(pg_backend_pid())",
    ],
)
def test_odd_input_is_answered(warehouse: Warehouse, statement: str) -> None:
    with pytest.raises(QueryRefused):
        read_only_query(warehouse, statement, 5)
