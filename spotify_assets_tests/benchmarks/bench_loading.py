"""How fast a partition is loaded, beside PostgreSQL's own COPY, pandas and dlt, in one run.

Run as `python -m spotify_assets_tests.benchmarks.bench_loading [--rows N]`. Every rival writes the same rows
to the same server. Large loads of ours run in a process of their own, whose peak memory is reported.

dlt is measured at the size of a day of 1,000 artists with their top tracks, where the target stands, and at
a size where nothing but throughput counts, for information.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import SecretStr

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import server
from spotify_assets.warehouse.ledger import LoadSummary
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets.warehouse.loading.tables import ensure_month
from spotify_assets.warehouse.migrate import migrate
from spotify_assets_tests.benchmarks.common import Report, timed
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.servers.embedded_server import administrator_url

DAY = date(2026, 11, 20)
TABLE = "artist_snapshots"
TOP_TRACKS = "top_tracks"
LEAVES = {TABLE: "snapshots.artist_snapshots_2026_11", TOP_TRACKS: "snapshots.top_tracks_2026_11"}
LEAF = LEAVES[TABLE]
MERGE_KEYS = {TABLE: ["artist_id"], TOP_TRACKS: ["market", "artist_id", "position"]}


def artists(count: int, seed: int) -> pa.Table:
    """Invent `count` artists; `seed` changes every value but the ids, which come in no order."""
    ids_random, random = np.random.default_rng(0), np.random.default_rng(seed)
    letters = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
    offsets = pa.py_buffer(np.arange(0, 22 * count + 1, 22, dtype=np.int32).tobytes())
    text = pa.py_buffer(letters[ids_random.integers(0, 62, (count, 22))].tobytes())
    ids = pa.Array.from_buffers(pa.string(), count, [None, offsets, text])
    names = pa.array([f"genre number {number}" for number in range(300)])
    bounds = np.concatenate([[0], np.cumsum(random.integers(0, 4, count))]).astype(np.int32)
    drawn = names.take(pa.array(random.integers(0, 300, bounds[-1])))
    genres = pa.ListArray.from_arrays(pa.array(bounds), drawn)
    observed = np.int64(1_795_132_800_000_000) + random.integers(0, 3_600_000_000, count)
    return pa.table(
        {
            "snapshot_date": pa.repeat(pa.scalar(DAY, pa.date32()), count),
            "source": pa.repeat("bench", count),
            "artist_id": ids,
            "requested_id": ids,
            "name": pc.utf8_slice_codeunits(ids, 0, 12),
            "popularity": pa.array(random.integers(0, 101, count).astype(np.int16)),
            "followers": pa.array(random.integers(0, 10**8, count)),
            "genres": genres,
            "image_url": pc.binary_join_element_wise("https://i.scdn.co/image/ab6761610000e5eb", ids, ""),
            "observed_at": pa.array(observed, pa.timestamp("us", tz="UTC")),
        }
    )


def top_tracks(of: pa.Table, seed: int, each: int = 10) -> pa.Table:
    """Invent `each` top tracks for every artist of a table; `seed` changes the values, not the keys."""
    random = np.random.default_rng(seed)
    count = of.num_rows * each
    owners = of.column("artist_id").take(pa.array(np.repeat(np.arange(of.num_rows), each)))
    places = pa.array(np.tile(np.arange(1, each + 1), of.num_rows).astype(np.int16))
    tracks = pc.binary_join_element_wise(pc.utf8_slice_codeunits(owners, 0, 20), places.cast(pa.string()), "")
    released = pa.array(random.integers(14_000, 20_000, count).astype(np.int32)).cast(pa.date32())
    observed = np.int64(1_795_132_800_000_000) + random.integers(0, 3_600_000_000, count)
    return pa.table(
        {
            "snapshot_date": pa.repeat(pa.scalar(DAY, pa.date32()), count),
            "source": pa.repeat("bench", count),
            "market": pa.repeat("US", count),
            "artist_id": owners,
            "position": places,
            "track_id": tracks,
            "isrc": pc.utf8_slice_codeunits(tracks, 8, 20),
            "name": pc.binary_join_element_wise("Song", tracks, " "),
            "primary_artist_id": owners,
            "album_id": tracks,
            "album_name": pc.binary_join_element_wise("Album", tracks, " "),
            "popularity": pa.array(random.integers(0, 101, count).astype(np.int16)),
            "duration_ms": pa.array(random.integers(60_000, 400_000, count).astype(np.int32)),
            "explicit": pa.array(random.integers(0, 2, count).astype(bool)),
            "release_date": released,
            "release_date_precision": pa.repeat("day", count),
            "observed_at": pa.array(observed, pa.timestamp("us", tz="UTC")),
        }
    )


@contextmanager
def database() -> Iterator[Warehouse]:
    """A database of the benchmark's own: on TEST_DATABASE_URL's server, or embedded in a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        given = os.environ.get("TEST_DATABASE_URL")
        admin = given or administrator_url(Path(folder))
        parts = urlsplit(admin)
        url = urlunsplit(("postgresql", parts.netloc, "/spotify_assets_bench", parts.query, ""))
        execute(admin, "drop database if exists spotify_assets_bench", "create database spotify_assets_bench")
        try:
            connection = psycopg2.connect(url)
            migrate(connection)
            connection.close()
            yield Warehouse(SecretStr(url))
        finally:
            execute(admin, "drop database spotify_assets_bench with (force)")
            server.release(Path(folder))
            remove_home(Path(folder))


