"""A lost day in a range does not keep the other days from being loaded."""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.cli.commands.data.loadable_days import possible_spans
from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.exchange import Exchange
from spotify_assets.warehouse.connection import Warehouse

TODAY = date(2026, 11, 20)


def november(number: int) -> date:
    return date(2026, 11, number)


@pytest.fixture
def environment(settings: Settings, warehouse: Warehouse, tmp_path: Path) -> Environment:
    landing = Landing(str(tmp_path / "lake"))
    for entity, days in {
        "artists": (10, 11, 13),
        "top_tracks": (10, 13),
        "new_releases": (10, 11, 13),
    }.items():
        for number in days:
            at = datetime.combine(november(number), datetime.min.time(), UTC)
            exchange = Exchange("spotify", entity, "GET", "/", 200, at, "run", "{}")
            landing.put("spotify", entity, november(number), "part", [exchange])
    live = settings.model_copy(update={"spotify_client_id": "id", "spotify_client_secret": "secret"})
    return Environment(live, warehouse, landing)


def test_a_range_is_split_at_its_lost_days(environment: Environment) -> None:
    spans, lost = possible_spans(environment, november(10), november(13), [], TODAY)
    assert spans == [(november(10), november(10)), (november(13), november(13))]
    assert lost == [november(11), november(12)]


def test_only_what_is_selected_counts(environment: Environment) -> None:
    chosen = [dg.AssetKey(["snapshots", "artist_snapshots"])]
    spans, lost = possible_spans(environment, november(10), november(13), chosen, TODAY)
    assert spans == [(november(10), november(11)), (november(13), november(13))]
    assert lost == [november(12)]


def test_today_is_never_lost(environment: Environment) -> None:
    assert possible_spans(environment, november(19), TODAY, [], TODAY) == ([(TODAY, TODAY)], [november(19)])


def test_marts_alone_need_no_landing(environment: Environment) -> None:
    chosen = [dg.AssetKey(["marts", "artist_popularity_trend"])]
    assert possible_spans(environment, november(1), november(5), chosen, TODAY) == (
        [(november(1), november(5))],
        [],
    )


def test_the_simulated_upstream_knows_every_day(environment: Environment, settings: Settings) -> None:
    simulated = Environment(settings, environment.warehouse, environment.landing)
    assert possible_spans(simulated, november(1), november(5), [], TODAY) == (
        [(november(1), november(5))],
        [],
    )
