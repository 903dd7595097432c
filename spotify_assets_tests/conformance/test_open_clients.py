"""liblistenbrainz, musicbrainzngs and pylast, which nobody here wrote, work against the simulator.

The fields are those of the examples in their documentation (listenbrainz.readthedocs.io,
musicbrainz.org/doc/MusicBrainz_API/Examples).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import liblistenbrainz
import musicbrainzngs
import pylast
import pytest

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conformance.shapes import shape
from spotify_assets_tests.support.simulator_server import running

SIZE = 200
WORLD = Elsewhere(2026, SIZE, quirks=False)
INDEX = next(
    index
    for index in range(SIZE)
    if WORLD.ties(index).linked and WORLD.ties(index).lastfm and WORLD.ties(index).deezer_linked
)
NAME = WORLD.catalogue.name(INDEX)
MBID = WORLD.mbids.encode(1, INDEX)
PAGE = f"https://open.spotify.com/artist/{WORLD.catalogue.artist_id(INDEX)}"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    config = SimulatorConfig(
        artists=SIZE, quirks=False, limited=frozenset({"listenbrainz"}), limit_scale=0.2, lastfm_key="key"
    )
    with running(config) as url:
        yield url


@pytest.fixture
def listenbrainz(base: str, monkeypatch: pytest.MonkeyPatch) -> liblistenbrainz.ListenBrainz:
    client = liblistenbrainz.ListenBrainz()
    # It joins paths to the host; the simulator's are below a prefix.
    monkeypatch.setattr("liblistenbrainz.client.urljoin", lambda _, path: f"{base}/listenbrainz{path}")
    return client


def test_liblistenbrainz_signs_in_and_keeps_the_limit(listenbrainz: liblistenbrainz.ListenBrainz) -> None:
    listenbrainz.set_auth_token("any")
    for _ in range(35):
        body = listenbrainz._get("/1/stats/sitewide/artists", params={"count": 2})
    assert listenbrainz.remaining_requests is not None
    assert shape(body) == {
        "payload": {
            "artists": [{"artist_mbid": "text", "artist_name": "text", "listen_count": "number"}],
            "count": "number",
            "from_ts": "number",
            "last_updated": "number",
            "offset": "number",
            "range": "text",
            "to_ts": "number",
        }
    }


def test_listenbrainz_answers_as_documented(listenbrainz: liblistenbrainz.ListenBrainz) -> None:
    listenbrainz.set_auth_token("any")
    counts = listenbrainz._post("/1/popularity/artist", data=f'{{"artist_mbids": ["{MBID}"]}}')
    assert shape(counts) == [
        {"artist_mbid": "text", "total_listen_count": "number", "total_user_count": "number"}
    ]
    recordings = listenbrainz._get(f"/1/popularity/top-recordings-for-artist/{MBID}")
    assert all(
        shape(recording.pop("tags")) in ([], [{"count": "number", "tag": "text"}]) for recording in recordings
    )
    assert shape(recordings) == [
        {
            "artist_mbids": ["text"],
            "artist_name": "text",
            "artists": [{"artist_credit_name": "text", "artist_mbid": "text", "join_phrase": "text"}],
            "caa_id": "number",
            "caa_release_mbid": "text",
            "length": "number",
            "recording_mbid": "text",
            "recording_name": "text",
            "release_color": {"blue": "number", "green": "number", "red": "number"},
            "release_mbid": "text",
            "release_name": "text",
            "total_listen_count": "number",
            "total_user_count": "number",
        }
    ]
    fresh = listenbrainz._get("/1/explore/fresh-releases/", params={"days": 90})
    documented = {
        "artist_credit_name": "text",
        "artist_mbids": ["text"],
        "release_date": "text",
        "release_group_mbid": "text",
        "release_group_primary_type": "text",
        "release_mbid": "text",
        "release_name": "text",
    }
    shown = shape(fresh)["payload"]["releases"][0]
    assert documented.items() <= {name: kind for name, kind in shown.items() if name in documented}.items()
    with pytest.raises(liblistenbrainz.errors.ListenBrainzAPIException) as caught:
        listenbrainz._get("/1/popularity/top-recordings-for-artist/x")
    assert (caught.value.status_code, caught.value.message) == (
        400,
        "artist_mbid: 'x' is not a valid uuid",
    )


@pytest.fixture
def musicbrainz(base: str) -> Iterator[Any]:
    with pytest.warns(UserWarning, match="json format is non-official"):
        musicbrainzngs.set_format("json")
    musicbrainzngs.set_useragent("tests", "1.0", "tests@example.org")
    musicbrainzngs.set_hostname(f"{base.removeprefix('http://')}/musicbrainz")
    musicbrainzngs.set_rate_limit(False)
    yield musicbrainzngs
    musicbrainzngs.set_hostname("musicbrainz.org", use_https=True)


def test_musicbrainzngs_finds_artists_and_their_pages(musicbrainz: Any) -> None:
    artist = musicbrainz.get_artist_by_id(MBID, includes=["url-rels"])
    assert (artist["id"], artist["name"]) == (MBID, NAME)
    assert PAGE in {relation["url"]["resource"] for relation in artist["relations"]}
    relation = shape(artist["relations"])[0]
    assert relation == {
        "attribute-ids": {},
        "attribute-values": {},
        "attributes": [],
        "begin": "null",
        "direction": "text",
        "end": "null",
        "ended": "truth",
        "source-credit": "text",
        "target-credit": "text",
        "target-type": "text",
        "type": "text",
        "type-id": "text",
        "url": {"id": "text", "resource": "text"},
    }
    found = musicbrainz.search_artists(artist=NAME, limit=3)
    assert (found["artists"][0]["id"], found["artists"][0]["score"]) == (MBID, 100)
    with pytest.raises(musicbrainzngs.ResponseError):
        musicbrainz.get_artist_by_id("13dd61c7-ce73-4e97-9f0c-9f0e53144411")


def test_musicbrainzngs_asks_by_page(musicbrainz: Any) -> None:
    """It has no call for this one of its own: the request is built by its own machinery."""
    request = musicbrainzngs.musicbrainz._mb_request
    found = request("url", "GET", args={"resource": PAGE, "inc": "artist-rels"})
    assert found["relations"][0]["artist"]["id"] == MBID
    with pytest.raises(musicbrainzngs.ResponseError):
        request("url", "GET", args={"resource": "https://example.org/"})


class Elsewhither(httpx2.HTTPTransport):
    """Sends what is meant for Last.fm's host to the simulator."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = httpx2.URL(base)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path, (host, port) = f"/lastfm{request.url.path}", (self._base.host, self._base.port)
        request.url = request.url.copy_with(scheme="http", host=host, port=port, path=path)
        return super().handle_request(request)


