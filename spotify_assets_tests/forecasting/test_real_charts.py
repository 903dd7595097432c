"""How far forecasts of real series are off: the figures of docs/forecasts.md."""

import numpy as np
import pandas as pd
import pytest

from spotify_assets.forecasting.methods import HORIZONS, settling
from spotify_assets.forecasting.outlook import outlook
from spotify_assets.forecasting.pooled import pooled_regression
from spotify_assets.forecasting.series import Block
from spotify_assets_tests.support.forecasts.charts import (
    FILE,
    PERIODS,
    POPULATIONS,
    chart_block,
    judge,
    judge_shown,
)
from spotify_assets_tests.support.shared import shared_file

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def charts() -> Block:
    return chart_block(shared_file(FILE))


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_default_beats_the_last_value_by_a_tenth(charts: Block, horizon: int) -> None:
    judged = judge(charts, settling, horizon)
    for period in PERIODS:
        found = judged[period, POPULATIONS[0]]
        assert found.pairs > 4000
        assert found.gain >= 0.1
        assert 0.75 <= found.coverage <= 0.85


@pytest.mark.parametrize("horizon", HORIZONS)
def test_what_is_long_known_is_as_hard_as_the_last_value(charts: Block, horizon: int) -> None:
    judged = judge(charts, settling, horizon)
    for period in PERIODS[1:]:
        found = judged[period, POPULATIONS[2]]
        assert abs(found.gain) < 0.005
        assert 0.75 <= found.coverage <= 0.85
    known, shown, _, _ = judge_shown(charts, horizon)
    assert known > 1000
    assert shown == 0


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_opt_in_model_is_no_better_where_it_matters(charts: Block, horizon: int) -> None:
    judged = judge(charts, pooled_regression, horizon)
    assert all(judged[period, POPULATIONS[0]].gain >= 0.1 for period in PERIODS[1:])
    assert all(judged[period, POPULATIONS[2]].gain < 0.005 for period in PERIODS[1:])


@pytest.mark.parametrize("horizon", HORIZONS)
def test_followers_of_real_artists_are_forecast_and_their_popularity_is_not(horizon: int) -> None:
    frame = pd.read_csv(shared_file("real/artist_snapshots_2_artists.csv")).sort_values("ts_utc")
    frame = frame.drop_duplicates(["date_utc", "artist_id"], keep="last")
    days = frame["date_utc"].to_numpy(dtype=object).astype("datetime64[D]")
    series = np.asarray(frame.groupby("artist_id").ngroup(), dtype=np.int64)
    last_day = days.max().item()
    values = {name: frame[name].to_numpy(dtype=float) for name in ("followers", "popularity")}
    followers = outlook(Block.of("level", series, days, values["followers"], last_day=last_day), horizon)
    assert followers.method == ["drift", "drift"]
    assert followers.shown.all()
    assert (followers.error < 0.2 * followers.naive_error).all()
    assert (np.abs(followers.coverage - 0.8) < 0.2).all()
    popularity = outlook(Block.of("index", series, days, values["popularity"], last_day=last_day), horizon)
    assert not popularity.shown.any()
