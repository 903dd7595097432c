"""Forecasts read what dbt really builds: only values that count, of artists and of songs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from pydantic import SecretStr

from spotify_assets.forecasting.forecast import forecast_day
from spotify_assets.forecasting.store import read_series
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data

FIRST, LAST = date(2026, 7, 1), date(2026, 10, 28)


def test_forecasts_come_from_built_models(new_project: Callable[[], Project]) -> None:
    project = new_project()
    days = list(data.days(FIRST, LAST))
    project.load(
        "artist_snapshots",
        [
            data.artist(
                "test", "a", day,
                popularity=0 if day == LAST - timedelta(days=3) else 60,  # a lie of one day
                followers=1000 + 10 * place,
            )
            for place, day in enumerate(days)
        ],
    )  # fmt: skip
    project.load(
        "top_tracks",
        [
            {
                "snapshot_date": day, "source": "test", "market": "US", "artist_id": "a", "position": 1,
                "track_id": f"t{place % 2}", "isrc": "USABC2600001", "name": "Song", "popularity": 55,
                "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            }
            for place, day in enumerate(days)
        ],
    )  # fmt: skip
    project.load(
        "playlist_tracks",
        [
            {
                "snapshot_date": day, "source": "test", "playlist_id": "top", "position": 1, "track_id": "c",
                "isrc": "USABC2600002", "name": "Chart song", "artist_ids": ["b", "a"],
                "artist_names": ["B", "A"], "popularity": 70, "release_date": FIRST - timedelta(days=1),
                "release_date_precision": "day",
                "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            }
            for day in days
        ],
    )  # fmt: skip
    models = ("+int_artist_series", "+track_popularity_trend", "+playlist_trends")
    project.dbt("run", "--select", *models)
    warehouse = Warehouse(SecretStr(project.url))
    forecast_day(warehouse, "artist", LAST)
    forecast_day(warehouse, "song", LAST)

    rows = project.rows("forecasts.forecasts", "horizon_days = 14")
    assert [(row["entity"], row["entity_id"], row["metric"], row["last_value"]) for row in rows] == [
        ("artist", "a", "followers", 1000 + 10 * 119), ("artist", "a", "popularity", 60),
        ("song", "isrc:USABC2600001", "popularity", 55), ("song", "isrc:USABC2600002", "popularity", 70),
    ]  # fmt: skip
    assert [round(row["value"]) for row in rows] == [1000 + 10 * 133, 60, 55, 70]
    tests = project.rows("forecasts.backtests", "horizon_days = 14 and metric = 'popularity'")
    assert [row["mean_absolute_error"] for row in tests] == [0, 0, 0], "the lie of a day counts nowhere"
    assert rows[2]["artist_id"] == "a"
    assert rows[2]["track_ids"] == ["t1"]
    assert (rows[3]["artist_id"], rows[3]["track_ids"]) == ("b", ["c"])
    (songs,) = read_series(warehouse, "song", LAST)
    assert songs.block.ages[:, -1].tolist()[1] == (LAST - FIRST).days + 1, "days since its release"
