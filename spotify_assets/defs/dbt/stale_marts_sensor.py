"""Marts follow their snapshots: days that were loaded without their marts get them.

The daily job, imports and backfills from the command line build marts themselves; what is left is a snapshot
that somebody materializes alone, as from the web UI. A sensor over materializations and no automation
condition on the models: a condition sees a snapshot of the daily job before that very run has come to its
marts, would be weighed for each of a hundred models and thousands of days every half minute, and knows
nothing of a contract that failed.

How marts are built stands in `defs.file_imports.sensor`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import date

import dagster as dg

from spotify_assets.contracts.tables import TABLES
from spotify_assets.defs.daily.job import observe_day
from spotify_assets.defs.daily.runs import UNDER_WAY
from spotify_assets.defs.dbt.models import DBT_MODELS, mart_keys
from spotify_assets.defs.file_imports.sensor import build_marts_job, marts_of_days
from spotify_assets.defs.forecasts.assets import forecast_keys
from spotify_assets.defs.ingestion.keys import snapshot_key
from spotify_assets.defs.location import CodeLocation

MARTS_FOLLOW = "marts_follow_snapshots"
SECONDS = 60
EVENTS_AT_ONCE = 500
"""Materializations of one table that are looked at in one tick: a long backlog takes several."""
SETTLED_SECONDS = 120.0
"""How long ago a run must have ended: a backfill from the command line loads in one run and then builds in
another."""
MART = dg.AssetKey(["marts", "artist_popularity_trend"])
"""Built whenever any mart is: models are built together."""


def following_sensor(job: dg.JobDefinition) -> dg.SensorDefinition:
    """Build the marts of days whose snapshots are newer than they are.

    Also those of a run that failed before it came to its marts, as where a source does not answer: what was
    loaded is built upon, unless it failed its contract. Its cursor holds, by table, the last materialization
    that has been looked at.

    Args:
        job: What builds marts of days.
    """

    @dg.sensor(
        name=MARTS_FOLLOW,
        jobs=[job, observe_day],
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds the marts of days whose snapshots were materialized without them.",
    )
    def marts_follow_snapshots(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance = context.instance
        if instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=1):
            return dg.SensorResult(
                skip_reason="A run is under way, which may build marts: looked at after it"
            )
        cursor: dict[str, str] = json.loads(context.cursor or "null") or _beginning(instance)
        behind, moved = _left_behind(instance, cursor)
        if not behind:
            return dg.SensorResult(skip_reason="No day is left behind", cursor=json.dumps(moved))
        first, last = min(behind), max(behind)
        key = hashlib.sha256(json.dumps([first, last, moved], sort_keys=True).encode()).hexdigest()[:32]
        tags = {"spotify_assets/days": f"{first} to {last}"}
        if first == last:
            keys = [*mart_keys(), *forecast_keys()]
            request = dg.RunRequest(
                key, partition_key=first, asset_selection=keys, job_name=observe_day.name, tags=tags
            )
        else:
            days = marts_of_days(date.fromisoformat(first), date.fromisoformat(last))
            request = dg.RunRequest(key, run_config=days, job_name=job.name, tags=tags)
        return dg.SensorResult(run_requests=[request], cursor=json.dumps(moved))

    return marts_follow_snapshots


def _beginning(instance: dg.DagsterInstance) -> dict[str, str]:
    """Where to begin: what was materialized before this sensor first looked is nobody's order."""
    found = {}
    for table in TABLES.values():
        newest = instance.fetch_materializations(snapshot_key(table), limit=1).records
        found[table.name] = str(newest[0].storage_id) if newest else "0"
    return found


def _left_behind(instance: dg.DagsterInstance, cursor: Mapping[str, str]) -> tuple[set[str], dict[str, str]]:
    """Days that have snapshots newer than their marts, and what has been looked at then."""
    loaded: dict[str, int] = {}
    moved = dict(cursor)
    sound: dict[str, bool | None] = {}
    for table in TABLES.values():
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(snapshot_key(table), after_storage_id=int(cursor.get(table.name, 0))),
            limit=EVENTS_AT_ONCE,
            ascending=True,
        ).records
        for record in records:
            if record.run_id not in sound:
                sound[record.run_id] = _is_sound(instance, record.run_id)
            if sound[record.run_id] is None:
                break
            moved[table.name] = str(record.storage_id)
            if record.partition_key and sound[record.run_id]:
                loaded[record.partition_key] = max(record.storage_id, loaded.get(record.partition_key, 0))
    if not loaded:
        return set(), moved
    built = instance.get_latest_storage_id_by_partition(
        MART, dg.DagsterEventType.ASSET_MATERIALIZATION, set(loaded)
    )
    return {day for day, storage_id in loaded.items() if built.get(day, 0) < storage_id}, moved


def _is_sound(instance: dg.DagsterInstance, run_id: str) -> bool | None:
    """Whether marts may be built upon what a run loaded; none for one that ended just now.

    What is no run of Dagster's sees to its marts, and so did a run that came to them and failed there.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return False
    if record.end_time is not None and time.time() - record.end_time < SETTLED_SECONDS:
        return None
    if record.dagster_run.status == dg.DagsterRunStatus.SUCCESS:
        return True
    if record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return False
    return not _failed_its_contract(instance, run_id) and not _came_to_marts(instance, run_id)


def _failed_its_contract(instance: dg.DagsterInstance, run_id: str) -> bool:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = (
        event.asset_check_evaluation_data
        for record in records
        if (event := record.event_log_entry.dagster_event) is not None
    )
    return any(one.blocking and not one.passed for one in evaluations)


def _came_to_marts(instance: dg.DagsterInstance, run_id: str) -> bool:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_START).records
    return any(record.event_log_entry.step_key == DBT_MODELS for record in records)


def definitions(location: CodeLocation) -> dg.Definitions:
    """The job that builds marts, and the sensor that asks for it."""
    job = build_marts_job(location.resources)
    return dg.Definitions(jobs=[job], sensors=[following_sensor(job)])
