"""What is known of a series on each day, against NumPy's own answers for that day alone."""

from datetime import date

import numpy as np
import pytest

from spotify_assets.forecasting.series import Block


@pytest.fixture
def block() -> Block:
    chance = np.random.default_rng(7)
    values = np.round(50 + chance.normal(0, 2, (6, 90)).cumsum(axis=1), 1)
    values[chance.random(values.shape) < 0.3] = np.nan
    values[0] = np.nan
    values[1, :40] = np.nan
    values[2] += 8e7  # as many followers as there are: sums over windows must not lose digits
    ages = np.array([np.nan, 3.0, -10.0, np.nan, 0.0, 500.0])
    return Block("level", date(2025, 1, 1), values, ages)


def test_observations_are_put_in_their_places() -> None:
    days = np.array(["2025-03-01", "2025-03-04", "2025-03-02", "2025-03-04"], dtype="datetime64[D]")
    block = Block.of(
        "index", np.array([0, 0, 1, 0]), days, np.array([5.0, 6.0, 7.0, 8.0]),
        last_day=date(2025, 3, 5), released_on=[date(2025, 2, 27), None],
    )  # fmt: skip
    nan = np.nan
    np.testing.assert_equal(block.values, [[5, nan, nan, 8, nan], [nan, 7, nan, nan, nan]])
    np.testing.assert_equal(block.last, [[5, 5, 5, 8, 8], [nan, 7, 7, 7, 7]])
    np.testing.assert_equal(block.ages[0], [2, 3, 4, 5, 6])
    assert np.isnan(block.ages[1]).all()
    assert block.days_since_last[:, -1].tolist() == [1, 3]


def test_what_comes_later_is_left_out() -> None:
    days = np.array(["2025-03-01", "2025-03-04"], dtype="datetime64[D]")
    block = Block.of(
        "index", np.array([0, 1]), days, np.array([5.0, 6.0]), last_day=date(2025, 3, 2), count=2
    )
    np.testing.assert_equal(block.values, [[5, np.nan], [np.nan, np.nan]])
    assert block.observations[:, -1].tolist() == [1, 0]


def test_slope_and_mean_are_those_of_the_window(block: Block) -> None:
    slopes, means = block.slope(14), block.mean(7, 5)
    for series in range(len(block.values)):
        for day in range(block.days):
            known = block.values[series, : day + 1]
            window = known[-14:]
            there = np.flatnonzero(~np.isnan(window))
            expected = (
                np.polyfit(there, window[there] - window[there].min(), 1)[0] if len(there) >= 3 else 0.0
            )
            assert slopes[series, day] == pytest.approx(expected, abs=1e-5)
            week = known[-7:][~np.isnan(known[-7:])]
            if len(week) < 5:
                assert np.isnan(means[series, day])
            else:
                assert means[series, day] == pytest.approx(week.mean(), abs=1e-6)


def test_a_day_knows_nothing_of_later_ones(block: Block) -> None:
    for day in (0, 1, 30, 60, 88):
        then = block.until(day + 1)
        for name in ("last", "observations", "ages", "days_since_last"):
            if name != "days_since_last":
                np.testing.assert_equal(getattr(then, name), getattr(block, name)[:, : day + 1])
        np.testing.assert_allclose(then.slope(28)[:, -1], block.slope(28)[:, day], atol=1e-6)


def test_nothing_is_known_before_release(block: Block) -> None:
    assert np.isnan(block.ages[2, :10]).all()
    assert block.ages[2, 10] == 0
