"""Snapshots that somebody materializes alone get their marts; those of the daily job are not built twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.events import DagsterEvent, StepMaterializationData

from spotify_assets.artists import watchlist
from spotify_assets.defs.dbt import stale_marts_sensor
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.clocks.clocked import Sensor, record_run
from spotify_assets_tests.support.running import run

SNAPSHOT = dg.AssetKey(["snapshots", "artist_snapshots"])
NOW = datetime.now(UTC) - timedelta(minutes=10)


@pytest.fixture
def sensor(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Sensor:
    found = Sensor(stale_marts_sensor.MARTS_FOLLOW, settings, instance)
    assert found.tick(NOW) == []
    return found


def materialize(instance: dg.DagsterInstance, run_id: str, *days: str, key: dg.AssetKey = SNAPSHOT) -> None:
    for day in days:
        event = DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="any",
            event_specific_data=StepMaterializationData(dg.AssetMaterialization(key, partition=day)),
        )
        instance.report_dagster_event(event, run_id)


def window(request: dg.RunRequest) -> list[str]:
    if request.job_name == "observe_day":
        assert request.asset_selection is not None
        assert {stale_marts_sensor.MART, dg.AssetKey(["forecasts", "artist_forecasts"])} <= set(
            request.asset_selection
        )
        assert not any(key.path[0] in {"landing", "snapshots"} for key in request.asset_selection)
        return [request.partition_key or ""] * 2
    days: list[str] = request.run_config["ops"]["build_marts_of_days"]["inputs"]["days"]
    assert request.job_name == "build_marts"
    return days


def test_what_was_there_before_it_first_looked_is_left_alone(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    materialize(instance, record_run(instance, NOW), "2026-11-01")
    sensor = Sensor(stale_marts_sensor.MARTS_FOLLOW, settings, instance)
    assert sensor.tick(NOW) == []
    assert sensor.reason == "No day is left behind"
    assert sensor.tick(NOW) == []


def test_days_that_are_left_behind_are_built_once_over_all_of_them(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    materialize(instance, record_run(instance, NOW, job="__ASSET_JOB"), "2026-11-01", "2026-11-03")
    (request,) = sensor.tick(NOW)
    assert window(request) == ["2026-11-01", "2026-11-03"]
    assert request.run_key
    assert sensor.tick(NOW) == []
    assert sensor.reason == "No day is left behind"


def test_a_run_that_came_to_its_marts_needs_no_other(sensor: Sensor, instance: dg.DagsterInstance) -> None:
    done = record_run(instance, NOW)
    materialize(instance, done, "2026-11-01")
    materialize(instance, done, "2026-11-01", key=stale_marts_sensor.MART)
    assert sensor.tick(NOW) == []


def test_a_run_under_way_may_still_come_to_its_marts(
    sensor: Sensor, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_marts_sensor, "SETTLED_SECONDS", 0.0)
    going = record_run(instance, NOW, dg.DagsterRunStatus.STARTED)
    materialize(instance, going, "2026-11-01")
    cursor = sensor.cursor
    assert sensor.tick(NOW) == []
    assert sensor.reason is not None
    assert sensor.reason.startswith("A run is under way")
    assert sensor.cursor == cursor or sensor.cursor is None
    sensor.cursor = cursor
    found = instance.get_run_by_id(going)
    assert found is not None
    instance.report_run_failed(found)
    (request,) = sensor.tick(NOW)
    assert window(request) == ["2026-11-01", "2026-11-01"], "what was loaded is built upon"
    assert sensor.tick(NOW) == []


@pytest.mark.parametrize("how", ["its contract failed", "its marts failed", "cancelled"])
def test_what_a_failed_run_loaded_is_left_alone_where_building_would_not_do(
    sensor: Sensor, instance: dg.DagsterInstance, how: str
) -> None:
    status = dg.DagsterRunStatus.CANCELED if how == "cancelled" else dg.DagsterRunStatus.FAILURE
    failed = record_run(instance, NOW, status)
    materialize(instance, failed, "2026-11-01")
    if how == "its contract failed":
        event = DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value, job_name="any",
            event_specific_data=AssetCheckEvaluation(
                SNAPSHOT, "contract", passed=False, metadata={}, blocking=True
            ),
        )  # fmt: skip
        instance.report_dagster_event(event, failed)
    if how == "its marts failed":
        event = DagsterEvent(
            event_type_value=dg.DagsterEventType.STEP_START.value, job_name="any", step_key="dbt_models"
        )
        instance.report_dagster_event(event, failed)
    assert sensor.tick(NOW) == []
    assert sensor.reason == "No day is left behind"


def test_a_run_that_ended_just_now_may_be_followed_by_another_that_builds(
    sensor: Sensor, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    materialize(instance, record_run(instance, datetime.now(UTC)), "2026-11-01")
    assert sensor.tick(NOW) == []
    monkeypatch.setattr(stale_marts_sensor, "SETTLED_SECONDS", 0.0)
    assert [window(request) for request in sensor.tick(NOW)] == [["2026-11-01", "2026-11-01"]]


def test_a_long_backlog_takes_several_looks(
    sensor: Sensor, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_marts_sensor, "EVENTS_AT_ONCE", 10)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    days = [(first + timedelta(days=number)).date().isoformat() for number in range(25)]
    materialize(instance, record_run(instance, NOW), *days)
    windows = [window(request) for _ in range(4) for request in sensor.tick(NOW)]
    assert windows == [[days[0], days[9]], [days[10], days[19]], [days[20], days[24]]]
    assert len(json.loads(sensor.cursor or "")) < 20


def test_a_real_run_of_snapshots_alone_is_followed_and_then_no_more(
    sensor: Sensor, simulated: Settings, warehouse: Warehouse, instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(stale_marts_sensor, "SETTLED_SECONDS", 0.0)
    day = datetime.now(UTC).date().isoformat()
    watchlist.add(warehouse, "simulated", "0TnOYISbd1XYRBk9myaseg", "Someone")
    assert run(simulated, instance, [day], ["landing/raw_artists", "snapshots/artist_snapshots"]).success
    (request,) = sensor.tick(NOW)
    assert window(request) == [day, day]
    definitions = sensor.repository
    done = definitions.get_job("observe_day").execute_in_process(
        partition_key=request.partition_key, asset_selection=request.asset_selection, instance=instance,
        raise_on_error=False,
    )  # fmt: skip
    assert done.success
    assert instance.get_materialized_partitions(stale_marts_sensor.MART) == {day}
    assert sensor.tick(NOW) == []
