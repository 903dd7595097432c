"""Old events, logs and raw responses go; what Dagster says of partitions, and what is loaded, stays."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from spotify_assets.cli.runtime.environment import open_environment
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.maintenance.prune import HOUSEKEEPING
from spotify_assets.ingest.load import load
from spotify_assets.ingest.removed import RawRemoved, refuse_removed
from spotify_assets.lake.landing import Landing
from spotify_assets.operations.prune import Pruned, prune
from spotify_assets.settings import Settings
from spotify_assets.sources.exchange import Exchange
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.command import change, contents, query
from spotify_assets_tests.support.dagster_records import dagster_records
from spotify_assets_tests.support.manifest import build_manifest

NOW = datetime.now(UTC)
PARTITIONS = dg.StaticPartitionsDefinition(["a", "b", "c"])
KEY = dg.AssetKey("observed")


@dg.asset(key=KEY, partitions_def=PARTITIONS, check_specs=[dg.AssetCheckSpec("holds", asset=KEY)])
def observed(context: dg.AssetExecutionContext) -> Iterator[Any]:
    if context.run.tags.get("fails"):
        raise RuntimeError("as asked")
    yield dg.AssetCheckResult(passed=not context.run.tags.get("warns"), check_name="holds")
    yield dg.MaterializeResult(metadata={"run": context.run.run_id}, data_version=dg.DataVersion("1"))


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's records in the test's database, as the platform keeps them."""
    with dagster_records(open_environment(settings), monkeypatch) as opened:
        yield opened


def run(instance: dg.DagsterInstance, partition: str, **tags: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [observed], instance=instance, partition_key=partition, tags=tags, raise_on_error=False
    )


def age(url: str, days: int) -> None:
    """Let everything that Dagster has recorded have happened earlier."""
    for table, columns in {
        "event_logs": ("timestamp",),
        "asset_check_executions": ("create_timestamp", "evaluation_event_timestamp"),
        "runs": ("create_timestamp", "update_timestamp"),
    }.items():
        moved = ", ".join(f"{column} = {column} - interval '{days} days'" for column in columns)
        change(url, f"update dagster.{table} set {moved}")


