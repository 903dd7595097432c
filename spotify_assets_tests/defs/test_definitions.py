"""What Dagster sees: assets, partitions, checks, the schedule; and that seeing it is quick."""

import importlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from spotify_assets.alerts.problems import ACTIONS
from spotify_assets.contracts.tables import OBSERVED_DAILY, TABLES
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.daily.planner import OBSERVE_DAY
from spotify_assets.settings import Settings

HEAVY = ("pandas", "pandera", "pyarrow", "httpx", "adbc_driver_postgresql", "psycopg2", "uvicorn")


@pytest.fixture
def definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(settings)


def test_a_code_server_that_others_start_drops_variables_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOSTADDR", "PGSERVICE", "DBT_TARGET", "DBT_ENGINE_TARGET", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "of another project")
    importlib.reload(importlib.import_module("spotify_assets.definitions"))  # as a new process would
    assert not {"PGHOSTADDR", "PGSERVICE", "DBT_TARGET", "DBT_ENGINE_TARGET"} & set(os.environ)
    assert os.environ["DAGSTER_HOME"], "Dagster itself told it"


def test_every_layer_is_a_group_and_flows_into_the_next(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    groups_of = {key: graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert set(groups_of.values()) == {
        "landing",
        "snapshots",
        "ops",
        "seeds",
        "staging",
        "intermediate",
        "marts",
        "forecasts",
    }
    for table in TABLES.values():
        snapshot = dg.AssetKey(["snapshots", table.name])
        raw = {dg.AssetKey(["landing", f"raw_{table.entity}"])}
        assert graph.get(snapshot).parent_keys == (raw if table.observed else set())
        assert (raw <= groups_of.keys()) == table.observed
        assert dg.AssetKey(["staging", f"stg_{table.name}"]) in graph.get(snapshot).child_keys
    trend = graph.get(dg.AssetKey(["marts", "artist_popularity_trend"]))
    assert {key.path[0] for key in trend.parent_keys} == {"intermediate", "seeds"}


def test_what_is_observed_is_partitioned_by_utc_day_with_todays_and_what_is_built_is_not(
    definitions: dg.Definitions, settings: Settings
) -> None:
    graph = definitions.resolve_asset_graph()
    now = datetime(2026, 11, 20, 0, 0, 1, tzinfo=UTC)
    assert graph.materializable_asset_keys
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        if key.path[0] not in {"landing", "snapshots"}:
            assert partitions is None
            continue
        assert isinstance(partitions, dg.DailyPartitionsDefinition)
        assert partitions.timezone == "UTC"
        with partition_loading_context(now):
            assert partitions.get_last_partition_key() == "2026-11-20"
        assert partitions.get_first_partition_key() == settings.spotify_assets_start_date.isoformat()
        assert graph.get(key).backfill_policy == dg.BackfillPolicy.single_run()


def test_every_loaded_table_has_its_checks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for table in TABLES.values():
        key = dg.AssetKey(["snapshots", table.name])
        checks = {check.name for check in graph.get_check_keys_for_assets({key})}
        assert {"contract", "completeness", "reconciliation", "null_share"} <= checks
        compared, due = {"volume", "unchanged_day"}, {"freshness", "gaps"}
        assert checks & compared == (compared if table.daily else set())
        assert checks & due == (due if table.name in OBSERVED_DAILY else set())


def test_an_alert_knows_what_the_failure_of_each_job_means(definitions: dg.Definitions) -> None:
    jobs = {job.name for job in definitions.get_repository_def().get_all_jobs()}
    assert {job for job in jobs if not job.startswith("__")} - {OBSERVE_DAY} == ACTIONS.keys()


def test_dbt_tests_are_asset_checks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    keys = {dg.AssetKey(["marts", "artist_popularity_trend"])}
    assert graph.get_check_keys_for_assets(keys)


def test_the_schedule_has_its_hour(definitions: dg.Definitions) -> None:
    schedule = definitions.get_repository_def().get_schedule_def("daily_observation")
    assert schedule.cron_schedule == "0 12 * * *"
    assert schedule.execution_timezone == "UTC"


def test_a_simulated_upstream_is_named_on_every_asset(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert all(graph.get(key).tags.get("upstream") == "simulated" for key in graph.get_all_asset_keys())


def test_loading_the_definitions_imports_nothing_heavy() -> None:
    code = (
        "import sys, dagster, dagster_dbt; before = set(sys.modules); "
        "import spotify_assets.definitions as d; d.build_definitions(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules and name not in before])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_start_date_is_a_setting(settings: Settings) -> None:
    later = settings.model_copy(update={"spotify_assets_start_date": date(2025, 5, 5)})
    graph = build_definitions(later).resolve_asset_graph()
    partitions = graph.get(dg.AssetKey(["snapshots", "top_tracks"])).partitions_def
    assert partitions is not None
    assert partitions.get_first_partition_key() == "2025-05-05"
