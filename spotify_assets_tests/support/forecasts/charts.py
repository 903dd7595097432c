"""The real daily charts as series, and how far forecasts of them are off: for the tests and the benchmark.

A series is a song (title and artist) in the chart of a market. It is observed only while it is in the chart,
so what is judged are the pairs of a day and a day 14 or 28 days later on both of which the song was in it: a
song that fell out in between counts for no method. Each day's forecast is computed from that day and those
before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spotify_assets.forecasting.methods import clipped
from spotify_assets.forecasting.outlook import (
    BACKTEST_ORIGINS,
    LEAST_OBSERVATIONS,
    ORIGIN_OBSERVATIONS,
    half_width,
    outlook,
    past_errors,
)
from spotify_assets.forecasting.series import Array, Block

FILE = "real/top50_daily_3_markets_2023.csv.gz"
PERIODS = ("first two thirds", "outcomes in the last third", "origins in the last third")
POPULATIONS = ("every pair", "60 observations in all", "60 observations by the origin")


@dataclass(frozen=True)
class Judged:
    """How far a method was off over some pairs of origin and outcome.

    Attributes:
        pairs: How many.
        error: Mean absolute error.
        naive_error: The same of the last value.
        coverage: Share of outcomes within the 80 % interval.
    """

    pairs: int
    error: float
    naive_error: float
    coverage: float

    @property
    def gain(self) -> float:
        """By what part the error is below that of the last value."""
        return 1 - self.error / self.naive_error


def chart_block(path: Path) -> Block:
    """The songs of the charts, with suspect zeros left out as the marts leave them out."""
    frame = pd.read_csv(path, keep_default_na=False, dtype={"popularity": float})
    frame["series"] = frame.groupby(["market", "song", "artist"]).ngroup()
    frame = frame.sort_values(["series", "date"])
    before = frame.groupby("series")["popularity"].shift()
    frame.loc[(frame["popularity"] == 0) & (before > 0), "popularity"] = np.nan
    released = frame.groupby("series")["release_date"].min()
    days = [date.fromisoformat(text) for text in frame["date"]]
    return Block.of(
        "index",
        frame["series"].to_numpy(),
        np.array(days, dtype="datetime64[D]"),
        frame["popularity"].to_numpy(),
        last_day=max(days),
        # a release date that is a month or a year is no day
        released_on=[date.fromisoformat(text) if len(text) == 10 else None for text in released],
    )


def judge(block: Block, method: Callable[[Block, int], Array], horizon: int) -> dict[tuple[str, str], Judged]:
    """How far a method is off, by period and population."""
    forecast = clipped(block, method(block, horizon))
    everywhere = np.ones_like(block.counted)
    errors = np.abs(past_errors(block, forecast, horizon, everywhere))
    naive = np.abs(past_errors(block, block.last, horizon, everywhere))
    inside = _inside(block, forecast, errors, horizon)
    observations = block.observations[:, : errors.shape[1]]
    found = {}
    for period in PERIODS:
        for population in POPULATIONS:
            pairs = ~np.isnan(errors)
            pairs[:, ~_columns(block, horizon, period)] = False
            if population == POPULATIONS[1]:
                pairs[block.observations[:, -1] < LEAST_OBSERVATIONS] = False
            if population == POPULATIONS[2]:
                pairs &= observations >= LEAST_OBSERVATIONS
            found[period, population] = Judged(
                int(pairs.sum()), float(errors[pairs].mean()), float(naive[pairs].mean()),
                float(inside[pairs].mean()),
            )  # fmt: skip
    return found


def judge_shown(block: Block, horizon: int) -> tuple[int, int, float, float]:
    """What was shown to readers on the days of the last third, and how far it was off afterwards.

    Returns:
        Forecasts whose outcome is known, how many of them were shown, and of the shown the mean absolute
        error and that of the last value (0 if none was shown).
    """
    known, errors, naive = 0, [0.0], [0.0]
    for origin in np.flatnonzero(_columns(block, horizon, PERIODS[2])):
        past = block.until(int(origin) + 1)
        seen = outlook(past, horizon)
        outcome = block.values[seen.forecast, origin + horizon]
        last = past.last[seen.forecast, -1]
        known += int((~np.isnan(outcome)).sum())
        shown = seen.shown & ~np.isnan(outcome)
        errors += np.abs(outcome - seen.value)[shown].tolist()
        naive += np.abs(outcome - last)[shown].tolist()
    count = len(errors) - 1
    return known, count, sum(errors) / max(count, 1), sum(naive) / max(count, 1)


def _columns(block: Block, horizon: int, period: str) -> NDArray[np.bool_]:
    """Which days are origins of a period."""
    third = block.days * 2 // 3
    origin = np.arange(block.days - horizon)
    if period == PERIODS[0]:
        return origin + horizon < third
    return origin + horizon >= third if period == PERIODS[1] else origin >= third


def _inside(block: Block, forecast: Array, errors: Array, horizon: int) -> NDArray[np.bool_]:
    """Whether each outcome was within the interval that could have been given on the day of its origin."""
    own = np.where((block.observations >= ORIGIN_OBSERVATIONS)[:, : errors.shape[1]], errors, np.nan)
    inside = np.zeros_like(errors, dtype=bool)
    for origin in range(errors.shape[1]):
        known = max(origin - horizon + 1, 0)
        move = np.abs(forecast[:, origin] - block.last[:, origin])
        width = half_width(own[:, max(0, known - BACKTEST_ORIGINS) : known], move, horizon, block.kind)
        inside[:, origin] = errors[:, origin] <= width + 1e-9
    return inside
