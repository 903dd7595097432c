"""How a series is extrapolated from its own past: one formula a method, the same constants for every series.

Nothing here is fitted to other series: each forecast follows from one series' own values, how many there are,
and how long ago the song came out. What is fitted across series stands in `pooled`, and is off by default.

The constants of `settling` are few and round. They were chosen on the first two thirds of one set of public
daily charts, in 2023; docs/forecasts.md shows what they gave there and after.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spotify_assets.forecasting.series import RANGES, Array, Block

LAST_VALUE = "last_value"
FORMULA_VERSION = 1
HORIZONS = (14, 28)
"""Days ahead."""

SETTLING_POINTS = 10.0
SETTLING_DAYS = 10.0
RISE_DAYS = 7.0
RISE_FADES = 30.0
DRIFT_WINDOW = 28


def last_value(block: Block, horizon: int) -> Array:  # noqa: ARG001 - every method is asked alike
    """The last value stays: what every other method has to beat."""
    return block.last


def settling(block: Block, horizon: int) -> Array:
    """A new release rises towards its level, ever more slowly; what has settled stays.

    Popularity follows recent plays by about a logarithm, and plays add up from the release on while older
    ones fade. So a song of age *a* is 10·ln(1 − e^(−(a+1)/10)) points from its level, and gains the
    difference of that over the horizon. Where the song's own rise, the slope of its last 7 days, dying down
    over 7, promises more, that counts, the less the longer the series is known: e^(−observations/30). A fall
    is not extrapolated.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = SETTLING_POINTS * (_filled(block.ages + horizon) - _filled(block.ages))
    rise = np.maximum(block.slope(7), 0.0) * _damped(RISE_DAYS, horizon)
    rise *= np.exp(-block.observations / RISE_FADES)
    forecast: Array = block.last + np.maximum(np.nan_to_num(gain), rise)
    return forecast


def drift(block: Block, horizon: int) -> Array:
    """The slope of the last 28 days goes on."""
    return block.last + block.slope(DRIFT_WINDOW, 14) * horizon


def damped_drift(block: Block, horizon: int) -> Array:
    """The slope of the last 28 days goes on, dying down over 28 days."""
    return block.last + block.slope(DRIFT_WINDOW, 14) * _damped(DRIFT_WINDOW, horizon)


def week_mean(block: Block, horizon: int) -> Array:  # noqa: ARG001 - every method is asked alike
    """The mean of the last 7 days stays: for what swings with the days of the week."""
    mean = block.mean(7, 5)
    return np.where(np.isnan(mean), block.last, mean)


Method = Callable[[Block, int], Array]
METHODS: dict[str, dict[str, Method]] = {
    "index": {"settling": settling},
    "level": {"drift": drift, "damped_drift": damped_drift, "week_mean": week_mean},
}
"""What is tried beside `last_value`, by kind, under the name that is stored."""


def clipped(block: Block, forecast: Array) -> Array:
    """The forecast within the range of the kind."""
    low, high = RANGES[block.kind]
    return np.clip(forecast, low, high)


def _filled(age: Array) -> Array:
    """Logarithm of how much of its level a song of this age has reached."""
    return np.log1p(-np.exp(-(age + 1.0) / SETTLING_DAYS))


def _damped(days: float, horizon: int) -> float:
    """For how many days' worth a slope goes on until the horizon, if it dies down over `days`."""
    return float(days * -np.expm1(-horizon / days))