@pytest.fixture
def network(base: str) -> Any:
    opened: Any = pylast.LastFMNetwork(api_key="key")
    opened.proxy = {"https://": Elsewhither(base)}
    return opened


def test_pylast_reads_listeners_tracks_and_matches(base: str, network: Any) -> None:
    artist = network.get_artist(NAME)
    params = {"method": "artist.getInfo", "artist": NAME, "api_key": "key", "format": "json"}
    stats = httpx.get(f"{base}/lastfm/2.0/", params=params).json()["artist"]["stats"]
    assert artist.get_listener_count() == int(stats["listeners"]) > 0
    assert artist.get_playcount() == int(stats["playcount"])
    tracks = artist.get_top_tracks(limit=7)
    weights = [track.weight for track in tracks]
    assert len(weights) == 7
    assert weights == sorted(weights, reverse=True)
    assert tracks[0].item.artist.name == NAME
    matches = network.search_for_artist(NAME).get_next_page()
    assert matches[0].name == NAME


def test_pylast_raises_for_errors(network: Any) -> None:
    with pytest.raises(pylast.WSError) as caught:
        network.get_artist("Nobody At All").get_playcount()
    assert caught.value.status == "6"
    network.api_key = "wrong"
    with pytest.raises(pylast.WSError) as caught:
        network.get_artist(NAME).get_playcount()
    assert caught.value.status == "10"
