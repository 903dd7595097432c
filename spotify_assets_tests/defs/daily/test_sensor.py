"""What is missing of today is asked for again while it is today, by one run at a time, a few times."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest
import yaml

from spotify_assets.artists import watchlist
from spotify_assets.contracts.models import arrow_schema
from spotify_assets.contracts.tables import OBSERVED_DAILY
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.daily.planner import COMPLETE_TODAY, PAUSES
from spotify_assets.defs.resources import build_resources
from spotify_assets.settings import PROJECT_ROOT, Settings
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LoadSummary
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets.warehouse.upstream_state.api_usage import last_cooldowns
from spotify_assets.warehouse.upstream_state.quota import SharedQuota
from spotify_assets_tests.support.clocks.clocked import Sensor, record_run
from spotify_assets_tests.support.clocks.timeline import StoppedClock

DAY = date(2026, 11, 20)
FAILED, CANCELED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED
A, B = "a" * 22, "b" * 22


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def load(warehouse: Warehouse, day: date, missing: Mapping[str, Reason] | None = None, *ids: str) -> None:
    """Load a day in which some artists are missing."""
    ids = ids or (A,)
    rows = pa.table(
        {
            "snapshot_date": pa.array([day] * len(ids), pa.date32()),
            "source": ["simulated"] * len(ids),
            "artist_id": list(ids),
            "requested_id": list(ids),
            "observed_at": pa.array([at(12, day=day)] * len(ids)),
        }
    )
    gone = dict(missing or {})
    replace_partition(
        warehouse, table="artist_snapshots", source="simulated", day=day, rows=rows, quarantined=[],
        load=LoadSummary(len(ids) + len(gone), len(ids), gone, 0, 0, "run"),
    )  # fmt: skip


@pytest.fixture
def sensor(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Sensor:
    """The sensor where one artist has been observed every day."""
    watchlist.add(warehouse, "simulated", A, "A")
    load(warehouse, DAY - timedelta(days=1))
    found = Sensor(COMPLETE_TODAY, settings, instance)
    assert found.tick(at(0, 1)) == []
    return found


def keys(requests: list[dg.RunRequest]) -> list[str | None]:
    assert all(one.partition_key == DAY.isoformat() for one in requests)
    assert all(one.job_name in {None, "observe_day"} for one in requests)
    return [one.run_key for one in requests]


def test_before_the_daily_run_it_waits_for_it(sensor: Sensor) -> None:
    assert sensor.tick(at(3)) == []
    assert sensor.reason == "The daily run: at 12:00 UTC"


def test_without_artists_nothing_is_asked_for(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    sensor = Sensor(COMPLETE_TODAY, settings, instance)
    assert sensor.tick(at(15)) == []
    assert sensor.reason == "No artist is tracked: spotify-assets watch add ARTIST"


def test_a_complete_day_needs_nothing_more(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY)
    record_run(instance, at(12, 3))
    for hour in (13, 18, 23):
        assert sensor.tick(at(hour)) == []
    assert sensor.reason is not None
    assert "Nothing is missing that asking again may bring" in sensor.reason


@pytest.mark.parametrize("why", ["failed", "missing"])
def test_it_asks_again_after_growing_pauses_and_no_more_than_that(
    why: str, sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    status = FAILED if why == "failed" else dg.DagsterRunStatus.SUCCESS
    if why == "missing":
        load(warehouse, DAY, {B: Reason(ReasonCode.FAILED, "HTTP 503")})
    else:
        load(warehouse, DAY)
    ended = at(12, 3)
    record_run(instance, ended, status)
    for number, pause in enumerate(PAUSES, 1):
        early, due = ended + pause - timedelta(minutes=1), ended + pause
        assert sensor.tick(early) == []
        assert sensor.reason is not None
        assert sensor.reason.startswith(f"Asked again ({number} of {len(PAUSES)}), because ")
        assert sensor.reason.endswith(f"at {due:%H:%M} UTC")
        (request,) = sensor.tick(due)
        assert keys([request]) == [f"{DAY} retry {number}"]
        # Looked at again before the run has begun, it asks for the same one, which Dagster starts once.
        assert keys(sensor.tick(due)) == [f"{DAY} retry {number}"]
        ended = due + timedelta(minutes=2)
        record_run(instance, ended, status, request)
    assert sensor.tick(at(23, 59)) == []
    assert sensor.reason is not None
    assert "left alone until tomorrow" in sensor.reason


def test_a_source_that_gave_nothing_today_is_asked_again(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY - timedelta(days=1))
    record_run(instance, at(12, 3))
    assert keys(sensor.tick(at(12, 33))) == [f"{DAY} retry 1"]
    load(warehouse, DAY)
    assert sensor.tick(at(12, 34)) == []


def test_it_asks_no_more_once_everything_came(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY, {B: Reason(ReasonCode.FAILED, "HTTP 503")})
    record_run(instance, at(12, 3))
    (request,) = sensor.tick(at(12, 33))
    load(warehouse, DAY, {}, A, B)
    record_run(instance, at(12, 35), request=request)
    assert sensor.tick(at(20)) == []


@pytest.mark.parametrize(
    "code",
    [
        ReasonCode.REFUSED,
        ReasonCode.NOT_OFFERED,
        ReasonCode.UNIDENTIFIED,
        ReasonCode.BUDGET_SPENT,
        ReasonCode.COOLDOWN,
    ],
)
def test_what_asking_again_cannot_bring_is_not_asked_for(
    code: ReasonCode, sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY, {B: Reason(code)})
    record_run(instance, at(12, 3))
    assert sensor.tick(at(20)) == []


def test_an_upstream_that_twice_knows_nothing_of_an_artist_is_believed(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY, {B: Reason(ReasonCode.NOT_FOUND)})
    record_run(instance, at(12, 3))
    (request,) = sensor.tick(at(12, 40))
    record_run(instance, at(12, 42), request=request)
    assert sensor.tick(at(20)) == []


def test_nothing_is_asked_for_while_a_run_of_today_is_under_way(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    record_run(instance, at(12, 3), FAILED)
    record_run(instance, at(12, 40), dg.DagsterRunStatus.STARTED, job="__ASSET_JOB")
    assert sensor.tick(at(20)) == []
    assert sensor.reason == "A run of today is queued or under way"


def test_a_retry_that_would_come_after_midnight_is_none(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    record_run(instance, at(23, 40), FAILED)
    assert sensor.tick(at(23, 59)) == []
    assert sensor.reason is not None
    assert "today is over before" in sensor.reason
    tomorrow = DAY + timedelta(days=1)
    assert sensor.tick(at(0, 15, tomorrow)) == []
    assert sensor.reason == "The daily run: at 12:00 UTC"


def test_a_run_that_a_person_cancelled_is_not_asked_for_again(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    record_run(instance, at(12, 3), CANCELED)
    assert sensor.tick(at(20)) == []
    assert sensor.reason is not None
    assert "cancelled by hand" in sensor.reason


def test_a_missed_daily_run_is_made_up_for_once_the_scheduler_had_its_chance(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    assert sensor.tick(at(12, 5)) == [], "within the grace"
    assert sensor.tick(at(15)) == [], "first seen: the scheduler may just have been started too"
    assert sensor.reason is not None
    assert sensor.reason.startswith("The daily run at 12:00 UTC was missed: asked for unless")
    assert sensor.tick(at(15, 1)) == []
    (request,) = sensor.tick(at(15, 2))
    assert keys([request]) == [f"{DAY} missed"]
    record_run(instance, at(15, 5), request=request)
    load(warehouse, DAY)
    assert sensor.tick(at(15, 6)) == []


def test_a_day_that_was_loaded_by_a_backfill_was_not_missed(sensor: Sensor, warehouse: Warehouse) -> None:
    load(warehouse, DAY)
    for table in OBSERVED_DAILY.keys() - {"artist_snapshots"}:
        assert sensor.tick(at(15)) == []
        assert sensor.reason is not None
        assert "was missed" in sensor.reason, "some tables are not loaded yet"
        replace_partition(
            warehouse, table=table, source="simulated", day=DAY, rows=arrow_schema(table).empty_table(),
            quarantined=[], load=LoadSummary(0, 0, {}, 0, 0, "run"),
        )  # fmt: skip
    for minute in (0, 2, 4):
        assert sensor.tick(at(15, minute)) == []
    assert "Nothing is missing that asking again may bring" in (sensor.reason or "")


def test_a_look_from_before_the_daemon_was_down_does_not_count(sensor: Sensor) -> None:
    sensor.tick(at(13))
    assert sensor.tick(at(16)) == []
    assert sensor.tick(at(16, 2)) != []


def test_where_the_scheduler_made_up_for_it_the_sensor_does_not(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    sensor.tick(at(15))
    record_run(instance, at(15, 1), dg.DagsterRunStatus.STARTED)
    assert sensor.tick(at(15, 2)) == []


def test_a_run_of_some_assets_is_no_daily_run(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    record_run(instance, at(11), job="__ASSET_JOB")
    sensor.tick(at(13))
    assert keys(sensor.tick(at(13, 2))) == [f"{DAY} missed"]


def test_the_first_artists_ever_are_observed_at_once(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    sensor = Sensor(COMPLETE_TODAY, settings, instance)
    watchlist.add(warehouse, "simulated", A, "A")
    assert keys(sensor.tick(at(3))) == [f"{DAY} first"]


def test_ten_thousand_new_artists_are_observed_today_by_one_run(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY)
    record_run(instance, at(12, 3))
    assert sensor.tick(at(13)) == []
    watchlist.add_many(warehouse, "simulated", [(f"{n:022}", None) for n in range(10_000)])
    (request,) = sensor.tick(at(13, 1))
    assert str(request.run_key).startswith(f"{DAY} watchlist 10001 of 10001")
    # A second look before the run is recorded asks for nothing more, and so does one after it.
    assert sensor.tick(at(13, 2)) == []
    record_run(instance, at(13, 9), request=request)
    load(warehouse, DAY, {}, A, *(f"{n:022}" for n in range(10_000)))
    assert sensor.tick(at(13, 10)) == []
    # One more, and one who comes back.
    watchlist.remove(warehouse, "simulated", A)
    assert sensor.tick(at(13, 11)) == []
    watchlist.add(warehouse, "simulated", B, "B")
    (again,) = sensor.tick(at(13, 12))
    assert again.run_key != request.run_key


def test_an_artist_added_while_a_run_is_under_way_is_asked_about_after_it(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    running = record_run(instance, at(12, 3), dg.DagsterRunStatus.STARTED)
    watchlist.add(warehouse, "simulated", B, "B")
    assert sensor.tick(at(12, 4)) == []
    load(warehouse, DAY)
    run = instance.get_run_by_id(running)
    assert run is not None
    instance.report_run_canceled(run)
    assert len(sensor.tick(at(12, 6))) == 1


def cool_down(warehouse: Warehouse, seconds: float, set_at: datetime | None = None) -> datetime:
    """An upstream asked to be left alone, now or at a time; gives when that is over."""
    quota = SharedQuota(warehouse, "simulated", "app")
    quota.cool_down(seconds, "it asked for a pause")
    quota.close()
    time.sleep(min(seconds, 0.2))
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update ops.cooldowns set set_at = coalesce(%s, set_at)", (set_at,))
        connection.commit()
    return last_cooldowns(warehouse)[0].until


def test_after_a_cooldown_today_is_resumed_by_one_run(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY, {B: Reason(ReasonCode.COOLDOWN)})
    record_run(instance, at(12, 3))
    until = cool_down(warehouse, 0.1, at(12, 2))
    (request,) = sensor.tick(at(12, 10))
    assert keys([request]) == [f"simulated app {until.isoformat()}"]
    assert keys(sensor.tick(at(12, 10))) == keys([request]), (
        "the same key, by which Dagster starts one run only"
    )
    record_run(instance, at(12, 12), request=request)
    assert sensor.tick(at(12, 30)) == []


def test_while_a_cooldown_lasts_a_failed_run_is_not_asked_for_again(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    record_run(instance, at(12, 3), FAILED)
    cool_down(warehouse, 3600)  # by the database's clock, it lasts
    assert sensor.tick(at(23)) == []
    assert sensor.reason is not None
    assert "asked to be left alone" in sensor.reason


def test_a_cooldown_of_another_day_resumes_nothing(
    sensor: Sensor, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    load(warehouse, DAY)
    record_run(instance, at(12, 3))
    cool_down(warehouse, 0.05, at(12, day=DAY - timedelta(days=2)))
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update ops.cooldowns set until = %s", (at(13, day=DAY - timedelta(days=2)),))
        connection.commit()
    assert sensor.tick(at(13)) == []


def test_nothing_multiplies_runs(settings: Settings) -> None:
    definitions = build_definitions(settings)
    job = definitions.resolve_job_def("observe_day")
    assert not any(node.retry_policy for node in job.nodes)
    assert not any(getattr(node, "_retry_policy", None) for node in job.all_node_defs)
    assert not {tag for tag in job.tags if "retr" in tag}
    instance = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    assert instance["run_retries"] == {"enabled": False}


@pytest.mark.parametrize(("now", "asked"), [(at(15), True), (at(0, 1, DAY + timedelta(days=1)), False)])
def test_the_schedule_asks_for_its_day_only_while_it_lasts(
    settings: Settings, now: datetime, asked: bool
) -> None:
    resources = build_resources(settings, {"clock": StoppedClock(now.replace(tzinfo=None).isoformat())})
    repository = build_definitions(settings, resources).get_repository_def()
    schedule = repository.get_schedule_def("daily_observation")
    context = dg.build_schedule_context(
        scheduled_execution_time=at(12), repository_def=repository, resources=resources
    )
    outcome = schedule.evaluate_tick(context)
    assert [one.partition_key for one in outcome.run_requests or []] == ([DAY.isoformat()] if asked else [])
    if not asked:
        assert f"{DAY} is over" in str(outcome.skip_message)