def execute(url: str, *statements: str) -> None:
    """Run statements one by one, outside a transaction."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def empty(warehouse: Warehouse) -> None:
    """Make the month's partitions new and empty."""
    url = warehouse.url.get_secret_value()
    execute(
        url, "delete from ops.partition_loads", *(f"drop table if exists {leaf}" for leaf in LEAVES.values())
    )
    with warehouse.connect() as connection:
        for table in LEAVES:
            ensure_month(connection, table, DAY)
    execute(url, "checkpoint")


def load(warehouse: Warehouse, rows: pa.Table, table: str = TABLE) -> None:
    """Load rows the project's way."""
    summary = LoadSummary(requested=rows.num_rows, received=rows.num_rows, run_id="bench")
    replace_partition(
        warehouse, table=table, source="bench", day=DAY, rows=rows, quarantined=[], load=summary
    )


def peak_bytes() -> int:
    """Return this process's peak memory (on Linux, `getrusage` would include its parent's at the fork)."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def load_in_process(warehouse: Warehouse, file: Path) -> tuple[float, int]:
    """Load a file's rows in a process of its own; returns the load's seconds and the process's peak bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "spotify_assets_tests.benchmarks.bench_loading", "--load", str(file)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BENCH_URL": warehouse.url.get_secret_value()},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["peak_bytes"]


def copy_seconds(warehouse: Warehouse, prepared: bytes, columns: str) -> float:
    """Time PostgreSQL's binary COPY of prepared bytes into the same, empty, indexed table."""
    empty(warehouse)

    def copy() -> None:
        with warehouse.connect() as connection, connection.cursor() as cursor:
            statement = f"copy snapshots.{TABLE} ({columns}) from stdin (format binary)"
            cursor.copy_expert(statement, io.BytesIO(prepared), 1 << 20)
            connection.commit()

    return timed(copy)


def prepared_bytes(warehouse: Warehouse, rows: pa.Table, columns: str) -> bytes:
    """Have PostgreSQL itself prepare the binary form of the rows, in the order given."""
    empty(warehouse)
    with warehouse.adbc() as writer, writer.cursor() as cursor:
        cursor.adbc_ingest(TABLE, rows, mode="append", db_schema_name="snapshots")
        writer.commit()
    target = io.BytesIO()
    with warehouse.connect() as reader, reader.cursor() as copier:
        select = f"select {columns} from {LEAF} order by ctid"
        copier.copy_expert(f"copy ({select}) to stdout (format binary)", target)
    return target.getvalue()


