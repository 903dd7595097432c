"""A day of forecasts in the database: read from what dbt builds, written whole, and gone with its artist."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from spotify_assets.erasure.purge import purge_artist, purge_source
from spotify_assets.forecasting import outlook as rules
from spotify_assets.forecasting.forecast import forecast_day
from spotify_assets.forecasting.store import HISTORY_DAYS
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.query import read_only_query
from spotify_assets_tests.support.forecasts.tables import LAST, create, execute, followers, insert, songs

FORECASTS = "select * from forecasts.forecasts order by entity, forecast_on, source, entity_id, horizon_days"
BACKTESTS = "select * from forecasts.backtests order by entity, forecast_on, source, entity_id, horizon_days"


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    create(warehouse)
    followers(warehouse, "steady", range(1000, 1000 + 10 * 150, 10))
    followers(warehouse, "still", [500] * 150)
    followers(warehouse, "new", range(59))
    followers(warehouse, "steady", range(9000, 9000 + 5 * 150, 5), source="other")
    return warehouse


def test_every_series_with_enough_history_is_forecast(built: Warehouse) -> None:
    found = forecast_day(built, "artist", LAST)
    assert [(one.source, one.horizon, one.series, one.forecast, one.shown) for one in found] == [
        ("other", 14, 1, 1, 1), ("other", 28, 1, 1, 1), ("test", 14, 3, 2, 1), ("test", 28, 3, 2, 1),
    ]  # fmt: skip
    assert found[0].error_ratio == pytest.approx(0, abs=1e-6)
    rows = execute(
        built,
        "select source, entity_id, horizon_days, target_date, last_value, method, round(value), is_shown, "
        "reason_not_shown, artist_id, track_ids, last_observed_on from forecasts.forecasts "
        "where source = 'test' order by entity_id, horizon_days",
    )
    unmoved = "does_not_beat_last_value"
    assert rows == [
        ("test", "steady", 14, date(2026, 12, 4), 2490, "drift", 2630, True, None, "steady", None, LAST),
        ("test", "steady", 28, date(2026, 12, 18), 2490, "drift", 2770, True, None, "steady", None, LAST),
        ("test", "still", 14, date(2026, 12, 4), 500, "last_value", 500, False, unmoved, "still", None, LAST),
        (
            "test",
            "still",
            28,
            date(2026, 12, 18),
            500,
            "last_value",
            500,
            False,
            unmoved,
            "still",
            None,
            LAST,
        ),
    ]
    ((origins, error, naive, coverage),) = execute(
        built,
        "select origins, mean_absolute_error, naive_mean_absolute_error, interval_coverage "
        "from forecasts.backtests where source = 'test' and entity_id = 'steady' and horizon_days = 14",
    )
    assert (origins, round(error, 6), naive) == (150 - 20 - 14, 0, 140)
    assert coverage == 1


def test_the_same_day_again_is_the_same_and_a_changed_one_replaces_it(built: Warehouse) -> None:
    forecast_day(built, "artist", LAST - timedelta(days=1))
    forecast_day(built, "artist", LAST)
    before = execute(built, FORECASTS), execute(built, BACKTESTS)
    forecast_day(built, "artist", LAST)
    assert (execute(built, FORECASTS), execute(built, BACKTESTS)) == before
    execute(built, "delete from intermediate.int_artist_series where source = 'other'")
    forecast_day(built, "artist", LAST)
    left = execute(
        built, "select forecast_on, array_agg(distinct source) from forecasts.forecasts group by 1"
    )
    assert sorted(left) == [(LAST - timedelta(days=1), ["other", "test"]), (LAST, ["test"])]


@pytest.mark.parametrize("younger", ["a younger one", "younger"], ids=["read first", "read last"])
def test_a_source_without_enough_history_keeps_no_other_from_being_forecast(
    built: Warehouse, younger: str
) -> None:
    forecast_day(built, "artist", LAST)
    before = execute(built, FORECASTS), execute(built, BACKTESTS)
    followers(built, "new", range(3), source=younger)
    found = forecast_day(built, "artist", LAST)
    assert [(one.series, one.forecast) for one in found if one.source == younger] == [(1, 0), (1, 0)]
    assert (execute(built, FORECASTS), execute(built, BACKTESTS)) == before


def test_a_day_is_forecast_from_what_was_known_then(built: Warehouse) -> None:
    earlier = LAST - timedelta(days=20)
    forecast_day(built, "artist", earlier)
    before = execute(built, FORECASTS)
    execute(built, "delete from intermediate.int_artist_series where snapshot_date > %s", (earlier,))
    forecast_day(built, "artist", earlier)
    assert execute(built, FORECASTS) == before


def test_history_is_read_as_far_as_it_is_of_use(built: Warehouse) -> None:
    forecast_day(built, "artist", LAST)
    before = execute(built, FORECASTS)
    long_ago = LAST - timedelta(days=HISTORY_DAYS)
    followers(built, "steady", [7] * 500, last=long_ago)
    forecast_day(built, "artist", LAST)
    assert execute(built, FORECASTS) == before


def test_a_failure_leaves_the_day_as_it_was(built: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    forecast_day(built, "artist", LAST)
    before = execute(built, FORECASTS)
    execute(built, "alter table forecasts.backtests add constraint refused check (origins < 0) not valid")
    with pytest.raises(Exception, match="refused"):
        forecast_day(built, "artist", LAST)
    assert execute(built, FORECASTS) == before


def test_songs_come_from_top_tracks_and_playlists(warehouse: Warehouse) -> None:
    create(warehouse)
    songs(warehouse, "isrc:A", [40] * 80, track_id="a1")
    first = LAST - timedelta(days=79)
    entries = (
        ("isrc:A", "a2", None, 41, False), ("isrc:B", "b1", 100, 30, False), ("isrc:B", "b1", 100, 99, True),
        ("isrc:C", "c1", None, None, False), (None, "d1", None, 5, False),
    )  # fmt: skip
    for place in range(80):
        day = first + timedelta(days=place)
        rows = [
            ("test", "top", song, day, ["artist", "guest"], [track], *rest) for song, track, *rest in entries
        ]
        insert(warehouse, "marts.playlist_trends", rows)
    forecast_day(warehouse, "song", LAST)
    assert execute(
        warehouse,
        "select entity_id, artist_id, track_ids, last_value, horizon_days from forecasts.forecasts "
        "where entity = 'song' order by entity_id, horizon_days",
    ) == [
        ("isrc:A", "artist", ["a2"], 41, 14), ("isrc:A", "artist", ["a2"], 41, 28),
        ("isrc:B", "artist", ["b1"], 30, 14), ("isrc:B", "artist", ["b1"], 30, 28),
    ]  # fmt: skip


def test_there_may_be_songs_and_no_artists(warehouse: Warehouse) -> None:
    create(warehouse)
    songs(warehouse, "isrc:A", [40] * 80)
    assert [one.forecast for one in forecast_day(warehouse, "song", LAST)] == [1, 1]
    assert forecast_day(warehouse, "artist", LAST) == []


def test_nothing_is_learned_of_a_source_that_is_not_named(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned_from = []

    def note(block: Any, horizon: int, **_: Any) -> Any:
        learned_from.append((len(block.values), horizon))
        return block.last

    monkeypatch.setattr(rules, "pooled_regression", note)
    forecast_day(built, "artist", LAST)
    assert learned_from == []
    forecast_day(built, "artist", LAST, learned_sources=("other",))
    assert learned_from == [(1, 14), (1, 28)]


def test_readers_find_the_shown_forecasts_of_the_newest_day(built: Warehouse) -> None:
    forecast_day(built, "artist", LAST - timedelta(days=1))
    forecast_day(built, "artist", LAST)
    found = read_only_query(
        built, "select distinct source, entity_id, forecast_on from shown_forecasts order by 1", 10
    )
    assert found.rows == [("other", "steady", LAST), ("test", "steady", LAST)]


def test_a_purge_takes_forecasts_too(built: Warehouse, tmp_path: Path, home: Path) -> None:
    songs(built, "isrc:A", [40] * 80)
    for entity in ("artist", "song"):
        for day in (LAST - timedelta(days=1), LAST):
            forecast_day(built, entity, day)
    landing = Landing(str(tmp_path / "lake"))
    assert purge_artist(built, landing, home, "artist").left == 0
    assert execute(built, "select distinct entity from forecasts.forecasts") == [("artist",)]
    purge_source(built, landing, home, "test", before=LAST)
    for table in ("forecasts", "backtests"):
        kept = f"select distinct source, forecast_on from forecasts.{table} where source = 'test'"
        assert execute(built, kept) == [("test", LAST)]
    purge_source(built, landing, home, "test")
    for table in ("forecasts", "backtests"):
        assert execute(built, f"select distinct source from forecasts.{table}") == [("other",)]


def test_sources_to_learn_of_are_named_one_by_one() -> None:
    assert load_settings().forecast_learned_sources == ()
    named = load_settings(forecast_learned_sources="ListenBrainz, simulated,,listenbrainz")
    assert named.forecast_learned_sources == ("listenbrainz", "simulated")
