"""Forecasts as assets, downstream of the marts: where each series will stand in 14 and in 28 days.

Always from the newest day: a forecast made for a day long past, with what was imported since, was never
anybody's forecast; how far it would have been off is what the backtest says.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.defs.automation import FOLLOW
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import SettingsResource, WarehouseResource
from spotify_assets.settings import is_simulated

if TYPE_CHECKING:
    from spotify_assets.forecasting.forecast import Forecast
    from spotify_assets.forecasting.store import Entity

LAYER = "forecasts"
UPSTREAM: "Mapping[Entity, Sequence[dg.AssetKey]]" = {
    "artist": [
        dg.AssetKey(["intermediate", "int_artist_series"]),
        dg.AssetKey(["marts", "artist_popularity_trend"]),
    ],
    "song": [
        dg.AssetKey(["marts", "track_popularity_trend"]),
        dg.AssetKey(["marts", "playlist_trends"]),
    ],
}
DESCRIPTIONS: "Mapping[Entity, str]" = {
    "artist": "Popularity, followers, listeners and daily plays of artists",
    "song": "Popularity of songs in top tracks, charts and playlists",
}


def forecast_keys() -> list[dg.AssetKey]:
    """Keys of the forecasts."""
    return [_key(entity) for entity in UPSTREAM]


def _key(entity: "Entity") -> dg.AssetKey:
    return dg.AssetKey([LAYER, f"{entity}_forecasts"])


def _metadata(found: "Sequence[Forecast]") -> dict[str, Any]:
    """What to show of a day's forecasts."""

    def percent(share: float | None) -> str | None:
        return None if share is None else f"{100 * share:.0f} %"

    metadata: dict[str, Any] = {}
    if any(is_simulated(one.source) for one in found):
        metadata["note"] = "SIMULATED: of invented series"
    records = [
        dg.TableRecord(
            {
                "source": one.source,
                "metric": one.metric,
                "days_ahead": one.horizon,
                "series": one.series,
                "with_enough_history": one.forecast,
                "shown": one.shown,
                "error_of_shown_against_last_value": percent(one.error_ratio),
                "outcomes_within_interval": percent(one.coverage),
            }
        )
        for one in found
    ]
    schema = dg.TableSchema(
        [
            dg.TableColumn(name)
            for name in (
                "source", "metric", "days_ahead", "series", "with_enough_history", "shown",
                "error_of_shown_against_last_value", "outcomes_within_interval",
            )
        ]
    )  # fmt: skip
    return metadata | {
        "dagster/row_count": sum(one.forecast for one in found),
        "shown": sum(one.shown for one in found),
        "backtest": dg.MetadataValue.table(records, schema),
    }


def _forecast_asset(entity: "Entity", tags: Mapping[str, str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=_key(entity),
        deps=UPSTREAM[entity],
        group_name=LAYER,
        automation_condition=FOLLOW,
        tags=tags,
        kinds={"python", "postgres"},
        metadata={"dagster/table_name": "forecasts.forecasts"},
        description=f"{DESCRIPTIONS[entity]} in 14 and in 28 days, with 80 % intervals, for series of at "
        "least 60 observations; beside each, in forecasts.backtests, how far the same rule was off before. "
        ""
        "Each series is extrapolated by itself; a model is fitted across series only for the sources that "
        "FORECAST_LEARNED_SOURCES names.",
    )
    def forecasts(
        settings: dg.ResourceParam[SettingsResource], warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.MaterializeResult[Any]:
        from spotify_assets.forecasting.forecast import forecast_newest_day

        learned = settings.read().forecast_learned_sources
        found = forecast_newest_day(warehouse.open(), entity, learned_sources=learned)
        return dg.MaterializeResult(metadata=_metadata(found))

    return forecasts


def build_forecast_assets(tags: Mapping[str, str]) -> list[dg.AssetsDefinition]:
    """Forecasts of artists and of songs."""
    return [_forecast_asset(entity, tags) for entity in UPSTREAM]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The forecasts."""
    return dg.Definitions(assets=build_forecast_assets(location.tags))
