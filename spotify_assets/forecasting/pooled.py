"""A forecast learned from all series of a source together: off unless a source is named for it.

The change over the horizon is fitted by least absolute deviations to a handful of features of each series,
over all series and days that a day could know. Spotify's terms forbid to train models on its content, so
nothing is learned of any source by default; see `Settings.forecast_learned_sources` and docs/forecasts.md.

It needs NumPy only.
"""

from __future__ import annotations

import numpy as np

from spotify_assets.forecasting.methods import settling
from spotify_assets.forecasting.series import Array, Block

POOLED = "pooled_regression"
REFIT_DAYS = 28
"""How many days one fit serves: each is made of what was known before them."""

MOST_ROWS = 20_000
LEAST_ROWS = 500
_ROUNDS = 30
_SHRINKAGE = 1e-3
_LEAST_RESIDUAL = 1e-3


def pooled_regression(block: Block, horizon: int, *, first: int = 0) -> Array:
    """Forecast each series on each day by a model of the days before.

    Args:
        block: All series to learn from and to forecast.
        horizon: Days ahead.
        first: The first column that is wanted; before it, and where too little was known yet, the last value
            stays.

    Returns:
        A forecast for each series and day.
    """
    scale = _scale(block)
    features = _features(block, horizon, scale)
    change = np.full_like(block.values, np.nan)
    change[:, :-horizon] = (
        ((block.values[:, horizon:] - block.last[:, :-horizon]) / scale[:, :-horizon])
        if (horizon < block.days)
        else change[:, :-horizon]
    )
    usable = block.counted & ~np.isnan(change) & np.isfinite(features).all(axis=2)
    forecast = block.last.copy()
    for start in range(block.days - 1, first - 1, -REFIT_DAYS):
        columns = slice(max(first, start - REFIT_DAYS + 1), start + 1)
        known = max(0, columns.start - horizon + 1)  # targets up to the day of the first forecast
        weights = _fit(features[:, :known][usable[:, :known]], change[:, :known][usable[:, :known]])
        if weights is not None:
            moved = block.last[:, columns] + scale[:, columns] * (
                np.nan_to_num(features[:, columns]) @ weights
            )
            forecast[:, columns] = np.where(np.isfinite(moved), moved, forecast[:, columns])
    return forecast


def _scale(block: Block) -> Array:
    """In what a change is counted: points of an index, parts of a level."""
    return np.ones_like(block.last) if block.kind == "index" else np.maximum(np.abs(block.last), 1.0)


def _features(block: Block, horizon: int, scale: Array) -> Array:
    last = block.last
    fade = np.exp(-block.observations / 30.0)
    slope7, slope28 = block.slope(7) / scale, block.slope(28) / scale
    level = last / 100.0 if block.kind == "index" else np.log10(np.maximum(last, 1.0)) / 10.0
    found: Array = np.stack(
        [
            (settling(block, horizon) - last) / scale,
            slope7 * horizon * fade,
            slope28 * horizon * fade,
            (block.mean(28) - last) / scale * fade,
            fade,
            fade * level,
        ],
        axis=2,
    )
    return found


def _fit(features: Array, change: Array) -> Array | None:
    """Weights of least absolute deviations, by least squares weighted anew; none if there is too little."""
    if len(change) < LEAST_ROWS:
        return None
    step = -(-len(change) // MOST_ROWS)
    features, change = features[::step], change[::step]
    spread = np.maximum(features.std(axis=0), 1e-9)
    scaled = features / spread
    ridge = _SHRINKAGE * len(change) * np.eye(scaled.shape[1])
    typical = max(float(np.abs(change).mean()), 1e-12)
    weights = np.zeros(scaled.shape[1])
    for _ in range(_ROUNDS):
        residual = np.abs(change - scaled @ weights) / typical
        importance = 1.0 / np.maximum(residual, _LEAST_RESIDUAL)
        weighted = scaled * importance[:, None]
        weights = np.linalg.solve(weighted.T @ scaled + ridge, weighted.T @ change)
    fitted: Array = weights / spread
    return fitted
