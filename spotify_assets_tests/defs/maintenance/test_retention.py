"""What may not be kept any longer is removed by a job of its own, everywhere, and nothing else is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from spotify_assets.definitions import build_definitions
from spotify_assets.defs.maintenance.retention import RETENTION
from spotify_assets.ingest.load import load
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.exchange import Exchange
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.clocks.timeline import StoppedClock

TODAY = date(2026, 11, 20)
DAYS = [TODAY - timedelta(days=back) for back in range(4, -1, -1)]


@pytest.fixture
def landing(settings: Settings) -> Landing:
    return Landing(settings.effective_lake_url)


def bring(warehouse: Warehouse, landing: Landing, day: date, source: str = "spotify") -> None:
    """Land and load one artist, and one whose row is no good."""
    good, bad = {"id": "a", "name": "A", "popularity": 5}, {"id": "b", "name": "B", "popularity": "many"}
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    body = json.dumps({"artists": [good, bad]})
    landing.put(source, "artists", day, "one", [
        Exchange(source, "artists", "GET", "/v1/artists", 200, noon, "run", body, {"ids": ["a", "b"]})
    ])  # fmt: skip
    load("artist_snapshots", day, landing, warehouse, "run")


def retain(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the job of the real definitions on `TODAY`."""
    definitions = build_definitions(settings, {"clock": StoppedClock(f"{TODAY}T03:30")})
    return definitions.resolve_job_def(RETENTION).execute_in_process(instance=instance)


def kept(warehouse: Warehouse, landing: Landing, source: str = "spotify") -> dict[str, list[date]]:
    """Days that are found in each place."""
    statements = {
        "snapshots": "select distinct snapshot_date from snapshots.artist_snapshots where source = %s",
        "ledger": "select distinct partition_date from ops.partition_loads where source = %s",
        "quarantine": "select distinct partition_date from ops.quarantine where source = %s",
    }
    found: dict[str, list[Any]] = {"lake": [day for day in DAYS if landing.read(source, "artists", day)]}
    with warehouse.connect() as connection, connection.cursor() as cursor:
        for place, statement in statements.items():
            cursor.execute(f"{statement} order by 1", (source,))
            found[place] = [day for (day,) in cursor.fetchall()]
    return found


def test_what_has_expired_goes_and_the_rest_stays(
    settings: Settings, warehouse: Warehouse, landing: Landing, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        bring(warehouse, landing, day)
    bring(warehouse, landing, DAYS[0], "simulated")
    before = kept(warehouse, landing)
    assert {tuple(days) for days in before.values()} == {tuple(DAYS)}
    limited = settings.model_copy(update={"spotify_retention_days": 3})
    assert retain(limited, instance).success
    # Three days are today and the two before it.
    assert kept(warehouse, landing) == dict.fromkeys(before, DAYS[2:])
    assert kept(warehouse, landing, "simulated") == dict.fromkeys(before, DAYS[:1])
    assert retain(limited, instance).success
    assert kept(warehouse, landing) == dict.fromkeys(before, DAYS[2:])


def test_without_the_setting_nothing_is_removed(
    settings: Settings, warehouse: Warehouse, landing: Landing, instance: dg.DagsterInstance
) -> None:
    assert settings.spotify_retention_days is None
    for day in DAYS[:2]:
        bring(warehouse, landing, day)
    before = kept(warehouse, landing)
    assert retain(settings, instance).success
    assert kept(warehouse, landing) == before == dict.fromkeys(before, DAYS[:2])


def test_it_runs_every_night(settings: Settings) -> None:
    schedule = build_definitions(settings).resolve_schedule_def("daily_retention")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 3 * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
