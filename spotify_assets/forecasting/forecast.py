"""A day's forecasts of all series of an entity: read the series, compute, replace that day's forecasts."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from spotify_assets.forecasting.methods import HORIZONS
from spotify_assets.forecasting.outlook import outlook
from spotify_assets.forecasting.store import Entity, forecast_rows, newest_day, read_series, replace_day
from spotify_assets.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Forecast:
    """What came of one source, metric and horizon.

    Attributes:
        source: Whose series.
        metric: Of what.
        horizon: Days ahead.
        series: How many series there are.
        forecast: How many have history enough.
        shown: How many of these are worth reading.
        error_ratio: Mean absolute error of the shown in their backtests, as a part of the last value's.
        coverage: Share of outcomes within the intervals in the backtests of all that are forecast.
    """

    source: str
    metric: str
    horizon: int
    series: int
    forecast: int
    shown: int
    error_ratio: float | None
    coverage: float | None


def forecast_newest_day(
    warehouse: Warehouse, entity: Entity, *, learned_sources: Collection[str] = ()
) -> list[Forecast]:
    """As `forecast_day`, from the newest day that there is; nothing where nothing was observed yet."""
    day = newest_day(warehouse, entity)
    return [] if day is None else forecast_day(warehouse, entity, day, learned_sources=learned_sources)


def forecast_day(
    warehouse: Warehouse, entity: Entity, day: datetime.date, *, learned_sources: Collection[str] = ()
) -> list[Forecast]:
    """Forecast every series with enough history from what is known on a day.

    Args:
        warehouse: The database, with the marts built.
        entity: Artists or songs.
        day: The day to forecast from; what stands for it is replaced.
        learned_sources: Sources on whose series a model may be fitted; of all others nothing is learned.
    """
    forecasts, backtests, found = [], [], []
    for group in read_series(warehouse, entity, day):
        for horizon in HORIZONS:
            seen = outlook(group.block, horizon, learned=group.source in learned_sources)
            rows, tests = forecast_rows(group, entity, day, seen)
            forecasts.append(rows)
            backtests.append(tests)
            naive = float(seen.naive_error[seen.shown].sum())
            judged = int(seen.coverage_origins.sum())
            inside = float((seen.coverage * seen.coverage_origins)[seen.coverage_origins > 0].sum())
            found.append(
                Forecast(
                    source=group.source,
                    metric=group.metric,
                    horizon=horizon,
                    series=len(group.entity_ids),
                    forecast=len(seen.forecast),
                    shown=int(seen.shown.sum()),
                    error_ratio=float(seen.error[seen.shown].sum()) / naive if naive else None,
                    coverage=inside / judged if judged else None,
                )
            )
    replace_day(warehouse, entity, day, forecasts, backtests)
    return found
