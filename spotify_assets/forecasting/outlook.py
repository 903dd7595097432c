"""What is forecast for each series, judged by what the same rule would have said on earlier days of it.

Everything is per series: no series' errors widen or choose for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spotify_assets.forecasting.methods import LAST_VALUE, METHODS, clipped, last_value
from spotify_assets.forecasting.pooled import POOLED, pooled_regression
from spotify_assets.forecasting.series import RANGES, Array, Block

LEAST_OBSERVATIONS = 60
"""A series with fewer observations gets no forecast."""

LATEST_OBSERVATION_DAYS = 7
"""Nor does one whose last observation is longer ago: it has ended, or nobody looks any more."""

ORIGIN_OBSERVATIONS = 21
"""A past day is an origin of the backtest if the series had three weeks of observations then."""

BACKTEST_ORIGINS = 182
"""How many days the origins of a backtest span: half a year, up to the last one whose outcome is known."""

LEAST_ORIGINS = 14
MARGIN = 0.05
"""By how much the error must be below the last value's, over all origins; on both halves of them, at all."""

INTERVAL = 0.8
LEAST_MOVE = {"index": 0.5, "level": 1.0}
"""A forecast closer to the last value than this says nothing that the last value does not."""

# Where a series has few errors of its own yet, an index is taken to be off by a point in 14 days, and a
# forecast that moves by half of its move; that fades as errors come in, and is gone at 28 of them.
_PRIOR_DAYS_A_POINT = 14.0
_PRIOR_SHARE_OF_MOVE = 0.5
_PRIOR_GONE_AT = 28
_COVERAGE_STEP = 7

TOO_FEW_ORIGINS = "backtest_too_short"
NOT_BETTER = "does_not_beat_last_value"
SAME = "same_as_last_value"


@dataclass(frozen=True)
class Outlook:
    """Forecasts of one horizon from the last day of a block, with their backtest; one entry a series.

    Attributes:
        horizon: Days ahead.
        forecast: Which series of the block have a forecast; the other fields speak of these, in order.
        method: By what; the last value where nothing beat it.
        value: The forecast, within the range of the kind.
        low: Lower end of the 80 % interval; not a number if too few errors are known for one.
        high: Its upper end.
        shown: Whether it beat the last value in the backtest and says something else.
        reason: Why it is not shown; empty if it is.
        origins: How many past days it was judged on.
        error: Mean absolute error of the method on them; not a number without origins.
        naive_error: The same of the last value.
        coverage: Share of past outcomes, a week apart, that were within the interval as it would have been
            given; not a number if there are none.
        coverage_origins: How many outcomes that is.
    """

    horizon: int
    forecast: NDArray[np.int64]
    method: list[str]
    value: Array
    low: Array
    high: Array
    shown: NDArray[np.bool_]
    reason: list[str]
    origins: NDArray[np.int64]
    error: Array
    naive_error: Array
    coverage: Array
    coverage_origins: NDArray[np.int64]


def outlook(block: Block, horizon: int, *, learned: bool = False) -> Outlook:
    """Forecast every series with enough history from the last day of the block.

    Args:
        block: The series, as known on its last day.
        horizon: Days ahead.
        learned: Whether a model that is fitted to all series together may be tried too.
    """
    enough = (block.observations[:, -1] >= LEAST_OBSERVATIONS) & (
        block.days_since_last[:, -1] <= LATEST_OBSERVATION_DAYS
    )
    forecasts = dict(_forecasts(block, horizon, learned=learned))
    names = list(forecasts)
    origins = (block.observations >= ORIGIN_OBSERVATIONS)[enough]
    part = Block(block.kind, block.first_day, block.values[enough], block.age[enough])
    stacked = np.stack([forecast[enough] for forecast in forecasts.values()])
    errors = np.stack([past_errors(part, forecast, horizon, origins) for forecast in stacked])
    chosen, count, error, beats = _choose(np.abs(errors[:, :, -BACKTEST_ORIGINS:]))
    row = np.arange(len(part.values))
    value, last = stacked[chosen, row, -1], part.last[:, -1]
    own = np.abs(errors[chosen, row])
    moves = np.abs(stacked[chosen, row] - part.last)
    width = half_width(own[:, -BACKTEST_ORIGINS:], moves[:, -1], horizon, block.kind)
    coverage, covered = _coverage(own, moves, horizon, block.kind)
    low, high = RANGES[block.kind]
    same = np.abs(value - last) < LEAST_MOVE[block.kind]
    reason = np.select([count < LEAST_ORIGINS, ~beats, same], [TOO_FEW_ORIGINS, NOT_BETTER, SAME], "")
    return Outlook(
        horizon=horizon,
        forecast=np.flatnonzero(enough),
        method=[names[number] for number in chosen],
        value=value,
        low=np.clip(value - width, low, high),
        high=np.clip(value + width, low, high),
        shown=reason == "",
        reason=[str(one) for one in reason],
        origins=count,
        error=error[chosen, row],
        naive_error=error[0],
        coverage=coverage,
        coverage_origins=covered,
    )


