"""Replacing a partition: all or nothing, once per key, the same content for the same rows."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from spotify_assets.warehouse import ledger
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import DatabaseUnavailable, PartitionBusy, RowsRejected, WarehouseError
from spotify_assets.warehouse.ledger import LoadSummary, QuarantinedRow
from spotify_assets.warehouse.loading.content import conform, content_hash
from spotify_assets.warehouse.loading.replace import read_partition, replace_partition
from spotify_assets.warehouse.loading.tables import ensure_month, table_spec
from spotify_assets_tests.support.warehouse import DAY, artists, line, load, quarantined_rows, start


def standing(warehouse: Warehouse, day: date = DAY) -> list[tuple[str, str, int]]:
    found = read_partition(warehouse, "artist_snapshots", day).to_pylist()
    return [(row["source"], row["artist_id"], row["popularity"]) for row in found]


def execute(warehouse: Warehouse, statement: str) -> list[tuple[object, ...]]:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
        connection.commit()
    return found


def test_a_partition_is_replaced_whole_and_others_stay(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a", "b"], source="other"), source="other")
    load(warehouse, artists(["x"], day=DAY - timedelta(days=1)), day=DAY - timedelta(days=1))
    load(warehouse, artists(["a", "b", "c"], popularity=1))
    entry = load(warehouse, artists(["c", "d"], popularity=2), run_id="second")
    assert standing(warehouse) == [("other", "a", 50), ("other", "b", 50), ("test", "c", 2), ("test", "d", 2)]
    assert standing(warehouse, DAY - timedelta(days=1)) == [("test", "x", 50)]
    assert (entry.loaded, entry.received, entry.run_id) == (2, 2, "second")
    assert ledger.current_load(warehouse, "artist_snapshots", "test", DAY) == entry
    assert len(execute(warehouse, "select 1 from ops.partition_loads where source = 'test'")) == 3


def test_an_empty_day_is_a_day_without_rows(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    entry = load(warehouse, artists([]))
    assert entry.loaded == 0
    assert standing(warehouse) == []


def test_rows_come_back_as_the_table_types_them(warehouse: Warehouse) -> None:
    load(warehouse, artists(["b", "a"]))
    found = read_partition(warehouse, "artist_snapshots", DAY, "test")
    assert found.schema.field("popularity").type == pa.int16()
    assert found.schema.field("genres").type == pa.list_(pa.string())
    assert found.schema.field("observed_at").type == pa.timestamp("us", tz="UTC")
    assert found.column("artist_id").to_pylist() == ["a", "b"]
    assert found.column("plays").null_count == 2
    statement = "select pg_typeof(genres)::text, genres[2] from snapshots.artist_snapshots limit 1"
    types = execute(warehouse, statement)
    assert types == [("text[]", "rock")]


def test_the_same_content_is_not_rewritten_but_is_booked(warehouse: Warehouse) -> None:
    first = load(warehouse, artists(["a", "b"]))
    where = "select ctid::text, xmin::text from snapshots.artist_snapshots order by artist_id"
    before = execute(warehouse, where)
    second = load(warehouse, artists(["b", "a"]), run_id="again")
    third = load(warehouse, artists(["a", "b"]), run_id="and again")
    assert execute(warehouse, where) == before
    assert first.content_hash == second.content_hash == third.content_hash
    assert first.load_id < second.load_id < third.load_id
    assert ledger.current_load(warehouse, "artist_snapshots", "test", DAY) == third


@pytest.mark.parametrize(
    "change",
    [
        "update snapshots.artist_snapshots set popularity = 99 where artist_id = 'a'",
        "delete from snapshots.artist_snapshots where artist_id = 'a'",
        "update snapshots.artist_snapshots set popularity = 99",
        "update snapshots.artist_snapshots set artist_id = 'z' where artist_id = 'a'",
        "delete from snapshots.artist_snapshots",
        "insert into snapshots.artist_snapshots "
        "(snapshot_date, source, artist_id, requested_id, observed_at) "
        "values ('2026-11-20', 'test', 'q', 'q', now())",
    ],
)
def test_a_change_by_hand_is_healed_by_loading_the_same_again(warehouse: Warehouse, change: str) -> None:
    load(warehouse, artists(["a", "b"]))
    load(warehouse, artists(["a", "b"]))
    execute(warehouse, change)
    load(warehouse, artists(["a", "b"]))
    assert standing(warehouse) == [("test", "a", 50), ("test", "b", 50)]


def test_an_older_content_is_restored(warehouse: Warehouse) -> None:
    for popularity in (1, 2, 1):
        load(warehouse, artists(["a"], popularity=popularity))
        assert standing(warehouse) == [("test", "a", popularity)]


def test_quarantine_is_replaced_with_its_partition(warehouse: Warehouse) -> None:
    bad = [QuarantinedRow({"id": "x", "n": [1, None]}, ("no name", "bad id")), QuarantinedRow("text", ())]
    entry = load(warehouse, artists(["a"]), quarantined=bad)
    assert (entry.received, entry.loaded, entry.quarantined) == (3, 1, 2)
    assert not entry.complete
    assert quarantined_rows(warehouse, "artist_snapshots", "test", DAY) == bad
    load(warehouse, artists(["a"]), quarantined=bad[:1])
    assert quarantined_rows(warehouse, "artist_snapshots", "test", DAY) == bad[:1]
    load(warehouse, artists(["a"]))
    assert quarantined_rows(warehouse, "artist_snapshots", "test", DAY) == []


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("a\x00b", "a\\u0000b"),
        ({"half \ud800": "\udfff"}, {"half \\ud800": "\\udfff"}),
        ({"n": float("nan"), "i": float("-inf")}, {"n": "nan", "i": "-inf"}),
        ({"when": datetime(2026, 1, 2, tzinfo=UTC)}, {"when": "2026-01-02T00:00:00+00:00"}),
        (b"\x00\xff", "base64:AP8="),
        ({"n": 10**5000}, {"n": hex(10**5000)}),
        ("\U0001f600 ä", "\U0001f600 ä"),
        ({1: (2, 3)}, {"1": [2, 3]}),
    ],
    ids=["nul", "surrogates", "nan", "time", "bytes", "huge integer", "emoji", "keys and tuples"],
)
def test_quarantine_stores_what_postgresql_refuses(warehouse: Warehouse, raw: object, stored: object) -> None:
    load(warehouse, artists([]), quarantined=[QuarantinedRow(raw, ("reason \x00\ud800",))])
    (found,) = quarantined_rows(warehouse, "artist_snapshots", "test", DAY)
    assert found == QuarantinedRow(stored, ("reason \\u0000\\ud800",))


def test_quarantine_stores_the_deep_and_the_large(warehouse: Warehouse) -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    rows = [QuarantinedRow(deep, ("deep",)), QuarantinedRow({"name": "x" * 10_000_000}, ("long",))] + [
        QuarantinedRow({"name": "y" * 9_000_000, "n": n}, ("long",)) for n in range(3)
    ]
    load(warehouse, artists([]), quarantined=rows)
    found = quarantined_rows(warehouse, "artist_snapshots", "test", DAY)
    assert [row.reasons for row in found] == [("deep",), ("long",), ("long",), ("long",), ("long",)]
    assert found[1] == rows[1]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
ROW = st.fixed_dictionaries(
    {
        "requested_id": TEXT,
        "name": st.none() | TEXT,
        "popularity": st.none() | st.integers(-(2**15), 2**15 - 1),
        "followers": st.none() | st.integers(-(2**63), 2**63 - 1),
        "genres": st.none() | st.lists(st.none() | TEXT, max_size=3),
        "observed_at": TIMES,
    }
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=st.dictionaries(TEXT, ROW, max_size=8), seed=st.integers())
def test_whatever_is_loaded_is_read_back(
    warehouse: Warehouse, found: dict[str, dict[str, object]], seed: int
) -> None:
    same = {"snapshot_date": DAY, "source": "test"}
    rows = [{"artist_id": name} | same | values for name, values in found.items()]
    with warehouse.connect() as connection:
        spec = table_spec(connection, "artist_snapshots")
    table = pa.Table.from_pylist(rows, schema=spec.schema)
    entry = load(warehouse, table)
    back = read_partition(warehouse, "artist_snapshots", DAY)
    assert back.to_pylist() == conform(table, spec, source="test", day=DAY).to_pylist()
    assert content_hash(back) == entry.content_hash
    random.Random(seed).shuffle(rows)
    halves = [pa.Table.from_pylist(part, schema=spec.schema) for part in (rows[:3], rows[3:])]
    shuffled = conform(pa.concat_tables(halves), spec, source="test", day=DAY)
    assert content_hash(shuffled) == entry.content_hash


@pytest.mark.parametrize(
    ("column", "values"),
    [("name", ["x", "b"]), ("name", [None, "b"]), ("name", ["", "b"]), ("popularity", [0, None])],
)
def test_the_hash_tells_every_difference(warehouse: Warehouse, column: str, values: list[object]) -> None:
    with warehouse.connect() as connection:
        spec = table_spec(connection, "artist_snapshots")
    rows = conform(artists(["a", "b"]), spec, source="test", day=DAY)
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(column)
    other = rows.set_column(place, field, pa.array(values, field.type))
    assert content_hash(rows) != content_hash(other)
    genres = rows.schema.get_field_index("genres")
    split = [
        rows.set_column(genres, rows.schema.field("genres"), pa.array(lists, pa.list_(pa.string())))
        for lists in ([["x", "y"], []], [["x"], ["y"]], [["xy"], []], [None, ["x", "y"]], [[], ["x", "y"]])
    ]
    assert len({content_hash(table) for table in split}) == len(split)


def test_rows_of_another_day_or_source_or_shape_are_refused(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    wrong_column = artists(["a"]).append_column("mood", pa.array(["x"]))
    with pytest.raises(RowsRejected, match="snapshot_date 2026-11-19"):
        load(warehouse, artists(["b"], day=DAY - timedelta(days=1)))
    with pytest.raises(RowsRejected, match="source other"):
        load(warehouse, artists(["b"], source="other"))
    with pytest.raises(RowsRejected, match="no column mood"):
        load(warehouse, wrong_column)
    with pytest.raises(RowsRejected, match=r"popularity cannot hold .* int16"):
        load(warehouse, artists(["b"], popularity=40_000))
    with pytest.raises(RowsRejected, match="observed_at must not be null"):
        load(warehouse, artists(["b"]).drop_columns(["observed_at"]))
    with pytest.raises(RowsRejected, match="same key"):
        load(warehouse, artists(["b", "b"]))
    with pytest.raises(RowsRejected, match="0x00"):
        load(warehouse, artists(["b\x00"]))
    with pytest.raises(
        WarehouseError, match="'nonsense'; there are: album_tracks, artist_snapshots, audio_features"
    ):
        read_partition(warehouse, "nonsense", DAY)
    assert standing(warehouse) == [("test", "a", 50)]
    assert len(execute(warehouse, "select 1 from ops.partition_loads")) == 1


@pytest.mark.parametrize(("received", "quarantined"), [(1, 1), (3, 0), (2, 1)])
def test_books_that_do_not_add_up_are_refused(warehouse: Warehouse, received: int, quarantined: int) -> None:
    with pytest.raises(ValueError, match="do not add up"):
        replace_partition(
            warehouse, table="artist_snapshots", source="test", day=DAY, rows=artists(["a", "b"]),
            quarantined=[], load=LoadSummary(2, received, {}, quarantined),
        )  # fmt: skip


def test_a_failure_at_the_end_leaves_everything_as_it_was(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]), quarantined=[QuarantinedRow(1, ("x",))])
    execute(warehouse, "alter table ops.partition_loads add constraint never check (run_id <> 'broken')")
    with pytest.raises(RowsRejected, match="Nothing was changed"):
        load(warehouse, artists(["b", "c"]), run_id="broken")
    assert standing(warehouse) == [("test", "a", 50)]
    assert len(quarantined_rows(warehouse, "artist_snapshots", "test", DAY)) == 1


def _lock_partition(warehouse: Warehouse, held: threading.Event, release: threading.Event) -> None:
    key = '["spotify_assets partition", "artist_snapshots", "test", "2026-11-20"]'
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
        held.set()
        release.wait(30)


def test_a_busy_partition_is_waited_for_and_then_named(warehouse: Warehouse) -> None:
    held, release = threading.Event(), threading.Event()
    other = threading.Thread(target=_lock_partition, args=(warehouse, held, release))
    other.start()
    assert held.wait(10)
    try:
        with pytest.raises(PartitionBusy, match="artist_snapshots of test on 2026-11-20"):
            load(warehouse, artists(["a"]), lock_seconds=0.3)
        load(warehouse, artists(["a"], source="other"), source="other", lock_seconds=0.3)
        threading.Timer(0.5, release.set).start()
        load(warehouse, artists(["a"]), lock_seconds=20)
    finally:
        release.set()
        other.join()
    assert standing(warehouse) == [("other", "a", 50), ("test", "a", 50)]


def _load_often(url: str, popularity: int) -> None:
    warehouse = Warehouse(SecretStr(url))
    for _ in range(5):
        load(warehouse, artists([f"{n:04}" for n in range(500)], popularity=popularity))


def test_two_processes_on_one_partition_take_turns(warehouse: Warehouse) -> None:
    context = multiprocessing.get_context("spawn")
    url = warehouse.url.get_secret_value()
    processes = [context.Process(target=_load_often, args=(url, popularity)) for popularity in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    found = standing(warehouse)
    assert len(found) == 500
    assert len({popularity for *_, popularity in found}) == 1
    entry = ledger.current_load(warehouse, "artist_snapshots", "test", DAY)
    assert entry is not None
    assert entry.content_hash == content_hash(read_partition(warehouse, "artist_snapshots", DAY))
    assert len(execute(warehouse, "select 1 from ops.partition_loads")) == 10


def _months(url: str) -> None:
    warehouse = Warehouse(SecretStr(url))
    with warehouse.connect() as connection:
        for month in range(1, 13):
            leaf = ensure_month(connection, "top_tracks", date(2025, month, 28))
            assert leaf == f"top_tracks_2025_{month:02}"


def test_four_processes_create_the_same_months(warehouse: Warehouse) -> None:
    context = multiprocessing.get_context("spawn")
    url = warehouse.url.get_secret_value()
    processes = [context.Process(target=_months, args=(url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    attached = "select count(*) from pg_inherits where inhparent = 'snapshots.top_tracks'::regclass"
    assert execute(warehouse, attached) == [(12,)]


def test_a_month_is_created_while_readers_and_other_loads_are_open(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    with warehouse.connect() as reader, reader.cursor() as cursor:
        cursor.execute("select count(*) from snapshots.artist_snapshots")
        next_month = date(2026, 12, 31)
        load(warehouse, artists(["a"], day=next_month), day=next_month, lock_seconds=1)
    assert standing(warehouse, date(2026, 12, 31)) == [("test", "a", 50)]


SLOW_LOADER = """
import os, sys
from pydantic import SecretStr
from spotify_assets.warehouse.loading import replace
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import WarehouseError
from spotify_assets_tests.support.warehouse import artists, load
real = replace._write_ledger
def paused(*arguments):
    print("rows written", flush=True)
    sys.stdin.readline()
    return real(*arguments)