def to_sql_rate(warehouse: Warehouse, rows: pa.Table) -> float:
    """Return rows a second of `DataFrame.to_sql` into the same table."""
    import sqlalchemy

    empty(warehouse)
    frame = rows.to_pandas()
    frame["genres"] = [list(genres) for genres in frame["genres"]]
    address = warehouse.url.get_secret_value().replace("postgresql://", "postgresql+psycopg2://", 1)
    engine = sqlalchemy.create_engine(address)
    seconds = timed(lambda: frame.to_sql(TABLE, engine, schema="snapshots", if_exists="append", index=False))
    engine.dispose()
    return float(rows.num_rows / seconds)


class Dlt:
    """dlt's Arrow path into tables of its own in the same database.

    Its tables have no key and no index, and no lists; with ``merge`` it replaces rows by key, as we do.
    """

    def __init__(self, warehouse: Warehouse, folder: Path, disposition: Any, file_format: Any) -> None:
        """Prepare a pipeline.

        Args:
            warehouse: Where to load.
            folder: Where dlt keeps its own files.
            disposition: ``replace`` (all rows go, the new ones come) or ``merge`` (by key).
            file_format: What it loads through; None for dlt's choice.
        """
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
        import dlt

        self._dlt = dlt
        self._disposition, self._file_format = disposition, file_format
        found = warehouse.dbt_environment()
        user, password = found["SPOTIFY_ASSETS_PG_USER"], found["SPOTIFY_ASSETS_PG_PASSWORD"]
        place = f"{quote(found['SPOTIFY_ASSETS_PG_HOST'], safe='')}:{found['SPOTIFY_ASSETS_PG_PORT']}"
        address = f"postgresql://{quote(user)}:{quote(password, safe='')}@{place}/spotify_assets_bench"
        name = f"dlt_{disposition}_{file_format}"
        self._pipeline = dlt.pipeline(
            name,
            pipelines_dir=str(folder / name),
            destination=dlt.destinations.postgres(address),
            dataset_name=name,
        )

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        """Load tables by name."""
        resources = [
            self._dlt.resource(
                [rows], name=name, primary_key=MERGE_KEYS[name], write_disposition=self._disposition
            )
            for name, rows in tables.items()
        ]
        self._pipeline.run(resources, loader_file_format=self._file_format)


def without_lists(rows: pa.Table) -> pa.Table:
    """The rows with genres as one text: lists fail on dlt's path, and a text is less work than an array."""
    joined = pc.binary_join(rows.column("genres"), ",")
    return rows.set_column(rows.column_names.index("genres"), "genres", joined)


def measure_large(report: Report, warehouse: Warehouse, folder: Path, count: int, rounds: int) -> None:
    """Beside COPY, where nothing but throughput counts."""
    for order in ("by key", "random"):
        first, second = artists(count, 1), artists(count, 2)
        if order == "by key":
            places = pc.sort_indices(first.column("artist_id"))
            first, second = first.take(places), second.take(places)
        files = [folder / "first.arrow", folder / "second.arrow"]
        for file, rows in zip(files, (first, second), strict=True):
            with pa.ipc.new_file(str(file), rows.schema) as sink:
                sink.write_table(rows)
        columns = ", ".join(first.column_names)
        prepared = prepared_bytes(warehouse, first, columns)
        copies: list[float] = []
        fresh: list[float] = []
        again: list[float] = []
        peaks: list[int] = []
        for _ in range(rounds):
            copies.append(copy_seconds(warehouse, prepared, columns))
            empty(warehouse)
            for file, seconds in zip(files, (fresh, again), strict=True):
                taken, peak = load_in_process(warehouse, file)
                seconds.append(taken)
                peaks.append(peak)
                execute(warehouse.url.get_secret_value(), "checkpoint")
        copy, size = median(copies), f"{count:,} rows, order {order}"
        more: dict[str, Any] = {
            "rows": count,
            "order": order,
            "copy_seconds": copy,
            "all_copy_seconds": copies,
        }
        report.add(
            f"fresh partition / binary COPY, {size}",
            copy / median(fresh), 0.6, seconds=median(fresh), all_seconds=fresh, **more,
        )  # fmt: skip
        report.add(
            f"replaced partition / binary COPY, {size}",
            copy / median(again), 0.35, seconds=median(again), all_seconds=again, **more,
        )  # fmt: skip
        report.add(
            f"peak memory of the process, {size}",
            max(peaks) / 1e9,
            1.5,
            direction="at most",
            unit=" GB",
            **more,
        )