def past_errors(block: Block, forecast: Array, horizon: int, origins: NDArray[np.bool_]) -> Array:
    """By how much the forecast made on each day was off, where day and outcome were observed.

    Args:
        block: The series.
        forecast: What was said on each day.
        horizon: Days ahead.
        origins: The days that count.

    Returns:
        A column for each day whose outcome could be known by the last day of the block.
    """
    known = max(block.days - horizon, 0)
    error = block.values[:, block.days - known :] - forecast[:, :known]
    return np.where((origins & block.counted)[:, :known], error, np.nan)


def half_width(errors: Array, move: Array, horizon: int, kind: str) -> Array:
    """Half the width of the 80 % interval.

    Args:
        errors: Absolute errors of the series' own past, a row a series; not a number where there is none.
        move: How far the forecast is from the last value.
        horizon: Days ahead.
        kind: An index has something to begin with; a level has nothing until there are errors.
    """
    count = (~np.isnan(errors)).sum(axis=1)
    own = _quantile(errors, count)
    if kind != "index":
        return np.where(count >= LEAST_ORIGINS, own, np.nan)
    prior = horizon / _PRIOR_DAYS_A_POINT + _PRIOR_SHARE_OF_MOVE * move
    trust = np.minimum(count / _PRIOR_GONE_AT, 1.0)
    width: Array = trust * np.nan_to_num(own) + (1.0 - trust) * prior
    return width


def _forecasts(block: Block, horizon: int, *, learned: bool) -> Iterator[tuple[str, Array]]:
    """What each method says on each day, the last value first."""
    yield LAST_VALUE, last_value(block, horizon)
    for name, method in METHODS[block.kind].items():
        yield name, clipped(block, method(block, horizon))
    if learned:
        first = max(0, block.days - 2 * BACKTEST_ORIGINS)
        yield POOLED, clipped(block, pooled_regression(block, horizon, first=first))


def _choose(errors: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Choose a method for each series: the best of those that beat the last value, or that.

    Better on the whole is not enough: the winner of a quarter in which everything moved one way loses in the
    next. It must have been better in the older half of the origins and in the newer one.

    Returns:
        Number of the method, number of origins, mean error of each method, whether one beats the last value.
    """
    there = ~np.isnan(errors[0])
    count = there.sum(axis=1)
    older = np.cumsum(there, axis=1) <= count[:, None] / 2
    filled = np.where(there, errors, 0.0)
    sums = filled.sum(axis=2)
    halves = [(filled * half).sum(axis=2) for half in (older, ~older)]
    beats = (count >= LEAST_ORIGINS) & (sums < (1.0 - MARGIN) * sums[0])
    for half in halves:
        beats &= half < half[0]
    chosen = np.where(beats, sums, np.inf).argmin(axis=0)
    any_beats = beats.any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / count
    return np.where(any_beats, chosen, 0), count, mean, any_beats


def _coverage(errors: Array, moves: Array, horizon: int, kind: str) -> tuple[Array, NDArray[np.int64]]:
    """How often the interval held, given each week anew from the errors known by then."""
    inside = np.zeros(len(errors))
    count = np.zeros(len(errors), dtype=np.int64)
    newest = errors.shape[1] - 1
    for origin in range(newest, max(newest - BACKTEST_ORIGINS, -1), -_COVERAGE_STEP):
        known = origin - horizon + 1
        if known <= 0:
            break
        before = errors[:, max(0, known - BACKTEST_ORIGINS) : known]
        width = half_width(before, moves[:, origin], horizon, kind)
        judged = ~np.isnan(errors[:, origin]) & ~np.isnan(width)
        inside += judged & (errors[:, origin] <= width + 1e-9)
        count += judged
    with np.errstate(invalid="ignore", divide="ignore"):
        return inside / count, count


def _quantile(errors: Array, count: NDArray[np.int64]) -> Array:
    """The 80 % quantile of each row, interpolated, of what is a number."""
    if not errors.shape[1]:
        return np.full(len(errors), np.nan)
    ordered = np.sort(errors, axis=1)  # what is no number comes last
    place = INTERVAL * np.maximum(count - 1, 0)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    row = np.arange(len(errors))
    quantile: Array = ordered[row, below] + (place - below) * (ordered[row, above] - ordered[row, below])
    return quantile