replace._write_ledger = paused
try:
    rows = artists([f"{n:05}" for n in range(20000)], popularity=9)
    load(Warehouse(SecretStr(os.environ["WAREHOUSE"])), rows)
    print("loaded", flush=True)
except WarehouseError as error:
    print(type(error).__name__, str(error).replace("\\n", " "), flush=True)
"""


def test_a_loader_killed_before_its_commit_changes_nothing(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    loader = start(SLOW_LOADER, WAREHOUSE=warehouse.url.get_secret_value())
    assert line(loader) == "rows written"
    loader.kill()
    loader.communicate()
    assert standing(warehouse) == [("test", "a", 50)]
    load(warehouse, artists(["b"]), lock_seconds=10)  # the dead loader's lock is gone, too
    assert standing(warehouse) == [("test", "b", 50)]


def test_a_connection_lost_in_a_load_changes_nothing_and_says_so(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    loader = start(SLOW_LOADER, WAREHOUSE=warehouse.url.get_secret_value())
    assert line(loader) == "rows written"
    gone = "select count(pg_terminate_backend(pid)) from pg_stat_activity "
    execute(warehouse, gone + "where datname = current_database() and pid <> pg_backend_pid()")
    out, _ = loader.communicate("\n", timeout=60)
    assert out.startswith(DatabaseUnavailable.__name__)
    assert "as it was; run again" in out
    assert standing(warehouse) == [("test", "a", 50)]


def test_loads_meet_a_bounded_wait_for_a_locked_table(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    with warehouse.connect() as holder, holder.cursor() as cursor:
        cursor.execute("lock table snapshots.artist_snapshots_2026_11 in access exclusive mode")
        started = time.monotonic()
        with pytest.raises(PartitionBusy, match="another session holds a lock on a table"):
            load(warehouse, artists(["b"]), lock_seconds=0.3)
        assert time.monotonic() - started < 10


def test_a_value_that_the_database_refuses_is_traced_to_its_row(warehouse: Warehouse) -> None:
    load(warehouse, artists(["a"]))
    rows = artists([f"a{number}" for number in range(40)])
    genres = [["pop"]] * 40
    genres[7] = genres[31] = ["nul\x00genre"]
    rows = rows.set_column(
        rows.schema.get_field_index("genres"), "genres", pa.array(genres, pa.list_(pa.string()))
    )
    with pytest.raises(RowsRejected, match="refused 2 of 40 rows") as problem:
        load(warehouse, rows)
    assert [row["artist_id"] for row, _ in problem.value.refused] == ["a31", "a7"]
    assert all("0x00" in reason for _, reason in problem.value.refused)
    assert standing(warehouse) == [("test", "a", 50)]
