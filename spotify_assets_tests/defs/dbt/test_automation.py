"""Marts and forecasts follow what was loaded, once, whoever loaded it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.definitions import build_definitions
from spotify_assets.defs._dagster_compat import checked_materializations, report_evaluation
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.running import run

SNAPSHOT = dg.AssetKey(["snapshots", "artist_snapshots"])
TREND = dg.AssetKey(["marts", "artist_popularity_trend"])
CHURN = dg.AssetKey(["marts", "top_track_churn"])
FORECASTS = dg.AssetKey(["forecasts", "artist_forecasts"])
TODAY = datetime.now(UTC).date()


class Automation:
    """The conditions of the real definitions, evaluated tick by tick."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self._definitions = build_definitions(settings)
        self._instance = instance
        self._cursor: dg.AssetDaemonCursor | None = None

    def tick(self) -> set[dg.AssetKey]:
        result = dg.evaluate_automation_conditions(
            self._definitions,
            instance=self._instance,
            asset_selection=dg.AssetSelection.all(),
            cursor=self._cursor,
        )
        self._cursor = result.cursor
        keys = self._definitions.resolve_asset_graph().get_all_asset_keys()
        return {key for key in keys if result.get_num_requested(key)}


@pytest.fixture
def automation(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Automation:
    found = Automation(settings, instance)
    assert found.tick() == set()
    return found


def load(instance: dg.DagsterInstance, table: str, *days: str) -> None:
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(["snapshots", table], partition=day))


def check(instance: dg.DagsterInstance, day: str, *, passed: bool) -> None:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=SNAPSHOT, check_name="contract", passed=passed, blocking=True, metadata={}, partition=day,
        target_materialization_data=checked_materializations(instance, SNAPSHOT, [day])[day],
    )  # fmt: skip
    report_evaluation(instance, evaluation, str(uuid4()))


def build(instance: dg.DagsterInstance, keys: set[dg.AssetKey]) -> None:
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(key))


def test_days_loaded_by_one_run_are_followed_by_one_build_of_what_reads_them(
    automation: Automation, instance: dg.DagsterInstance
) -> None:
    days = [(TODAY - timedelta(days=number)).isoformat() for number in range(16)]
    load(instance, "artist_snapshots", *days)
    for day in days:
        check(instance, day, passed=True)
    requested = automation.tick()
    assert {TREND, FORECASTS} <= requested
    assert CHURN not in requested
    assert not any(key.path[0] in {"landing", "snapshots", "seeds"} for key in requested)
    build(instance, requested)
    assert automation.tick() == set()
    assert automation.tick() == set()


def test_what_broke_its_contract_is_not_built_upon(
    automation: Automation, instance: dg.DagsterInstance
) -> None:
    load(instance, "artist_snapshots", TODAY.isoformat())
    check(instance, TODAY.isoformat(), passed=False)
    assert TREND not in automation.tick()
    check(instance, TODAY.isoformat(), passed=True)
    assert TREND in automation.tick()


def test_a_run_that_builds_its_marts_itself_needs_no_other(
    simulated: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    automation = Automation(simulated, instance)
    assert automation.tick() == set()
    for artist_id in Catalogue(artists=60).artist_ids(3):
        watchlist.add(warehouse, "simulated", artist_id, "Someone")
    day = TODAY.isoformat()
    assert run(simulated, instance, [day], ["landing/raw_artists", "snapshots/artist_snapshots"]).success
    requested = automation.tick()
    assert {TREND, FORECASTS} <= requested
    assert run(simulated, instance, [day], []).success
    assert automation.tick() == set()
    assert instance.get_latest_materialization_event(TREND) is not None
