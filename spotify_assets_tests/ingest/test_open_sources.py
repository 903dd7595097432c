"""A watchlist of Spotify ids observed at open sources: identified, landed, loaded, and the books add up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from spotify_assets.artists import watchlist
from spotify_assets.artists.resolve import identify
from spotify_assets.artists.tracked import tracked_artists
from spotify_assets.contracts.tables import TABLES
from spotify_assets.ingest.land import land
from spotify_assets.ingest.load import load_source
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import SIMULATED_SOURCES, Settings
from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.registry import open_source
from spotify_assets.sources.state import InMemoryState
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LedgerEntry
from spotify_assets_tests.support.simulator_server import running

DAYS = (date(2026, 11, 18), date(2026, 11, 19))
ARTISTS = 40
WORLD = Elsewhere(Catalogue(artists=120).seed, 120, quirks=True)
OPEN = SIMULATED_SOURCES[1:]


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with running(SimulatorConfig(artists=120)) as url:
        yield url


@pytest.fixture
def platform(settings: Settings, warehouse: Warehouse, upstream: str) -> Settings:
    ids = WORLD.catalogue.artist_ids(ARTISTS)
    watchlist.add_many(warehouse, "simulated", [(artist_id, None) for artist_id in ids])
    chosen = settings.model_copy(update={"simulator_url": upstream, "sources": SIMULATED_SOURCES})
    outcome = identify(warehouse, chosen, InMemoryState())
    assert outcome.problems == []
    return chosen


def observe(
    settings: Settings, warehouse: Warehouse, landing: Landing, name: str, table: str, day: date
) -> tuple[LedgerEntry, int]:
    """Land and load one partition of one source; gives the ledger's row and the calls that it took."""

    async def go() -> int:
        source = open_source(settings, name, InMemoryState(), run_id="run")
        tracked = tracked_artists(warehouse, source.namespace)
        try:
            entity, nobody = TABLES[table].entity, tracked.unidentified
            landed = await land(source, landing, entity, day, tracked.ids, "run", unidentified=nobody)
            assert landed.stopped is None
            assert landed.usage.calls <= source.cost(TABLES[table].entity, len(tracked.ids)) + 2
        finally:
            await source.aclose()
        return landed.usage.calls

    calls = asyncio.run(go())
    loaded = load_source(table, name, day, landing, warehouse, "run")
    assert loaded is not None
    return loaded.entry, calls


def rows(warehouse: Warehouse, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_artists_are_observed_by_every_open_source_in_its_own_ids(
    platform: Settings, warehouse: Warehouse, landing: Landing
) -> None:
    for name in OPEN:
        for day in DAYS:
            entry, calls = observe(platform, warehouse, landing, name, "artist_snapshots", day)
            assert entry.requested == entry.received + entry.missing_count == ARTISTS
            assert entry.quarantined == 0
            assert entry.loaded >= ARTISTS * 0.6
            if name == "simulated-listenbrainz":
                assert calls == 1, "a batch holds a thousand"
    counted = rows(
        warehouse,
        "select source, count(followers), count(listeners), count(plays), count(popularity) "
        "from snapshots.artist_snapshots group by source order by source",
    )
    deezer, lastfm, listenbrainz = counted
    assert deezer[1] > 0
    assert deezer[2:] == (0, 0, 0)
    assert lastfm[1] == 0 < lastfm[2] == lastfm[3]
    assert listenbrainz[1] == 0 < listenbrainz[2] == listenbrainz[3]
    fallen = rows(
        warehouse,
        "select count(*) from snapshots.artist_snapshots as a join snapshots.artist_snapshots as b "
        "using (source, artist_id) where b.snapshot_date > a.snapshot_date and b.plays < a.plays",
    )
    assert fallen == [(0,)], "plays are cumulative"
    unknown = [i for i in range(ARTISTS) if not WORLD.ties(i).musicbrainz]
    reasons = tracked_artists(warehouse, "simulated-musicbrainz").unidentified
    assert {f"simulated:{WORLD.catalogue.artist_id(index)}" for index in unknown} <= set(reasons)


@pytest.mark.parametrize("name", OPEN)
def test_top_tracks_are_worldwide_lists_of_at_most_ten(
    platform: Settings, warehouse: Warehouse, landing: Landing, name: str
) -> None:
    entry, _ = observe(platform, warehouse, landing, name, "top_tracks", DAYS[0])
    assert entry.quarantined == 0
    assert entry.loaded > 0
    ((markets, least, most, longest),) = rows(
        warehouse,
        "select array_agg(distinct market), min(position), max(position), max(rank_value) "
        "from snapshots.top_tracks",
    )
    assert (markets, least, longest > 0) == (["XW"], 1, True)
    assert most <= 10


@pytest.mark.parametrize("name", ["simulated-listenbrainz", "simulated-deezer"])
def test_releases_are_listed_with_their_dates(
    platform: Settings, warehouse: Warehouse, landing: Landing, name: str
) -> None:
    entry, calls = observe(platform, warehouse, landing, name, "new_releases", DAYS[0])
    assert entry.quarantined == 0
    assert entry.loaded > 0
    if name == "simulated-listenbrainz":
        assert calls == 1
    again, calls = observe(platform, warehouse, landing, name, "new_releases", DAYS[0])
    assert calls == 0, "what was answered is not asked again"
    assert again.content_hash == entry.content_hash
