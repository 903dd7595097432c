"""It runs by itself, and survives: a year that nobody looks after, with faults on a third of its days.

Afterwards the tables are those of a year without faults, but for the days that were really lost. Each of
those is named with its reason wherever lost days are told, and no other is. What the upstream never told of
a day that was observed is named in the ledger.

`make test-faults` plays a short calendar that has each fault once, `make test-year` YEAR_DAYS days (365). How
a day is lived, and what is not as on other days, stands in `year`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from pydantic import SecretStr

from spotify_assets.artists import watchlist
from spotify_assets.artists.tracked import Tracked, tracked_artists
from spotify_assets.contracts.tables import DAILY_TABLES, TABLES
from spotify_assets.defs.monitoring.days import GAPS, RECENT
from spotify_assets.defs.resources import dbt_resource
from spotify_assets.ingest.catalogue import keys_to_ask
from spotify_assets.ingest.land_all import land_from_all
from spotify_assets.ingest.load import load
from spotify_assets.lake.landing import Landing
from spotify_assets.quality.lost_days import lost_days
from spotify_assets.settings import PROJECT_ROOT, Settings, load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.protocol import ASKED_ONCE
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.faults.conftest import differences
from spotify_assets_tests.faults.year import CALM, FIRST, KINDS, Day, Life, calendar, each_kind_once
from spotify_assets_tests.support.clocks.accelerated import MODULE, NOW, WORLD, Time, upstream
from spotify_assets_tests.support.clocks.shifted import clocked, set_upstream_clock
from spotify_assets_tests.support.clocks.timeline import StoppedClock
from spotify_assets_tests.support.command import Installation, contents, query, records
from spotify_assets_tests.support.manifest import build_manifest

pytestmark = [
    # Of Dagster's, about its own property, whenever a repository is described to a daemon.
    pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning"),
]
SOURCE = "spotify"
WATCHED = 8
OBSERVED = ("artist_snapshots", "top_tracks", "new_releases")
"""Tables of which each day is observed anew, and that the source fills."""
WHY_LOST = {
    "off": ["no run observed it"],
    "down": ["no usable answer came (the last: HTTP 503)"],
    "shut out": ["the upstream asked to be left alone", "no usable answer came (the last: HTTP 429)"],
}
"""How the reason of a lost day is told, by what befell it."""
FILLS_CACHES = 60
"""Days after which caches of a fixed size are full: SQLAlchemy keeps the statements by which it looks at
tables for the last 128 engines, and Dagster makes some a day. Shorter calendars say nothing about growth."""
GROWS_AT_MOST = 5.0
"""MiB in 100 days."""
OFTEN = 6
"""Runs of one day at most: the daily one, one after a cooldown, and four that ask again."""


@dataclass(frozen=True)
class Stage:
    """Where a year is played.

    Attributes:
        settings: Of the platform.
        clock: Moves the time.
        artists: Who is watched.
        home: Where it lives.
    """

    settings: Settings
    clock: Time
    artists: Sequence[str]
    home: Path

    def rows(self, table: str) -> list[dict[str, Any]]:
        return rows(self.clock.database, table)


def rows(url: str, table: str) -> list[dict[str, Any]]:
    """All rows, apart from when exactly they were seen."""
    found = records(url, f"select * from snapshots.{table} order by snapshot_date")
    return [{name: value for name, value in row.items() if name != "observed_at"} for row in found]


def watch(warehouse: Warehouse, artists: Sequence[str]) -> None:
    watchlist.add_many(warehouse, SOURCE, [(artist, None) for artist in artists])
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update ops.watchlist set added_at = %s", (FIRST - timedelta(days=1),))
        connection.commit()


@pytest.fixture
def stage(settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A platform that has observed nothing, and an upstream that goes by the same time."""
    build_manifest()
    home = settings.spotify_assets_home / "dagster"
    home.mkdir()
    configuration = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    configuration["run_launcher"] = {"module": MODULE, "class": "SameProcess"}
    (home / "dagster.yaml").write_text(yaml.safe_dump(configuration))
    with upstream() as url:
        for name, value in {
            "SPOTIFY_CLIENT_ID": "id", "SPOTIFY_CLIENT_SECRET": "secret", "SPOTIFY_API_URL": f"{url}/v1",
            "SPOTIFY_ACCOUNTS_URL": url, "SPOTIFY_REQUESTS_PER_SECOND": "1000",
            "SPOTIFY_ASSETS_START_DATE": FIRST.isoformat(), "DAGSTER_DISABLE_TELEMETRY": "1",
            "DATABASE_URL": clocked(database_url), "DAGSTER_EVENT_BATCH_SIZE": "500",
            "DAGSTER_HOME": str(home),
            NOW: datetime.combine(FIRST, time(), UTC).isoformat(),
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        ready = load_settings()
        warehouse = open_warehouse(ready)
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", warehouse.dagster_url().get_secret_value())
        watch(warehouse, Catalogue(WORLD.seed, WORLD.artists, quirks=False).artist_ids(WATCHED))
        artists = tracked_artists(warehouse, SOURCE).ids  # in the order in which they are asked about
        clock = Time(database_url, url)
        clock.install()
        yield Stage(ready, clock, artists, settings.spotify_assets_home)


@contextmanager
def faultless(
    stage: Stage, server: DatabaseServer, home: Path, days: Sequence[date]
) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """The tables after the same days without faults, each landed and loaded by the platform."""
    with server.database(server.template) as url:
        settings = stage.settings.model_copy(
            update={"database_url": SecretStr(url), "spotify_assets_home": home}
        )
        warehouse, landing = open_warehouse(settings), Landing(settings.effective_lake_url)
        watch(warehouse, stage.artists)
        asyncio.run(_observe(settings, warehouse, landing, stage, days))
        yield {table: rows(url, table) for table in TABLES}


async def _observe(
    settings: Settings, warehouse: Warehouse, landing: Landing, stage: Stage, days: Sequence[date]
) -> None:
    for day in days:
        clock = StoppedClock(f"{day}T12:00")
        set_upstream_clock(stage.clock.upstream, clock.now())
        source = SpotifySource.from_settings(settings, clock=clock, run_id="faultless")
        with warehouse.holding() as held:
            for name, table in TABLES.items():
                keys = list(stage.artists)
                if table.entity in ASKED_ONCE:
                    keys = keys_to_ask(held, table.entity, SOURCE, day, keys)
                tracked = {SOURCE: Tracked(keys)}
                _, failed = await land_from_all(
                    [source], landing, table.entity, day, tracked, "faultless", clock
                )
                assert not failed
                load(name, day, landing, held, "faultless")
        await source.aclose()


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print how far it is, beside the much that Dagster and dbt say, which is not shown."""

    def shown(text: str) -> None:
        with capfd.disabled():
            print(text, flush=True)

    return shown


def play(stage: Stage, days: Sequence[Day], say: Callable[[str], None]) -> Life:
    """Live the days one after another."""
    with (
        dg.DagsterInstance.get() as instance,
        Life.begin(instance, stage.clock, stage.artists) as life,
    ):
        started = datetime.now(UTC)
        for day in days:
            life.live(day, last=day is days[-1])
            took = (datetime.now(UTC) - started).total_seconds()
            kind = day.kind.name if day.kind else ""
            say(f"{day.day} {kind:15} {took:7.0f} s {life.memory[-1]:6.1f} MiB")
        assert life.errors == []
        judge_runs(instance, days)
        judge_checks(instance, days)
    return life


def judge_runs(instance: dg.DagsterInstance, days: Sequence[Day]) -> None:
    """Each run has ended, none holds a place in a pool, and no day had more runs than are planned."""
    runs = [record.dagster_run for record in instance.get_run_records()]
    assert [run.run_id for run in runs if not run.is_finished] == []
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        assert storage.get_concurrency_info(pool).active_slot_count == 0, pool
    for day in days:
        of_day = [run for run in runs if run.tags.get("dagster/partition") == day.day.isoformat()]
        assert len(of_day) <= OFTEN, f"{day}: {len(of_day)}"
        if day.kind and day.kind.off_until is None:
            assert of_day == [], f"{day}: nobody was there to observe it"
        elif not day.is_lost:
            assert any(run.status == dg.DagsterRunStatus.SUCCESS for run in of_day), day
    observed = {run.tags["dagster/partition"] for run in runs if run.job_name == "observe_day"}
    assert observed <= {day.day.isoformat() for day in days}


def judge_checks(instance: dg.DagsterInstance, days: Sequence[Day]) -> None:
    """Each morning's check of gaps warned of the days lost lately, and of no other."""
    lost = {day.day for day in days if day.is_lost}
    for table in OBSERVED:
        key = dg.AssetCheckKey(dg.AssetKey(["snapshots", table]), GAPS)
        checked = instance.event_log_storage.get_asset_check_execution_history(key, limit=len(days))
        mornings = set()
        for execution in checked:
            assert execution.event is not None
            event = execution.event.dagster_event
            assert event is not None
            evaluation = event.asset_check_evaluation_data
            today = datetime.fromtimestamp(execution.event.timestamp, UTC).date()
            mornings.add(today)
            lately = {day for day in lost if today - RECENT <= day < today}
            said = evaluation.description or ""
            assert evaluation.passed == (not lately), f"{today}: {said}"
            named = {day.day for day in days if f"{SOURCE} {day.day} (" in said}
            assert named == lately, f"{today}: {said}"
        assert mornings == {day.day for day in days if day.looks}, table


def judge_tables(stage: Stage, days: Sequence[Day], expected: dict[str, list[dict[str, Any]]]) -> None:
    """Row by row what the faultless year has, but for lost days and for what the upstream never told."""
    lost = {day.day for day in days if day.is_lost}
    unlucky = {day.day: (day.kind.name, day.unlucky(stage.artists)) for day in days if day.kind}

    def never_told(table: str, row: dict[str, Any]) -> bool:
        kind, artist = unlucky.get(row["snapshot_date"], ("", None))
        return (kind, table) in {("null", "artist_snapshots"), ("mute", "top_tracks")} and (
            row["artist_id"] == artist
        )

    for table in OBSERVED:
        left = [
            row for row in expected[table] if row["snapshot_date"] not in lost and not never_told(table, row)
        ]
        assert in_order(stage.rows(table)) == in_order(left), table
    for table in sorted(TABLES.keys() - DAILY_TABLES.keys()):
        judge_asked_once(table, stage.rows(table), expected[table], lost)
    judge_ledger(stage, days)


def in_order(found: list[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, found))


def judge_asked_once(
    table: str, found: list[dict[str, Any]], expected: list[dict[str, Any]], lost: set[date]
) -> None:
    """What was new on a lost day was asked about on the next that was observed."""
    key = TABLES[table].key

    def next_day(day: date) -> date:
        while day in lost:
            day += timedelta(days=1)
        return day

    wanted = {tuple(row[name] for name in key): row for row in expected}
    told = {tuple(row[name] for name in key): row for row in found}
    assert len(told) == len(found), f"{table}: told once, kept once"
    assert told.keys() == wanted.keys(), table
    for ident, row in told.items():
        day = wanted[ident]["snapshot_date"]
        assert row["snapshot_date"] == next_day(day), f"{table} {ident}"
        if row["snapshot_date"] == day:
            assert row == wanted[ident]


def judge_ledger(stage: Stage, days: Sequence[Day]) -> None:
    """What was asked for came or is named with its reason; of days that were observed, only the unlucky."""
    missing = {
        (day.day, table): day.unlucky(stage.artists)
        for day in days
        for kind, table in (("null", "artist_snapshots"), ("mute", "top_tracks"))
        if day.kind and day.kind.name == kind
    }
    loads = query(
        stage.clock.database,
        "select table_name, partition_date, rows_requested, rows_received, rows_loaded, rows_quarantined, "
        "rows_superseded, missing from ops.current_partition_loads where source = %s",
        (SOURCE,),
    )
    lost = {day.day for day in days if day.is_lost}
    for table, day, requested, received, loaded, quarantined, superseded, named in loads:
        where = f"{table} {day}: {named}"
        assert received == loaded + quarantined, where
        assert quarantined == 0, where
        if table == "artist_snapshots":
            assert requested == received + superseded + len(named), where
        if day in lost:
            continue
        artist = missing.pop((day, table), None)
        if artist is None:
            assert named == {}, where
        else:
            assert [name.partition("/")[0] for name in named] == [artist], where
            assert all(named.values()), where
    assert missing == {}, "what never came is named"


def judge_doors(stage: Stage, days: Sequence[Day]) -> dict[date, str]:
    """Lost days are listed with their reasons, and no others: by the platform, its status, and the marts."""
    lost = {day.day for day in days if day.is_lost}
    today = days[-1].day
    warehouse = open_warehouse(stage.settings)
    landing = Landing(stage.settings.effective_lake_url)
    listed = lost_days(warehouse, landing, [SOURCE], today)
    assert {one.table for one in listed} <= set(OBSERVED), "of the others nothing could be lost"
    for table in OBSERVED:
        assert {one.day for one in listed if one.table == table} == lost, table
    reasons = {one.day: one.reason for one in listed if one.table == "artist_snapshots"}
    for day in days:
        if day.kind is not None and day.is_lost:
            for one in listed:
                if one.day == day.day:
                    assert any(why in one.reason for why in WHY_LOST[day.kind.name]), (
                        f"{day.kind.name}: {one}"
                    )
    status = Installation(stage.home, dict(os.environ)).run("status", "--json").succeeded().json()
    series = {one["table"]: one for one in status["series"] if one["source"] == SOURCE}
    judged = query(
        stage.clock.database,
        "select table_name, snapshot_date, lost_reason from marts.data_quality_daily where is_lost",
    )
    for table in OBSERVED:
        assert {date.fromisoformat(day) for day in series[table]["lost_days"]} == lost, table
        assert {day for name, day, _ in judged if name == table} == lost, table
    assert all(reason for _, _, reason in judged)
    return reasons


def judge_models(stage: Stage, days: Sequence[Day], monkeypatch: pytest.MonkeyPatch) -> None:
    """Built bit by bit over the year, the models are what building all of them anew makes of its tables."""
    url = stage.clock.database
    built = contents(url, "intermediate", "marts")
    assert built["marts.artist_popularity_trend"]
    for name, value in open_warehouse(stage.settings).dbt_environment().items():
        monkeypatch.setenv(name, value)
    invocation = dbt_resource().cli(
        ["build", "--full-refresh", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    )
    assert invocation.wait().is_successful()
    anew = contents(url, "intermediate", "marts")
    assert differences(built, anew) == []
    assert built["marts.data_quality_daily"] == anew["marts.data_quality_daily"]


def growth(memory: Sequence[float]) -> float:
    """MiB in 100 days over the last two thirds: the median of all slopes, that no single day decides."""
    kept = memory[len(memory) // 3 :]
    slopes = [
        (later - earlier) / (b - a) for a, earlier in enumerate(kept) for b, later in enumerate(kept) if b > a
    ]
    return 100 * statistics.median(slopes)


def survive(
    stage: Stage,
    days: Sequence[Day],
    server: DatabaseServer,
    other: Path,
    patch: pytest.MonkeyPatch,
    say: Callable[[str], None],
) -> Life:
    """Live the days, and see that all is as it should be."""
    # pytest keeps what is logged until the test is over; that memory is not the daemon's.
    patch.setattr(logging.getLogger(), "handlers", [])
    life = play(stage, days, say)
    end = datetime.combine(days[-1].day, CALM[-1], UTC)
    with stage.clock.at(end):
        reasons = judge_doors(stage, days)
        for day, reason in sorted(reasons.items()):
            say(f"lost {day}: {reason}")
        judge_models(stage, days, patch)
    with faultless(stage, server, other, [day.day for day in days]) as expected:
        judge_tables(stage, days, expected)
    return life


@pytest.mark.faults
@pytest.mark.timeout(900, func_only=True)
def test_each_fault_once(
    stage: Stage,
    database_server: DatabaseServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None],
) -> None:
    days = each_kind_once()
    assert {day.kind for day in days} == {None, *KINDS}
    survive(stage, days, database_server, tmp_path / "faultless", monkeypatch, say)


@pytest.mark.year
@pytest.mark.timeout(6 * 3600, func_only=True)
def test_a_year_runs_by_itself(
    stage: Stage,
    database_server: DatabaseServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None],
) -> None:
    days = calendar(int(os.environ.get("YEAR_DAYS", "365")))
    life = survive(stage, days, database_server, tmp_path / "faultless", monkeypatch, say)
    say(f"memory: {growth(life.memory):+.2f} MiB in 100 days, {life.memory[-1]:.0f} MiB at the end")
    if len(days) >= 3 * FILLS_CACHES:
        assert growth(life.memory) < GROWS_AT_MOST