def measure_to_sql(report: Report, warehouse: Warehouse, count: int, rounds: int) -> None:
    """Beside `DataFrame.to_sql`, and beside dlt where throughput counts."""
    rows = artists(count, 3)
    ours: list[float] = []
    for _ in range(rounds):
        empty(warehouse)
        ours.append(timed(lambda: load(warehouse, rows)))
    rate = to_sql_rate(warehouse, rows)
    report.add(
        f"fresh partition / DataFrame.to_sql, {count:,} rows",
        count / median(ours) / rate, 10.0, rows=count, seconds=median(ours), to_sql_rows_a_second=rate,
    )  # fmt: skip
    plain = {TABLE: without_lists(rows)}
    for file_format in (None, "parquet"):
        for disposition in ("replace", "merge"):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                rival = Dlt(warehouse, Path(folder), disposition, file_format)
                seconds = timed(partial(rival.load, plain))
            report.add(
                f"fresh partition / dlt, {_named(file_format)}, {disposition}, {count:,} rows",
                seconds / median(ours), rows=count, seconds=median(ours), dlt_seconds=seconds,
            )  # fmt: skip


def measure_day(report: Report, warehouse: Warehouse, count: int, rounds: int) -> None:
    """Beside dlt, at the size of a day: artists with ten top tracks each, replaced by other values."""
    days = []
    for seed in range(rounds + 1):
        rows = artists(count, seed)
        days.append({TABLE: rows, TOP_TRACKS: top_tracks(rows, seed)})
    plain = [{**tables, TABLE: without_lists(tables[TABLE])} for tables in days]

    def ours(into: Warehouse, tables: Mapping[str, pa.Table]) -> None:
        for table, rows in tables.items():
            load(into, rows, table)

    # The first load of each creates what it needs, and imports; it is not counted for anyone.
    empty(warehouse)
    seconds = [timed(partial(ours, warehouse, tables)) for tables in days][1:]
    with warehouse.holding() as held:
        kept = [timed(partial(ours, held, tables)) for tables in days][1:]
    what = f"{count:,} artists and {count * 10:,} tracks / dlt"
    for file_format, target in ((None, 5.0), ("parquet", None)):
        for disposition in ("replace", "merge"):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                rival = Dlt(warehouse, Path(folder), disposition, file_format)
                taken = [timed(partial(rival.load, tables)) for tables in plain][1:]
            report.add(
                f"{what}, {_named(file_format)}, {disposition}",
                median(taken) / median(seconds),
                target,
                seconds=median(seconds),
                all_seconds=seconds,
                dlt_seconds=median(taken),
                all_dlt_seconds=taken,
            )
            if file_format is None:
                report.add(
                    f"the same, {disposition}, our connections kept as over a range of days",
                    median(taken) / median(kept),
                    seconds=median(kept),
                    all_seconds=kept,
                )


def _named(file_format: str | None) -> str:
    return "its default path" if file_format is None else f"through {file_format}"


def main() -> None:
    """Run the benchmark, or one load for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artists", type=int, default=1_000, help="artists of a day, each with 10 tracks")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fewer", type=int, default=200_000, help="rows for the slower rivals")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load is not None:
        rows = pa.ipc.open_file(pa.OSFile(str(arguments.load))).read_all()
        warehouse = Warehouse(SecretStr(os.environ["BENCH_URL"]))
        with warehouse.adbc():  # imports the driver, which a platform that runs has done
            pass
        seconds = timed(lambda: load(warehouse, rows))
        print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes()}))
        return
    report = Report("loading")
    with database() as warehouse, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        measure_day(report, warehouse, arguments.artists, max(arguments.rounds, 3))
        measure_large(report, warehouse, Path(folder), arguments.rows, arguments.rounds)
        measure_to_sql(report, warehouse, arguments.fewer, arguments.rounds)


if __name__ == "__main__":
    main()
