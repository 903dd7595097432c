"""Real runs in processes of their own, a watcher beside them, and what an undisturbed run leaves behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg2
import pytest

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.command import Installation, contents, eventually, query
from spotify_assets_tests.support.manifest import build_manifest
from spotify_assets_tests.support.simulator_server import running

ARTISTS = 40
DAYS = ("2026-11-01", "2026-11-03")
BACKFILL = ("backfill", "--from", DAYS[0], "--to", DAYS[1])
INGEST = tuple(
    word
    for key in (
        "landing/raw_artists", "landing/raw_top_tracks", "landing/raw_new_releases",
        "snapshots/artist_snapshots", "snapshots/top_tracks", "snapshots/new_releases",
    )
    for word in ("--select", key)
)  # fmt: skip
"""Neither marts nor details of albums, for what happens before they are built and would only take longer
with them."""
WAIT_SECONDS = 90.0
RUN = "spotify_assets"
"""What a run calls itself at the database."""
PERHAPS_EMPTY = ("playlist_tracks", "album_tracks", "track_details", "audio_features")
"""Tables that hold rows only where an album of a tracked artist is new, which three days may not bring."""


@pytest.fixture(scope="session", autouse=True)
def manifest() -> None:
    build_manifest()


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    with running(SimulatorConfig(artists=200)) as url:
        yield url


def requests_seen(simulator: str) -> list[dict[str, Any]]:
    """What the upstream was asked since the last `forget_requests`."""
    seen: list[dict[str, Any]] = httpx.get(f"{simulator}/_simulator/requests?limit=10000").json()["requests"]
    return [request for request in seen if request["path"].startswith("/v1/")]


def forget_requests(simulator: str) -> None:
    httpx.delete(f"{simulator}/_simulator/requests").raise_for_status()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def differences(actual: dict[str, list[str]], expected: dict[str, list[str]]) -> list[str]:
    """Tables that are not the same, row by row."""
    found = [f"{name}: only in one" for name in actual.keys() ^ expected.keys()]
    # What was asked for is told by the books, run by run, and differs with them; `check_books` adds it up.
    for name in (actual.keys() & expected.keys()) - {"marts.data_quality_daily"}:
        if actual[name] != expected[name]:
            lost, extra = set(expected[name]) - set(actual[name]), set(actual[name]) - set(expected[name])
            counts = f"{len(actual[name])} rows for {len(expected[name])}"
            found.append(f"{name}: {counts}, lost {sorted(lost)[:2]}, extra {sorted(extra)[:2]}")
    return found


@dataclass(frozen=True)
class Platform(Installation):
    """An installation with its database, and eyes on both."""

    url: str = ""

    def track(self, artists: int = ARTISTS) -> None:
        ids = Catalogue(artists=200).artist_ids(artists)
        self.run("watch", "add", *ids).succeeded()

    def parts(self, entity: str, day: str = "*") -> list[Path]:
        return sorted(self.home.glob(f"lake/raw/*/{entity}/{day}/[!.]*.jsonl.gz"))

    def loads(self) -> int:
        return int(query(self.url, "select count(*) from ops.partition_loads")[0][0])

    def waits_for_a_lock(self, application: str) -> bool:
        """Whether a statement waits for a lock that someone else holds."""
        return bool(
            query(
                self.url,
                "select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name = %s "
                "and datname = current_database()",
                (application,),
            )
        )

    @contextmanager
    def locked(self, statement: str) -> Iterator[None]:
        """Hold a lock from outside, so that whoever comes that far waits there."""
        connection = psycopg2.connect(self.url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
            yield
        finally:
            connection.close()

    def kill_when(self, condition: Callable[[], object], *arguments: str, **variables: str) -> None:
        """Start a command, kill it -9 where the condition says, and see that nothing of it stays."""
        output = self.home / "killed.log"
        with output.open("a") as log:
            process = self.start(*arguments, output=log, **variables)
        try:
            reached = eventually(lambda: condition() or process.poll() is not None, WAIT_SECONDS)
            children = descendants(process.pid)
            assert process.poll() is None, f"it ended before it could be killed:\n{output.read_text()}"
            assert reached, f"it never came there:\n{output.read_text()}"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        assert eventually(lambda: not any(map(alive, children)), 60), [
            child.cmdline() for child in children if alive(child)
        ]

    def check_books(self) -> None:
        """What was asked for came or is named as missing; what came was loaded or set aside."""
        rows = query(
            self.url,
            "select table_name, source, partition_date, rows_requested, rows_received, rows_superseded, "
            "rows_missing, rows_loaded, rows_quarantined, missing from ops.current_partition_loads",
        )
        assert rows
        for table, source, day, requested, received, superseded, missing, loaded, quarantined, named in rows:
            where = (table, source, day)
            assert received == loaded + quarantined, where
            assert missing == len(named), where
            if table == "artist_snapshots":
                assert requested == received + superseded + missing, where
            standing = query(
                self.url,
                f"select count(*) from snapshots.{table} where source = %s and snapshot_date = %s",
                (source, day),
            )
            assert standing == [(loaded,)], where
            aside = query(
                self.url,
                "select count(*) from ops.quarantine "
                "where (table_name, source, partition_date) = (%s, %s, %s)",
                (table, source, day),
            )
            assert aside == [(quarantined,)], where


def heals(platform: Platform, undisturbed: dict[str, list[str]], *selection: str) -> None:
    """The same command again comes to its end, and to the same tables."""
    platform.run(*BACKFILL, *selection).succeeded()
    expected = undisturbed
    if selection:
        expected = {
            name: [] if name.removeprefix("snapshots.") in PERHAPS_EMPTY else rows
            for name, rows in undisturbed.items()
            if name.startswith("snapshots.")
        }
    assert differences(contents(platform.url), expected) == []
    platform.check_books()


@pytest.fixture
def platform(tmp_path: Path, database_server: DatabaseServer, simulator: str) -> Iterator[Platform]:
    """A platform that tracks artists and has observed nothing."""
    with database_server.database(database_server.template) as url:
        made = Platform(tmp_path, {"DATABASE_URL": url, "SIMULATOR_URL": simulator}, url)
        made.track()
        yield made


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, database_server: DatabaseServer, simulator: str
) -> dict[str, list[str]]:
    """Every table after the same days were observed without any trouble."""
    with database_server.database(database_server.template) as url:
        made = Platform(
            tmp_path_factory.mktemp("undisturbed"), {"DATABASE_URL": url, "SIMULATOR_URL": simulator}, url
        )
        made.track()
        made.run(*BACKFILL).succeeded()
        made.check_books()
        tables = contents(url)
    assert len(tables["snapshots.artist_snapshots"]) > 2.5 * ARTISTS
    empty = {name for name, rows in tables.items() if not rows}
    # of three days little can be said that looks back at weeks
    told = {"artist_popularity_trend", "track_popularity_trend", "new_release_radar", "artist_leaderboard"}
    assert not empty & {f"marts.{name}" for name in told}, empty
    assert not {name for name in empty if name.startswith("snapshots.")} - {
        f"snapshots.{name}" for name in PERHAPS_EMPTY
    }, empty
    return tables
