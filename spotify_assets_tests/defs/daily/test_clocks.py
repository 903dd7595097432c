"""Whole runs under a clock that is wrong, or that passes midnight: no day holds what was not seen on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from spotify_assets.artists import watchlist
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.clock import SystemClock
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import current_load
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.support.clocks.shifted import set_database_clock, set_upstream_clock
from spotify_assets_tests.support.running import run

DAY = timedelta(days=1)
INGEST = [
    "landing/raw_artists", "landing/raw_top_tracks", "landing/raw_new_releases",
    "snapshots/artist_snapshots", "snapshots/top_tracks", "snapshots/new_releases",
]  # fmt: skip


class Ahead(SystemClock):
    """The machine's clock, set wrongly."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def tracked(warehouse: Warehouse, simulator: str) -> Iterator[list[str]]:
    artists = Catalogue(artists=60, quirks=False).artist_ids(30)
    watchlist.add_many(warehouse, "spotify", [(artist, None) for artist in artists], added_by="test")
    set_upstream_clock(simulator, None)
    yield artists
    set_upstream_clock(simulator, None)


def days_in(settings: Settings) -> set[date]:
    """Days under which anything lies in the lake."""
    return {day for _, day in Landing(settings.effective_lake_url).days_after("spotify", date.min)}


def told(result: dg.ExecuteInProcessResult) -> str:
    problems = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return "\n".join(str(one.user_failure_data and one.user_failure_data.description) for one in problems)


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_is_a_day_out_observes_nothing_and_the_true_day_is_observed_later(
    live: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str], days: int
) -> None:
    wrong = Ahead(days * DAY)
    false_day, true_day = wrong.now().date(), datetime.now(UTC).date()
    with freeze_time(wrong.now()):
        result = run(live, instance, [false_day.isoformat()], INGEST, wrong, everywhere=False)
    assert not result.success
    assert "the clock of this machine is out" in told(result)
    assert days_in(live) == set()
    # With that clock, the true day has not come, or is over: so it must not be called lost.
    result = run(live, instance, [true_day.isoformat()], INGEST[:1], wrong, everywhere=False)
    assert not result.success
    assert "the clocks differ" in told(result)
    assert "is lost" not in told(result)

    assert run(live, instance, [true_day.isoformat()], INGEST).success
    assert days_in(live) == {true_day}
    with freeze_time(wrong.now()):
        result = run(live, instance, [false_day.isoformat()], INGEST, wrong, everywhere=False)
    assert not result.success
    assert days_in(live) == {true_day}
    rows = read_partition(warehouse, "artist_snapshots", true_day)
    assert sorted(rows.column("artist_id").to_pylist()) == sorted(tracked)
    assert read_partition(warehouse, "artist_snapshots", false_day).num_rows == 0
    assert current_load(warehouse, "artist_snapshots", "spotify", false_day) is None


def test_a_run_across_midnight_keeps_both_days_clean(
    live: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str], simulator: str
) -> None:
    evening = datetime(2026, 11, 20, 23, 58, tzinfo=UTC)
    database = warehouse.url.get_secret_value()
    landing = Landing(live.effective_lake_url)

    class Midnight(Ahead):
        """Once some top tracks have come, it is two minutes later, everywhere."""

        def now(self) -> datetime:
            now = super().now()
            if now.date() == evening.date() and self.asked > 90:
                now = evening + timedelta(minutes=2, seconds=1)
                self.ahead = now - datetime.now(UTC)
                set_database_clock(database, now)
                set_upstream_clock(simulator, now)
            self.asked += 1
            return now

        asked = 0

    clock = Midnight(evening - datetime.now(UTC))
    day, next_day = evening.date(), evening.date() + DAY
    run(live, instance, [day.isoformat()], INGEST, clock)
    assert clock.now().date() == next_day
    assert days_in(live) == {day}
    landed = landing.read("spotify", "top_tracks", day)
    assert {one.observed_at.date() for one in landed if one.status} == {day}
    load = current_load(warehouse, "top_tracks", "spotify", day)
    assert load is not None
    assert 0 < load.missing_count < len(tracked)
    assert load.requested == len(tracked)

    before = read_partition(warehouse, "top_tracks", day)
    assert run(live, instance, [next_day.isoformat()], INGEST, clock).success
    assert {one.observed_at.date() for one in landing.read("spotify", "top_tracks", next_day)} == {next_day}
    assert current_load(warehouse, "top_tracks", "spotify", next_day).missing_count == 0  # type: ignore[union-attr]
    # The evening is over: what was seen stays, and nothing is added.
    run(live, instance, [day.isoformat()], INGEST, clock)
    assert read_partition(warehouse, "top_tracks", day).equals(before)
