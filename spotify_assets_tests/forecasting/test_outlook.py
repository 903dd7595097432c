"""What is forecast, how it is judged and when it is shown, on series whose future is known."""

import math
from datetime import date
from typing import Any

import numpy as np
import pytest

from spotify_assets.forecasting import outlook as rules
from spotify_assets.forecasting.methods import HORIZONS, settling
from spotify_assets.forecasting.outlook import Outlook, half_width, outlook
from spotify_assets.forecasting.pooled import pooled_regression
from spotify_assets.forecasting.series import Array, Block, Kind


def block(kind: Kind, *series: Any, age: float = math.nan) -> Block:
    return Block(kind, date(2025, 1, 1), np.array(series, dtype=float), np.full(len(series), age))


def line(start: float, step: float, days: int) -> Array:
    return start + step * np.arange(days, dtype=float)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_straight_line_goes_on(horizon: int) -> None:
    found = outlook(block("level", line(1e6, 250, 120)), horizon)
    assert found.method == ["drift"]
    assert found.value[0] == pytest.approx(1e6 + 250 * (119 + horizon))
    assert found.low[0] == pytest.approx(found.value[0], abs=0.01)
    assert (found.shown[0], found.reason) == (True, [""])
    assert found.error[0] == pytest.approx(0, abs=0.01)
    assert found.naive_error[0] == pytest.approx(250 * horizon)
    assert found.origins[0] == 120 - 20 - horizon


@pytest.mark.parametrize("kind", ["index", "level"])
def test_what_never_moved_stays_and_is_not_worth_showing(kind: Kind) -> None:
    found = outlook(block(kind, np.full(150, 42.0)), 14)
    assert (found.method, found.value.tolist(), found.shown.tolist()) == (["last_value"], [42.0], [False])
    assert found.reason == ["does_not_beat_last_value"]
    assert (found.low[0], found.high[0], found.error[0], found.coverage[0]) == (42, 42, 0, 1)


def test_gaps_change_nothing_about_a_line() -> None:
    values = line(1000, 10, 150)
    values[np.random.default_rng(1).random(150) < 0.3] = np.nan
    values[[0, 149]] = 1000, 1000 + 1490
    found = outlook(block("level", values), 28)
    assert found.value[0] == pytest.approx(1000 + 10 * 177)
    assert found.shown[0]


def test_forecast_and_interval_stay_within_the_range() -> None:
    falling = np.maximum(line(1500, -10, 140) + np.tile([0, 60], 70), 0)
    found = outlook(block("level", falling), 28)
    assert found.low[0] == 0
    assert found.value[0] >= 0
    wild = np.random.default_rng(3).choice([2.0, 98.0], (2, 200))
    edges = outlook(block("index", *wild), 14)
    assert ((edges.low >= 0) & (edges.high <= 100)).all()
    assert ((edges.low <= edges.value) & (edges.value <= edges.high)).all()


@pytest.mark.parametrize(
    ("values", "forecast"),
    [
        (line(10, 1, 59), []),
        (line(10, 1, 60), [0]),
        (np.concatenate([line(10, 1, 60), np.full(7, np.nan)]), [0]),
        (np.concatenate([line(10, 1, 60), np.full(8, np.nan)]), []),
        (np.full(80, np.nan), []),
    ],
    ids=["59 observations", "60 observations", "a week ago", "longer ago", "never observed"],
)
def test_history_must_be_enough(values: Array, forecast: list[int]) -> None:
    assert outlook(block("level", values), 14).forecast.tolist() == forecast


def test_a_short_backtest_is_no_proof() -> None:
    found = outlook(block("level", line(1e6, 250, 60)), 28)
    assert (found.origins.tolist(), found.reason) == ([60 - 20 - 28], ["backtest_too_short"])
    assert not found.shown[0]
    assert math.isnan(found.low[0])


def test_what_won_only_lately_is_not_shown() -> None:
    turned = np.concatenate([np.tile([0.0, 3.0], 60) + 1000, line(1000, 1, 60)])
    found = outlook(block("level", turned), 14)
    assert found.method == ["last_value"]
    assert found.reason == ["does_not_beat_last_value"]


def test_a_forecast_that_says_nothing_new_is_not_shown() -> None:
    rising = outlook(block("index", 50 + 10 * np.log1p(-np.exp(-line(1, 1, 75) / 10)), age=0), 14)
    assert rising.method == ["settling"]
    assert rising.error[0] < rising.naive_error[0] * 0.95
    assert rising.reason == ["same_as_last_value"]


def test_a_release_settles_as_the_formula_says() -> None:
    young = block("index", [40.0, 41.0], age=2)
    expected = 41 + 10 * (math.log(1 - math.exp(-1.8)) - math.log(1 - math.exp(-0.4)))
    assert settling(young, 14)[0, 1] == pytest.approx(expected)
    risen = block("index", line(40, 2, 20))
    own = 78 + 2 * 7 * (1 - math.exp(-2)) * math.exp(-20 / 30)
    assert settling(risen, 14)[0, -1] == pytest.approx(own)
    fallen = block("index", line(90, -2, 20))
    assert settling(fallen, 14)[0, -1] == 52


