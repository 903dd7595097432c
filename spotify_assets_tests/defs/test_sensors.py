"""After a cooldown that kept today from being observed, today's partition is resumed once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from spotify_assets.definitions import build_definitions
from spotify_assets.defs.resources import Platform
from spotify_assets.defs.sensors import AFTER_COOLDOWN
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import Clock
from spotify_assets.warehouse.allowance import SharedAllowance, last_cooldowns
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.ingest.timeline import StoppedClock

NOTHING = "No cooldown has kept today from being observed"


def tick(
    settings: Settings, instance: dg.DagsterInstance, now: datetime | None = None
) -> tuple[list[tuple[str | None, str | None]], str | None]:
    """What the sensor of the real definitions asks for: run keys with partitions, and why it asks nothing."""

    class Clocked(Platform):
        def clock(self) -> Clock:
            return StoppedClock((now or datetime.now(UTC)).replace(tzinfo=None).isoformat())

    definitions = build_definitions(settings, {"platform": Clocked(settings)})
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(
        instance=instance, repository_def=repository, resources={"platform": Clocked(settings)}
    ) as context:
        outcome = repository.get_sensor_def(AFTER_COOLDOWN).evaluate_tick(context)
    requests = outcome.run_requests or []
    assert all(request.job_name in {None, "observe_day"} for request in requests)
    return [(request.run_key, request.partition_key) for request in requests], outcome.skip_message


def cool_down(warehouse: Warehouse, seconds: float, upstream: str = "spotify") -> datetime:
    """Leave an upstream alone for a time; gives when that is over."""
    allowance = SharedAllowance(warehouse, upstream, "app")
    allowance.cool_down(seconds, "it asked for a pause")
    allowance.close()
    (until,) = (one.until for one in last_cooldowns(warehouse) if one.upstream == upstream)
    return until


def end_of(*moments: datetime) -> None:
    time.sleep(max(0.0, (max(moments) - datetime.now(UTC)).total_seconds()) + 0.02)


@pytest.fixture
def today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_nothing_happened(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    assert tick(settings, instance) == ([], NOTHING)


def test_while_it_lasts_it_says_until_when(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    until = cool_down(warehouse, 3600)
    later = cool_down(warehouse, 7200, "deezer")
    assert tick(settings, instance) == (
        [],
        f"Left alone: spotify until {until:%Y-%m-%d %H:%M} UTC, deezer until {later:%Y-%m-%d %H:%M} UTC",
    )


def test_after_it_today_is_resumed_by_one_run_however_often_it_is_looked_at(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, today: str
) -> None:
    until = cool_down(warehouse, 0.1)
    end_of(until)
    requests, reason = tick(settings, instance)
    assert (requests, reason) == ([(f"spotify app {until.isoformat()}", today)], None)
    assert tick(settings, instance) == (requests, None), "the same key, by which Dagster starts one run only"
    # Another cooldown on the same day is another reason to resume.
    again = cool_down(warehouse, 0.1)
    end_of(again)
    assert tick(settings, instance)[0] == [(f"spotify app {again.isoformat()}", today)]


def test_one_that_began_on_another_day_resumes_nothing(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    end_of(cool_down(warehouse, 0.05))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert tick(settings, instance, tomorrow) == ([], NOTHING)


@pytest.mark.parametrize(("hour", "resumed"), [(0, True), (23, False)])
def test_one_from_an_earlier_day_resumes_today_if_it_outlasted_the_daily_run(
    hour: int,
    resumed: bool,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    today: str,
    settings: Settings,
) -> None:
    end_of(cool_down(warehouse, 0.05))
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update ops.cooldowns set set_at = set_at - interval '1 day'")
        connection.commit()
    if not resumed and datetime.now(UTC).hour == 23:
        pytest.skip("the last hour of the day: no later daily run to compare with")
    changed = settings.model_copy(update={"spotify_assets_schedule_hour": hour})
    requests, reason = tick(changed, instance)
    assert [partition for _, partition in requests] == ([today] if resumed else [])
    assert reason == (None if resumed else NOTHING)


def test_each_upstream_that_may_be_asked_again_is_resumed_when_its_own_time_is_over(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, today: str
) -> None:
    first = cool_down(warehouse, 0.05)
    end_of(first)
    assert tick(settings, instance)[0] == [(f"spotify app {first.isoformat()}", today)]
    # The one that ends last asks for a run of its own, whatever the upstreams are called.
    second = cool_down(warehouse, 0.05, "deezer")
    end_of(second)
    assert second > first
    assert tick(settings, instance)[0] == [(f"deezer app {second.isoformat()}", today)]
