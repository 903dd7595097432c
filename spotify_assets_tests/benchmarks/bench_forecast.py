"""How far forecasts of real daily charts are off, beside the last value; and what a day of them costs.

The charts lie beside the project (../shared/real); where they are absent, only the cost is measured.
"""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

import numpy as np

from spotify_assets.forecasting.methods import HORIZONS, settling
from spotify_assets.forecasting.outlook import outlook
from spotify_assets.forecasting.pooled import pooled_regression
from spotify_assets.forecasting.series import Block
from spotify_assets_tests.benchmarks.common import Report, timed
from spotify_assets_tests.support.forecasts.charts import (
    FILE,
    PERIODS,
    POPULATIONS,
    chart_block,
    judge,
    judge_shown,
)
from spotify_assets_tests.support.shared import SHARED


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description="How far forecasts are off, and what a day of them costs.")
    parser.add_argument("--artists", type=int, default=1000)
    parser.add_argument("--days", type=int, default=400, help="Days of history; a run reads at most 400")
    chosen = parser.parse_args()
    report = Report("forecast")
    path = SHARED / FILE
    if path.exists():
        _errors(report, chart_block(path))
    else:
        print(f"  real data is absent: {FILE}")
    _cost(report, chosen.artists, chosen.days)


def _errors(report: Report, block: Block) -> None:
    for horizon in HORIZONS:
        for method in (settling, pooled_regression):
            name = "default" if method is settling else "opt-in"
            for (period, population), found in judge(block, method, horizon).items():
                # The target is of the last third; what came before is what constants were chosen on.
                target = method is settling and population == POPULATIONS[0] and period != PERIODS[0]
                details: dict[str, Any] = {
                    "pairs": found.pairs,
                    "error": found.error,
                    "naive_error": found.naive_error,
                }
                what = f"{horizon} days, {name}, {period}, {population}"
                below, within = 100 * found.gain, 100 * found.coverage
                report.add(f"error below: {what}", below, 10 if target else None, unit=" %", **details)
                report.add(f"within interval: {what}", within, 75 if target else None, unit=" %")
        known, shown, error, naive = judge_shown(block, horizon)
        details = {"known": known, "error": error, "naive_error": naive}
        report.add(f"forecasts shown: {horizon} days, {PERIODS[2]}", shown, unit=" songs and days", **details)


def _cost(report: Report, artists: int, days: int) -> None:
    chance = np.random.default_rng(4)
    steps = chance.normal(50, 30, (artists, days)).cumsum(axis=1) + 1e5
    steps[chance.random(steps.shape) < 0.05] = np.nan
    index = np.clip(np.round(50 + chance.normal(0, 0.4, (artists, days)).cumsum(axis=1)), 0, 100)
    index[chance.random(index.shape) < 0.05] = np.nan
    ages = np.full(artists, np.nan)
    blocks = [Block("level", date(2025, 1, 1), steps, ages), Block("index", date(2025, 1, 1), index, ages)]

    def day() -> None:
        for block in blocks:
            for horizon in HORIZONS:
                fresh = Block(block.kind, block.first_day, block.values, block.age)
                outlook(fresh, horizon)

    report.add(
        f"computing a day of forecasts, {artists:,} artists, {days} days, 2 metrics", timed(day), 60,
        direction="at most", unit=" s",
    )  # fmt: skip


if __name__ == "__main__":
    main()
