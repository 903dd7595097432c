"""The same days, by several processes at the same time: one table, and whoever could not says so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.faults.conftest import BACKFILL, DAYS, Platform, differences
from spotify_assets_tests.support.command import contents, query

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400, func_only=True)]

BEFORE, MIDDLE = "2026-10-31", "2026-11-02"
ONE_TABLE = ("--select", "landing/raw_artists", "--select", "snapshots/artist_snapshots")
AGAIN = ("materialize", "--day", DAYS[0], *ONE_TABLE)


@dataclass
class Busy:
    """A run that waits for a partition which someone else holds longer than anyone should wait."""

    platform: Platform
    before: dict[str, list[str]]
    process: subprocess.Popen[str]

    def said(self) -> str:
        return (self.platform.home / "busy.log").read_text()


@pytest.fixture(scope="module")
def busy(
    tmp_path_factory: pytest.TempPathFactory, database_server: DatabaseServer, simulator: str
) -> Iterator[Busy]:
    """Begun before the first test of this module, because all it does for a minute is wait."""
    with database_server.database(database_server.template) as url:
        made = Platform(
            tmp_path_factory.mktemp("busy"), {"DATABASE_URL": url, "SIMULATOR_URL": simulator}, url
        )
        made.track(5)
        made.run(*AGAIN).succeeded()
        before = contents(url)
        with (
            (made.home / "busy.log").open("w") as output,
            made.locked("lock table ops.partition_loads in exclusive mode"),
        ):
            process = made.start(*AGAIN, output=output)
            try:
                yield Busy(made, before, process)
            finally:
                process.kill()
                process.wait(30)


def observe_the_day_before(platform: Platform) -> None:
    """Let every album be known before the runs begin.

    What is asked once about an album is asked by the first run that meets it, on the day of that run. Of
    several runs that is now one and now another; each answer is kept under its day and is true of it, but
    not the same rows come of it each time. Days are another matter: each is one day, whoever observes it.
    """
    platform.run("materialize", "--day", BEFORE).succeeded()


@pytest.fixture
def by_one(
    tmp_path_factory: pytest.TempPathFactory, database_server: DatabaseServer, simulator: str
) -> dict[str, list[str]]:
    """Every table after one process has observed the same days."""
    with database_server.database(database_server.template) as url:
        made = Platform(
            tmp_path_factory.mktemp("one"), {"DATABASE_URL": url, "SIMULATOR_URL": simulator}, url
        )
        made.track()
        observe_the_day_before(made)
        made.run(*BACKFILL).succeeded()
        tables = contents(url)
        asked_once = query(
            url, "select snapshot_date::text, count(*) > 0 from snapshots.album_tracks group by 1"
        )
    assert asked_once == [(BEFORE, True)]
    return tables


@pytest.mark.usefixtures("busy")
def test_four_runs_of_overlapping_days_leave_the_tables_of_one(
    platform: Platform, by_one: dict[str, list[str]]
) -> None:
    first, last = DAYS
    observe_the_day_before(platform)
    ranges = [(first, last), (first, MIDDLE), (MIDDLE, last), (first, last)]
    logs = [platform.home / f"{number}.log" for number in range(len(ranges))]
    processes = []
    for log, (begin, end) in zip(logs, ranges, strict=True):
        with log.open("w") as output:
            processes.append(platform.start("backfill", "--from", begin, "--to", end, output=output))
    codes = [process.wait(300) for process in processes]
    said = [log.read_text() for log in logs]
    assert 0 in codes, said
    assert differences(contents(platform.url), by_one) == [], said
    platform.check_books()
    for code, text in zip(codes, said, strict=True):
        assert "Traceback" not in text
        if code:
            assert "failed: " in text, text
            assert "again" in text, text
    assert query(
        platform.url,
        "select count(*) from pg_locks where locktype = 'advisory' "
        "and database = (select oid from pg_database where datname = current_database())",
    ) == [(0,)]


def test_a_partition_that_stays_busy_is_told_and_left_as_it_was(busy: Busy) -> None:
    assert busy.process.wait(150) == 1, busy.said()
    assert "Traceback" not in busy.said()
    assert DAYS[0] in busy.said()
    assert "again" in busy.said()
    assert contents(busy.platform.url) == busy.before