def says(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What Dagster says of the asset."""
    storage = instance.event_log_storage
    (record,) = instance.get_asset_records([KEY])
    check = dg.AssetCheckKey(KEY, "holds")
    newest = storage.get_latest_asset_check_execution_by_key([check])[check]
    return {
        "materialized": storage.get_materialized_partitions(KEY),
        "newest": storage.get_latest_storage_id_by_partition(KEY, dg.DagsterEventType.ASSET_MATERIALIZATION),
        "tags": storage.get_latest_tags_by_partition(
            KEY, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
        ),
        "failed": storage.get_latest_asset_partition_materialization_attempts_without_materializations(KEY),
        "record": record.asset_entry.last_materialization_record,
        "check": (newest.run_id, newest.status, newest.event),
        "runs": sorted(one.run_id for one in instance.get_runs()),
    }


def test_old_events_go_and_every_status_stays(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    url = warehouse.url.get_secret_value()
    build_manifest()
    for partition in ("a", "a", "b"):
        run(instance, partition, warns="yes")
    failed = run(instance, "c", fails="yes")
    age(url, 200)
    young = run(instance, "a")
    told = len(instance.all_logs(young.run_id))
    before, logged = says(instance), query(url, "select count(*) from dagster.event_logs")[0][0]
    assert before["materialized"] == {"a", "b"}
    assert before["failed"]["c"][0] == failed.run_id
    # b is old and the only one of its partition; a has a newer one, so its old ones go.
    assert prune_events_only(warehouse, settings, dry_run=True) > 0
    assert query(url, "select count(*) from dagster.event_logs") == [(logged,)]
    counted = prune_events_only(warehouse, settings, dry_run=True)
    removed = prune_events_only(warehouse, settings)
    assert removed == counted > logged / 3
    assert says(instance) == before
    old = "select dagster_event_type, partition from dagster.event_logs where timestamp < current_date - 9"
    assert set(query(url, old)) == {
        ("ASSET_MATERIALIZATION", "b"),
        ("ASSET_MATERIALIZATION_PLANNED", "b"),
        ("ASSET_MATERIALIZATION_PLANNED", "c"),
        *{(kind, partition) for kind, partition in query(url, old) if kind.startswith("ASSET_CHECK")},
    }
    assert len(instance.all_logs(young.run_id)) == told
    assert query(url, "select count(*) from dagster.asset_event_tags where event_id not in "
                      "(select id from dagster.event_logs)") == [(0,)]  # fmt: skip
    assert prune_events_only(warehouse, settings) == 0


def test_what_a_run_under_way_recorded_stays(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    url = warehouse.url.get_secret_value()
    done = run(instance, "a")
    age(url, 200)
    change(url, "update dagster.runs set status = 'STARTED'")
    assert prune_events_only(warehouse, settings) == 0
    assert instance.all_logs(done.run_id)


def prune_events_only(warehouse: Warehouse, settings: Settings, *, dry_run: bool = False) -> int:
    return prune(warehouse, Landing(settings.effective_lake_url), settings, NOW, dry_run=dry_run)[0].removed


def bring(
    warehouse: Warehouse, landing: Landing, day: date, *, loaded: bool = True, name: str = "one"
) -> None:
    """Land one artist on a day, and load the day."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    body = json.dumps({"artists": [{"id": name, "name": name, "popularity": 5}]})
    exchange = Exchange("spotify", "artists", "GET", "/v1/artists", 200, noon, "run", body, {"ids": [name]})
    landing.put("spotify", "artists", day, name, [exchange])
    if loaded:
        load("artist_snapshots", day, landing, warehouse, "run")


def raw(done: list[Pruned]) -> tuple[int, int]:
    return done[2].removed, done[2].left


def test_raw_responses_go_only_if_asked_for_and_loaded(settings: Settings, warehouse: Warehouse) -> None:
    landing, today = Landing(settings.effective_lake_url), NOW.date()
    old, kept, unloaded, added = (today - timedelta(days=days) for days in (40, 29, 41, 42))
    for day in (old, kept, added):
        bring(warehouse, landing, day)
    bring(warehouse, landing, unloaded, loaded=False)
    bring(warehouse, landing, added, loaded=False, name="another")  # landed after the day was loaded
    assert raw(prune(warehouse, landing, settings, NOW)) == (0, 0)
    limited = settings.model_copy(update={"raw_kept_days": 30})
    assert raw(prune(warehouse, landing, limited, NOW, dry_run=True)) == (1, 3)
    assert landing.days("spotify", "artists") == sorted([old, kept, unloaded, added])
    rows = contents(warehouse.url.get_secret_value())
    assert raw(prune(warehouse, landing, limited, NOW)) == (1, 3)
    assert landing.days("spotify", "artists") == sorted([kept, unloaded, added])
    assert contents(warehouse.url.get_secret_value()) == rows
    refuse_removed(warehouse, "artist_snapshots", kept, ["spotify"])
    with pytest.raises(RawRemoved, match="cannot be loaded anew: its raw responses were removed on"):
        refuse_removed(warehouse, "artist_snapshots", old, ["spotify"])
    # Not even by what is landed later, which would replace what stands there.
    with pytest.raises(RawRemoved, match="The table was left as it was"):
        bring(warehouse, landing, old, name="later")
    assert contents(warehouse.url.get_secret_value()) == rows


def test_logs_of_runs_go_by_when_they_were_last_written(settings: Settings, warehouse: Warehouse) -> None:
    home = settings.spotify_assets_home

    def write(path: Path, days: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("said")
        then = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (then, then))
        os.utime(path.parent, (then, then))
        return path

    old = [write(home / "logs" / "run-1.log", 91), write(home / "dagster/storage/one/compute_logs/x.err", 91)]
    kept = [
        write(home / "logs" / "run-2.log", 89),
        write(home / "logs" / "webserver.log", 400),
        write(home / "dagster/storage/two/compute_logs/x.err", 89),
        write(home / "dagster/storage/three/result", 400),
    ]
    landing = Landing(settings.effective_lake_url)
    assert prune(warehouse, landing, settings, NOW, dry_run=True)[1].removed == 2
    assert all(path.exists() for path in old)
    assert prune(warehouse, landing, settings, NOW)[1].removed == 2
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in kept)


def test_it_is_done_every_night(settings: Settings, warehouse: Warehouse) -> None:
    build_manifest()
    definitions = build_definitions(settings)
    schedule = definitions.resolve_schedule_def("daily_housekeeping")
    assert (schedule.cron_schedule, schedule.default_status) == (
        "0 4 * * *",
        dg.DefaultScheduleStatus.RUNNING,
    )
    landing, old = Landing(settings.effective_lake_url), NOW.date() - timedelta(days=40)
    bring(warehouse, landing, old)
    limited = settings.model_copy(update={"raw_kept_days": 30})
    job = build_definitions(limited).resolve_job_def(HOUSEKEEPING)
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
    assert landing.days("spotify", "artists") == []