def plain_backtest(values: list[float], horizon: int) -> tuple[int, float, float]:
    """Origins, and mean errors of the line through 28 days and of the last value, one day at a time."""
    drifts, stays = [], []
    for origin in range(len(values) - horizon):
        known = [(day, value) for day, value in enumerate(values[: origin + 1]) if not math.isnan(value)]
        outcome = values[origin + horizon]
        if len(known) < 21 or math.isnan(values[origin]) or math.isnan(outcome):
            continue
        recent = [(day, value) for day, value in known if day > origin - 28]
        mean_day = sum(day for day, _ in recent) / len(recent)
        mean_value = sum(value for _, value in recent) / len(recent)
        slope = sum((day - mean_day) * (value - mean_value) for day, value in recent)
        slope /= sum((day - mean_day) ** 2 for day, _ in recent)
        if len(recent) < 14:
            slope = 0.0
        drifts.append(abs(values[origin] + slope * horizon - outcome))
        stays.append(abs(values[origin] - outcome))
    return len(stays), sum(drifts) / len(drifts), sum(stays) / len(stays)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_backtest_is_that_of_a_day_by_day_loop(horizon: int) -> None:
    chance = np.random.default_rng(11)
    values = 5e4 + (20 + chance.normal(0, 30, 170)).cumsum()
    values[chance.random(170) < 0.2] = np.nan
    values[-1] = 6e4
    found = outlook(block("level", values), horizon)
    assert found.method == ["drift"]
    origins, drift_error, naive_error = plain_backtest(values.tolist(), horizon)
    assert found.origins[0] == origins
    assert found.error[0] == pytest.approx(drift_error)
    assert found.naive_error[0] == pytest.approx(naive_error)


@pytest.mark.parametrize(("kind", "spread"), [("index", 0.5), ("level", 40.0)])
@pytest.mark.parametrize("horizon", HORIZONS)
def test_intervals_hold_four_times_in_five(kind: Kind, spread: float, horizon: int) -> None:
    steps = np.random.default_rng(5).normal(0, spread, (400, 400))
    start = 50 if kind == "index" else 1e5
    values = np.clip(start + steps.cumsum(axis=1), 0, 100 if kind == "index" else np.inf)
    found = outlook(block(kind, *values[:, : -horizon or None]), horizon)
    outcome = values[found.forecast, -1]
    assert 0.72 <= ((found.low <= outcome) & (outcome <= found.high)).mean() <= 0.88
    stored = (found.coverage * found.coverage_origins).sum() / found.coverage_origins.sum()
    assert 0.72 <= stored <= 0.88


def test_a_random_walk_is_seldom_forecast() -> None:
    walks = 1e5 + np.random.default_rng(6).normal(0, 40, (300, 400)).cumsum(axis=1)
    assert outlook(block("level", *walks), 14).shown.mean() < 0.1


def test_widths_come_from_own_errors_once_there_are_enough() -> None:
    errors = np.full((3, 40), np.nan)
    errors[1, :14] = np.arange(1, 15)
    errors[2, :28] = 2.0
    index = half_width(errors, np.array([3.0, 0.0, 9.0]), 28, "index")
    np.testing.assert_allclose(index, [2 + 1.5, 0.5 * 11.4 + 0.5 * 2, 2])
    np.testing.assert_allclose(half_width(errors, np.zeros(3), 28, "level"), [np.nan, 11.4, 2])


def test_nothing_is_learned_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Array:
        raise AssertionError("a model was fitted")

    monkeypatch.setattr(rules, "pooled_regression", refuse)
    series = block("index", np.tile([50.0, 51.0], 60))
    assert isinstance(outlook(series, 14), Outlook)
    with pytest.raises(AssertionError, match="a model was fitted"):
        outlook(series, 14, learned=True)


def test_the_learned_model_knows_only_the_past() -> None:
    chance = np.random.default_rng(8)
    values = np.clip(50 + chance.normal(0, 0.5, (30, 160)).cumsum(axis=1), 0, 100)
    whole = block("index", *values)
    changed = values.copy()
    changed[:, 150:] = 0
    np.testing.assert_allclose(
        pooled_regression(whole.until(150), 14)[:, -1],
        pooled_regression(block("index", *changed).until(150), 14)[:, -1],
    )
    before, after = (pooled_regression(one, 14)[:, :105] for one in (whole, block("index", *changed)))
    np.testing.assert_allclose(before, after)


def test_the_learned_model_learns() -> None:
    chance = np.random.default_rng(9)
    age = chance.integers(1, 40, 200)
    values = np.full((200, 120), np.nan)
    for series, start in enumerate(age):
        values[series, start:] = 40 + 25 * (1 - np.exp(-np.arange(120 - start) / 12))
    found = pooled_regression(block("index", *values), 14)
    error = np.nanmean(np.abs(values[:, 64:84] - found[:, 50:70]))
    naive = np.nanmean(np.abs(values[:, 64:84] - values[:, 50:70]))
    assert error < 0.5 * naive


def test_days_without_any_series_are_no_failure() -> None:
    nothing = Block.of(
        "index", np.array([], dtype=np.int64), np.array([], dtype="datetime64[D]"), np.array([]),
        last_day=date(2025, 1, 1),
    )  # fmt: skip
    assert outlook(nothing, 14).forecast.tolist() == []
    short = outlook(block("index", [50.0]), 28, learned=True)
    assert short.forecast.tolist() == []
