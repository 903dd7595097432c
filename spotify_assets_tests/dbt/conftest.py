"""What the tests of the dbt project share: a database with snapshots, and dbt to build on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg2
import psycopg2.extras
import pytest

from spotify_assets_tests.conftest import DatabaseServer

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DBT_PROJECT = PROJECT_ROOT / "dbt_project"
TABLES = (
    "artist_snapshots",
    "top_tracks",
    "new_releases",
    "playlist_tracks",
    "album_tracks",
    "track_details",
    "audio_features",
)

Row = Mapping[str, Any]


def dbt_environment(url: str) -> dict[str, str]:
    """The environment in which dbt finds the database of `url`."""
    parts = urlsplit(url)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "SPOTIFY_ASSETS_"))
    }
    return environment | {
        "SPOTIFY_ASSETS_PG_HOST": parts.hostname or parse_qs(parts.query)["host"][0],
        "SPOTIFY_ASSETS_PG_PORT": str(parts.port or parse_qs(parts.query).get("port", ["5432"])[0]),
        "SPOTIFY_ASSETS_PG_USER": unquote(parts.username or "postgres"),
        "SPOTIFY_ASSETS_PG_DATABASE": parts.path.strip("/"),
        "SPOTIFY_ASSETS_PG_PASSWORD": unquote(parts.password or ""),
    }


@dataclass
class Project:
    """The dbt project on a database of its own: load snapshots, run dbt, read tables."""

    url: str
    scratch: Path
    _child: subprocess.Popen[str] | None = field(default=None, repr=False)

    def load(self, table: str, rows: Iterable[Row], *, note: bool = True) -> None:
        """Add rows to a snapshot table and, unless the test does so itself, their loads to the ledger."""
        rows = list(rows)
        if not rows:
            return
        columns = list(rows[0])
        values = [[row[column] for column in columns] for row in rows]
        names = ", ".join(columns)
        with self._cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, f"insert into snapshots.{table} ({names}) values %s", values, page_size=1000
            )
        if note:
            self.note_loads(table, sorted({(row["source"], row["snapshot_date"]) for row in rows}))

    def change(self, table: str, day: date, statement: str) -> None:
        """Change what stands in a snapshot table on a day, and note that its partitions were loaded again."""
        sources = self.rows(f"(select distinct source from snapshots.{table}) as sources", "true", order="1")
        self.execute(statement)
        self.note_loads(table, [(row["source"], day) for row in sources])

    def take_away(self, table: str, day: date, where: str = "true") -> None:
        """Remove rows of a day from a snapshot table."""
        self.change(table, day, f"delete from snapshots.{table} where snapshot_date = '{day}' and {where}")

    def note_loads(self, table: str, partitions: Iterable[tuple[str, date]]) -> None:
        """Write a load of each (source, day) to the ledger, as whatever changes a partition does."""
        with self._cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor,
                "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, "
                "rows_received, rows_missing, rows_loaded, rows_quarantined, content_hash, run_id) values %s",
                [(table, source, day, 1, 1, 0, 1, 0, "", "test") for source, day in partitions],
                page_size=1000,
            )

    def execute(self, statement: str) -> None:
        """Run one statement."""
        with self._cursor() as cursor:
            cursor.execute(statement)

    def rows(self, table: str, where: str = "true", order: str = "1, 2, 3, 4") -> list[dict[str, Any]]:
        """All rows of a built table, ordered by its first four columns, which hold the longest key."""
        with self._cursor() as cursor:
            cursor.execute(f"select * from {table} where {where} order by {order}")
            return [dict(row) for row in cursor.fetchall()]

    def dbt(self, *command: str, expect_success: bool = True) -> dict[str, Any]:
        """Run a dbt command."""
        arguments = list(command)
        common = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
        common += ["--target-path", str(self.scratch / "target"), "--log-path", str(self.scratch / "logs")]
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps({"command": arguments, "common": common}) + "\n")
        child.stdin.flush()
        line = child.stdout.readline()
        assert line, f"dbt's process ended:\n{(self.scratch / 'dbt.log').read_text()[-4000:]}"
        reply: dict[str, Any] = json.loads(line)
        if expect_success:
            fine = {"success", "pass", "no-op"}
            failed = [entry for entry in reply["results"] if entry["status"] not in fine]
            assert reply["success"], (failed, reply["exception"])
        return reply

    def close(self) -> None:
        """End dbt's process."""
        if self._child is not None and self._child.stdin is not None and self._child.stdout is not None:
            self._child.stdin.close()
            self._child.wait(timeout=60)
            self._child.stdout.close()
            self._child = None

    def _start(self) -> subprocess.Popen[str]:
        with (self.scratch / "dbt.log").open("w") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "spotify_assets_tests.support.marts.driver"],
                cwd=PROJECT_ROOT,
                env=dbt_environment(self.url) | {"PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self._child

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection = psycopg2.connect(self.url, cursor_factory=psycopg2.extras.RealDictCursor)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


@pytest.fixture(scope="module")
def new_project(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Project]]:
    """Make projects, each on a migrated database of its own; all are gone when the module is done."""
    with ExitStack() as stack:

        def make() -> Project:
            url = stack.enter_context(database_server.database(database_server.template))
            project = Project(url, tmp_path_factory.mktemp("dbt"))
            stack.callback(project.close)
            for table in TABLES:
                project.execute(f"create table snapshots.{table}_all partition of snapshots.{table} default")
            project.dbt("seed")
            return project

        yield make
