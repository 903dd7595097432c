"""Several sources on one day, of which one finds its books locked or broken: the others go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import psycopg2
import pytest

from spotify_assets.artists.tracked import Tracked
from spotify_assets.ingest.land import Landed
from spotify_assets.ingest.land_all import land_from_all
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.registry import open_source
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import DatabaseUnavailable
from spotify_assets.warehouse.upstream_state.quota import SharedQuota
from spotify_assets.warehouse.upstream_state.state import PostgresState
from spotify_assets_tests.support.command import change

DAY = date(2026, 11, 20)


def observe(
    settings: Settings, warehouse: Warehouse, landing: Landing, artists: list[str]
) -> tuple[dict[str, Landed], dict[str, str]]:
    """Observe two upstreams at once."""

    async def go() -> tuple[dict[str, Landed], dict[str, str]]:
        memory = PostgresState(warehouse)
        sources = [open_source(settings, name, memory) for name in ("simulated-deezer", "simulated")]
        tracked = {"simulated": Tracked(artists, {}), "simulated-deezer": Tracked(["1", "2"], {})}
        try:
            return await land_from_all(sources, landing, "artists", DAY, tracked, "run")
        finally:
            for source in sources:
                await source.aclose()

    return asyncio.run(go())


def test_a_source_whose_books_are_locked_stands_back_alone(
    simulated: Settings, warehouse: Warehouse, landing: Landing, artists: list[str]
) -> None:
    SharedQuota(warehouse, "simulated-deezer", "none").check()
    holder = psycopg2.connect(warehouse.url.get_secret_value())
    try:
        with holder.cursor() as cursor:
            cursor.execute("select 1 from ops.api_pace where upstream = 'simulated-deezer' for update")
        landed, failed = observe(simulated, replace(warehouse, lock_seconds=0.3), landing, artists)
    finally:
        holder.close()
    assert set(landed) == {"simulated"}
    assert landed["simulated"].stopped is None
    assert "locked by another process" in failed["simulated-deezer"]
    landed, failed = observe(simulated, warehouse, landing, artists)
    assert failed == {}
    assert (landed["simulated"].replayed, landed["simulated-deezer"].usage.calls) == (True, 2)


def test_a_source_whose_findings_cannot_be_kept_stands_back_alone(
    simulated: Settings, warehouse: Warehouse, landing: Landing, artists: list[str]
) -> None:
    change(warehouse.url.get_secret_value(), "alter table ops.capabilities rename to gone")
    landed, failed = observe(simulated, warehouse, landing, artists)
    assert set(landed) == {"simulated-deezer"}
    assert "what simulated lets us see cannot be kept" in failed["simulated"].lower()


def test_books_that_nobody_can_open_fail_the_day_in_words(
    simulated: Settings, warehouse: Warehouse, landing: Landing, artists: list[str]
) -> None:
    change(warehouse.url.get_secret_value(), "alter table ops.api_usage rename to gone")
    with pytest.raises(DatabaseUnavailable, match="calls to simulated-deezer cannot be kept"):
        observe(simulated, warehouse, landing, artists)
