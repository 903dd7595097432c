"""Forecasts as assets: a run forecasts from its newest day, and shows what its backtests found."""

from typing import Any

import dagster as dg

from spotify_assets.definitions import build_definitions
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.forecasts.tables import LAST, create, execute, followers, songs
from spotify_assets_tests.support.running import materialized, run

SELECTION = ["forecasts/artist_forecasts", "forecasts/song_forecasts"]


def test_forecasts_are_made_from_the_newest_day(
    settings: Settings, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    create(warehouse)
    followers(warehouse, "steady", range(1000, 2500, 10), source="simulated")
    songs(warehouse, "isrc:A", [40] * 80)
    assert run(settings, instance, [], SELECTION).success
    assert execute(
        warehouse, "select entity, forecast_on, count(*) from forecasts.forecasts group by 1, 2 order by 1"
    ) == [("artist", LAST, 2), ("song", LAST, 2)]
    newest: dict[str, Any] = materialized(instance, SELECTION[0])[""]
    assert newest["note"] == "SIMULATED: of invented series"
    assert (newest["dagster/row_count"], newest["shown"]) == (2, 2)
    records, _ = newest["backtest"]
    assert [record.data["with_enough_history"] for record in records] == [1, 1]


def test_forecasts_stand_downstream_of_the_marts(settings: Settings) -> None:
    graph = build_definitions(settings).resolve_asset_graph()
    for entity, mart in (("artist", "artist_popularity_trend"), ("song", "track_popularity_trend")):
        node = graph.get(dg.AssetKey(["forecasts", f"{entity}_forecasts"]))
        assert dg.AssetKey(["marts", mart]) in node.parent_keys
        assert not node.child_keys
