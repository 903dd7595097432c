"""spotipy, which nobody here wrote, works against the simulator as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import spotipy
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyClientCredentials

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_server import running

# It warns about calls that Spotify means to remove; those are what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:You're using:DeprecationWarning")

# Without quirks, so that today's world is a whole one: spotipy cannot send a date.
CONFIG = SimulatorConfig(
    artists=300, quirks=False, audio_features=True, client_id="id", client_secret="secret"
)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(CONFIG) as url:
        yield url


def client(base: str, **options: Any) -> Any:
    auth = SpotifyClientCredentials("id", options.pop("secret", "secret"), cache_handler=MemoryCacheHandler())
    auth.OAUTH_TOKEN_URL = f"{base}/api/token"
    spotify = spotipy.Spotify(auth_manager=auth, **options)
    spotify.prefix = f"{base}/v1/"
    return spotify


@pytest.fixture
def spotify(base: str) -> Iterator[Any]:
    made = client(base)
    yield made
    made._session.close()


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return Catalogue(artists=300, quirks=False).artist_ids()


def test_artists_and_their_tracks(spotify: Any, ids: list[str]) -> None:
    assert spotify.artist(f"spotify:artist:{ids[0]}")["id"] == ids[0]
    assert [one["id"] for one in spotify.artists(ids[:50])["artists"]] == ids[:50]
    tracks = spotify.artist_top_tracks(ids[0], country="US")["tracks"]
    assert 1 <= len(tracks) <= 10
    assert spotify.track(tracks[0]["id"])["external_ids"] == tracks[0]["external_ids"]
    assert [one["id"] for one in spotify.tracks([one["id"] for one in tracks])["tracks"]] == [
        one["id"] for one in tracks
    ]
    features = spotify.audio_features([one["id"] for one in tracks])
    assert [one["id"] for one in features] == [one["id"] for one in tracks]


def test_albums_and_paging(spotify: Any, ids: list[str]) -> None:
    page = spotify.artist_albums(ids[0], limit=3)
    albums = list(page["items"])
    while page["next"]:
        page = spotify.next(page)
        albums += page["items"]
    assert len(albums) == page["total"] > 3
    one = next(album for album in albums if album["album_type"] == "album")
    assert spotify.album(one["id"])["label"]
    assert spotify.albums([one["id"]])["albums"][0]["name"] == one["name"]
    page = spotify.album_tracks(one["id"], limit=4)
    tracks = list(page["items"])
    while page["next"]:
        page = spotify.next(page)
        tracks += page["items"]
    assert [track["track_number"] for track in tracks] == list(range(1, one["total_tracks"] + 1))


def test_new_releases_and_search(spotify: Any) -> None:
    page = spotify.new_releases(limit=50)["albums"]
    listed = list(page["items"])
    while page["next"]:
        page = spotify.next(page)["albums"]
        listed += page["items"]
    assert len({album["id"] for album in listed}) == len(listed) == page["total"] == 100
    name = listed[0]["artists"][0]["name"]
    found = spotify.search(f'artist:"{name}"', type="artist")["artists"]["items"]
    assert found[0]["name"] == name
    new = spotify.search("tag:new", type="album", limit=10)["albums"]
    assert new["items"]


def test_waits_out_a_rate_limit_and_tries_again(base: str, spotify: Any, ids: list[str]) -> None:
    rules = [{"fault": "rate_limited", "times": 1, "seconds": 1}, {"fault": "status_503", "times": 1}]
    httpx.post(f"{base}/_simulator/faults", json=rules).raise_for_status()
    start = time.monotonic()
    assert spotify.artist(ids[1])["id"] == ids[1]
    assert time.monotonic() - start >= 1
    httpx.delete(f"{base}/_simulator/faults")


def test_errors_arrive_as_its_own_exceptions(base: str, spotify: Any) -> None:
    with pytest.raises(spotipy.SpotifyException) as caught:
        spotify.artist("0" * 22)
    assert (caught.value.http_status, caught.value.msg.split("\n")[-1].strip()) == (404, "Resource not found")
    wrong = client(base, secret="wrong")
    with pytest.raises(spotipy.SpotifyOauthError, match="invalid_client"):
        wrong.artist("0" * 22)
    wrong._session.close()
