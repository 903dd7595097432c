"""What tomorrow costs is said before it is run, in words that tell what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from spotify_assets.ingest.cost_estimate import outlook
from spotify_assets.sources.spotify.access import ALBUM_BATCHES, ARTIST_BATCHES, NEW_RELEASES, TOP_TRACKS
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import InMemoryState, credential_digest
from spotify_assets_tests.support.servers.upstream import FakeClock

MARKETS = ("US", "SE", "DE")
EVERYTHING = (ARTIST_BATCHES, TOP_TRACKS, NEW_RELEASES, ALBUM_BATCHES)


def app(granted: Sequence[str], refused: Sequence[str] = (), markets: Sequence[str] = ("US",)) -> Any:
    """A source of which is known what its app may see; nothing is asked of it."""
    clock = FakeClock()
    memory = InMemoryState(clock)
    note = memory.capabilities("spotify", credential_digest(SecretStr("id"))).note
    for allowed, names in ((True, granted), (False, refused)):
        for name in names:
            note(name, allowed=allowed, reason="", at=clock.now())
    return SpotifySource(
        "spotify",
        api_url="http://127.0.0.1:9/v1",
        accounts_url="http://127.0.0.1:9",
        client_id=SecretStr("id"),
        client_secret=SecretStr("secret"),
        markets=markets,
        memory=memory,
        clock=clock,
    )


def test_a_budget_too_small_names_how_many_artists_fit() -> None:
    # 400 artists one by one, a search of 5 pages, and two lists of each artist.
    found = outlook(app((), EVERYTHING), 400, 400)
    assert found.calls == {"artists": 400, "top_tracks": 0, "new_releases": 805}
    assert (found.total, found.fits, found.markets_that_fit) == (1205, False, None)
    # As a run asks: everyone's snapshot first, and nothing is left for anything else.
    assert (found.covered["artists"], found.covered["new_releases"]) == (400, 0)
    assert found.sentence == (
        "400 artists need 1,205 calls; your budget is 400 a day: it covers snapshots of 400, new releases of "
        "0; the rest is recorded as missing"
    )
    fitting = outlook(app((), EVERYTHING), 131, 400)
    assert (fitting.total, fitting.fits) == (131 + 5 + 262, True)
    assert not outlook(app((), EVERYTHING), 132, 400).fits


def test_a_budget_that_fewer_markets_would_keep_names_how_many() -> None:
    # 8 batches, 3 x 400 lists of top tracks, 2 pages of new releases with 5 batches of details.
    source = app(EVERYTHING, markets=MARKETS)
    found = outlook(source, 400, 1000, len(MARKETS))
    assert found.calls == {"artists": 8, "top_tracks": 1200, "new_releases": 7}
    assert found.sentence == (
        "400 artists need 1,215 calls; your budget is 1,000 a day: 2 markets would fit (SPOTIFY_MARKETS)"
    )
    assert outlook(source, 400, 815, 3).markets_that_fit == 2
    assert outlook(source, 400, 814, 3).sentence.endswith(": 1 market would fit (SPOTIFY_MARKETS)")
    assert outlook(source, 400, 415, 3).markets_that_fit == 1


def test_where_not_even_one_market_fits_it_names_artists() -> None:
    found = outlook(app(EVERYTHING, markets=MARKETS), 400, 414, len(MARKETS))
    assert found.markets_that_fit == 0
    # 8 batches and the 7 calls for new releases leave 399: three lists each of 133 artists.
    assert found.covered == {"artists": 400, "new_releases": 400, "top_tracks": 133}
    assert "it covers snapshots of 400, new releases of 400, top tracks of 133;" in found.sentence


def test_the_sentence_of_the_two_limits_of_new_apps() -> None:
    """An app that may see top tracks alone, with two markets: 400 single calls, 800 lists."""
    source = app((TOP_TRACKS,), (ARTIST_BATCHES, NEW_RELEASES, ALBUM_BATCHES), ("US", "SE"))
    found = outlook(source, 2, 400, 2)
    assert found.sentence == "2 artists need 15 calls; your budget is 400 a day: it fits"
    assert set(found.covered.values()) == {2}


@pytest.mark.parametrize(("artists", "words"), [(1, "1 artist needs"), (1000, "1,000 artists need")])
def test_without_a_budget_everything_fits(artists: int, words: str) -> None:
    found = outlook(app(EVERYTHING), artists, None)
    assert found.fits
    assert set(found.covered.values()) == {artists}
    assert found.sentence == f"{words} {found.total:,} calls; there is no daily limit"


def test_nobody_watched() -> None:
    found = outlook(app(EVERYTHING), 0, 400)
    assert found.sentence == "no artist is known here yet"
    assert found.fits


def test_a_budget_that_covers_exactly_everything_fits() -> None:
    source = app(EVERYTHING)
    need = outlook(source, 100, None).total
    assert outlook(source, 100, need).sentence.endswith(f"your budget is {need:,} a day: it fits")
    short = outlook(source, 100, need - 1)
    assert (short.fits, short.covered["top_tracks"]) == (False, 99)
