"""`status` says when the next run is, and why, as schedule and sensor have it; here by a stopped clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.cli.commands.data.status import next_run
from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.clocks.clocked import record_run
from spotify_assets_tests.support.dagster_records import dagster_records

DAY = date(2026, 11, 20)
FAILED = dg.DagsterRunStatus.FAILURE


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.fixture
def environment(settings: Settings, warehouse: Warehouse) -> Environment:
    watchlist.add(warehouse, "simulated", "a" * 22, "A")
    return Environment(settings, warehouse, Landing(settings.effective_lake_url))


@pytest.fixture
def instance(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's records in PostgreSQL, as the daemon keeps them."""
    with dagster_records(environment, monkeypatch) as found:
        yield found


def test_the_first_artists_are_observed_at_once_and_then_daily(environment: Environment) -> None:
    following = next_run(environment, at(15))
    assert (following.at, following.daily) == (at(15), at(12, day=DAY + timedelta(days=1)))
    assert following.sentence == (
        "2026-11-20 15:00 UTC (the first artists are observed at once); the daily one 2026-11-21 12:00 UTC"
    )


def test_without_artists_there_is_only_the_daily_run(settings: Settings, warehouse: Warehouse) -> None:
    environment = Environment(settings, warehouse, Landing(settings.effective_lake_url))
    following = next_run(environment, at(9))
    assert (following.at, following.again) == (at(12), None)
    assert following.sentence == "2026-11-20 12:00 UTC"


def test_a_planned_retry_is_told(environment: Environment, instance: dg.DagsterInstance) -> None:
    record_run(instance, at(12, 3), FAILED)
    # Who is tracked has not been asked about: what failed was the first run.
    with environment.warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update ops.watchlist set removed_at = added_at")
        cursor.execute(
            "insert into ops.watchlist (source, artist_id, added_by) values ('simulated-deezer', '1', 'x')"
        )
        connection.commit()
    following = next_run(environment, at(12, 10))
    assert following.again == at(12, 33)
    assert following.why == "Asked again (1 of 4), because the last run failed"
    late = next_run(environment, at(23, 50))
    assert late.again == at(23, 50), "due at once: nothing has asked yet"
    record_run(instance, at(23, 55), FAILED)
    assert next_run(environment, at(23, 56)).at == at(12, day=DAY + timedelta(days=1))


def test_while_a_run_is_under_way_no_other_is_planned(
    environment: Environment, instance: dg.DagsterInstance
) -> None:
    record_run(instance, at(12, 3), dg.DagsterRunStatus.STARTED)
    following = next_run(environment, at(12, 10))
    assert following.again is None
    assert following.why == "A run of today is queued or under way"
