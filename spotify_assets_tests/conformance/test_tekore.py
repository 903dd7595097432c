"""tekore, whose strict models nobody here wrote, reads the simulator's answers as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
import tekore

from spotify_assets.simulator.catalogue import charts
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_server import running

CONFIG = SimulatorConfig(artists=300, quirks=False, audio_features=True)


class ElsewhereTransport(httpx.BaseTransport):
    """Sends what is meant for Spotify's hosts to the simulator."""

    def __init__(self, base: str) -> None:
        self.base = httpx.URL(base)
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.inner.handle_request(redirected(request, self.base))

    def close(self) -> None:
        self.inner.close()


class AsyncElsewhereTransport(httpx.AsyncBaseTransport):
    """The same for asynchronous clients."""

    def __init__(self, base: str) -> None:
        self.base = httpx.URL(base)
        self.inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.inner.handle_async_request(redirected(request, self.base))

    async def aclose(self) -> None:
        await self.inner.aclose()


def redirected(request: httpx.Request, base: httpx.URL) -> httpx.Request:
    request.url = request.url.copy_with(scheme=base.scheme, host=base.host, port=base.port)
    request.headers["Host"] = f"{base.host}:{base.port}"
    return request


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(CONFIG) as url:
        yield url


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return Catalogue(artists=300, quirks=False).artist_ids()


@pytest.fixture
def spotify(base: str) -> Iterator[tekore.Spotify]:
    sender = tekore.RetryingSender(
        retries=2, sender=tekore.SyncSender(httpx.Client(transport=ElsewhereTransport(base)))
    )
    token = tekore.Credentials("id", "secret", sender=sender).request_client_token()
    assert not token.is_expiring
    yield tekore.Spotify(token, sender=sender)
    sender.close()


def test_artists_albums_and_tracks(spotify: tekore.Spotify, ids: list[str]) -> None:
    artist = spotify.artist(ids[0])
    assert artist.id == ids[0]
    assert artist.followers.total > 0
    assert [one.id for one in spotify.artists(ids[:50])] == ids[:50]
    tracks = spotify.artist_top_tracks(ids[0], market="US")
    assert 1 <= len(tracks) <= 10
    assert spotify.track(tracks[0].id).external_ids == tracks[0].external_ids
    assert [one.id for one in spotify.tracks([one.id for one in tracks])] == [one.id for one in tracks]
    assert spotify.track_audio_features(tracks[0].id).tempo > 0
    assert len(spotify.tracks_audio_features([one.id for one in tracks])) == len(tracks)
    assert spotify.album(tracks[0].album.id, market="US").popularity >= 0
    assert spotify.albums([tracks[0].album.id])[0].id == tracks[0].album.id


def test_paging(spotify: tekore.Spotify, ids: list[str]) -> None:
    page = spotify.artist_albums(ids[0], limit=3)
    albums = list(spotify.all_items(page))
    assert len(albums) == page.total > 3
    tracks = spotify.album_tracks(albums[0].id, limit=2)
    assert len(list(spotify.all_items(tracks))) == albums[0].total_tracks
    listed = list(spotify.all_items(spotify.new_releases(limit=50)))
    assert len({album.id for album in listed}) == len(listed) == 100


def test_search_and_playlist(spotify: tekore.Spotify) -> None:
    found = spotify.search("tag:new", types=("album",), limit=10)
    assert found[0].items
    artists = spotify.search("lighthouse", types=("artist",))[0].items
    assert artists
    assert "lighthouse" in artists[0].name.lower()
    chart = spotify.playlist(charts.playlist_ids(2026)[0])
    assert len(chart.tracks.items) == 50
    assert chart.tracks.items[0].track.popularity >= chart.tracks.items[-1].track.popularity


def test_waits_out_a_rate_limit_and_tries_again(base: str, spotify: tekore.Spotify, ids: list[str]) -> None:
    rules = [{"fault": "rate_limited", "times": 1, "seconds": 1}, {"fault": "status_502", "times": 1}]
    httpx.post(f"{base}/_simulator/faults", json=rules).raise_for_status()
    assert spotify.artist(ids[1]).id == ids[1]
    seen = httpx.get(f"{base}/_simulator/requests?limit=3").json()["requests"]
    assert [entry["status"] for entry in seen] == [429, 502, 200]
    httpx.delete(f"{base}/_simulator/faults")


def test_errors_arrive_as_its_own_exceptions(spotify: tekore.Spotify) -> None:
    with pytest.raises(tekore.NotFound):
        spotify.artist("0" * 22)
    spotify.token = "revoked"
    with pytest.raises(tekore.Unauthorised):
        spotify.artist("0" * 22)


def test_asynchronously(base: str, ids: list[str]) -> None:
    async def observe() -> list[list[tekore.model.FullTrack]]:
        sender = tekore.AsyncSender(httpx.AsyncClient(transport=AsyncElsewhereTransport(base)))
        token = await tekore.Credentials("id", "secret", sender=sender).request_client_token()
        spotify = tekore.Spotify(token, sender=sender)
        found = await asyncio.gather(*(spotify.artist_top_tracks(one, market="US") for one in ids[:40]))
        await spotify.close()
        return found

    assert len(asyncio.run(observe())) == 40
