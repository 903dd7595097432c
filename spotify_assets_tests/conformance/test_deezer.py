"""Deezer: the simulator's bodies have the fields of recorded ones, and deezer-python reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import deezer
import httpx
import pytest

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conformance.shapes import shape
from spotify_assets_tests.support.servers import deezer_bodies
from spotify_assets_tests.support.shared import shared_file
from spotify_assets_tests.support.simulator_client import DAY
from spotify_assets_tests.support.simulator_server import running

SIZE = 300
WORLD = Elsewhere(2026, SIZE, quirks=False)
INDEX = next(index for index in range(SIZE) if WORLD.ties(index).deezer)
IDENT = WORLD.deezer_ids(INDEX)[0]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(SimulatorConfig(artists=SIZE, quirks=False)) as url:
        yield f"{url}/deezer"


@pytest.fixture
def client(base: str) -> Iterator[deezer.Client]:
    with deezer.Client(headers={"X-Simulated-Date": DAY}) as opened:
        opened.base_url = httpx.URL(base)
        opened.event_hooks = {"request": [below_the_prefix], "response": []}
        yield opened


def below_the_prefix(request: httpx.Request) -> None:
    """It takes the path of a next page as one of its own host, where nothing is below a prefix."""
    path = request.url.path.replace("/deezer/deezer/", "/deezer/")
    request.url = request.url.copy_with(path=path)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("recorded", "path"),
    [
        ("artist_27", f"artist/{IDENT}"),
        ("artist_top", f"artist/{IDENT}/top"),
        ("artist_albums", f"artist/{IDENT}/albums?limit=5"),
        ("chart_artists", "chart/0/artists"),
        ("chart_tracks", "chart/0/tracks"),
        ("editorial_releases", "editorial/0/releases?limit=5"),
        ("search_artist", f"search/artist?q={WORLD.catalogue.name(INDEX)}"),
        ("error_800_no_data", "artist/27"),
    ],
)
def test_bodies_have_the_fields_of_recorded_ones(base: str, recorded: str, path: str) -> None:
    body = json.loads(shared_file(f"recorded/deezer/{recorded}.json").read_text())
    reply = httpx.get(f"{base}/{path}", headers={"X-Simulated-Date": DAY})
    assert reply.status_code == 200
    # The recorded chart is complete on one page; of ours there is more.
    found = {name: kind for name, kind in shape(reply.json()).items() if name != "next" or name in body}
    assert found == shape(body)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("recorded", "invented"),
    [
        ("artist_27", deezer_bodies.artist()),
        ("artist_top", deezer_bodies.top()),
        ("artist_albums", deezer_bodies.albums()),
        ("editorial_releases", deezer_bodies.editorial_releases()),
        ("error_800_no_data", deezer_bodies.NO_DATA),
    ],
)
def test_invented_bodies_have_the_fields_of_recorded_ones(recorded: str, invented: dict[str, Any]) -> None:
    body = json.loads(shared_file(f"recorded/deezer/{recorded}.json").read_text())
    assert shape(invented) == shape(body)


@pytest.mark.parametrize(
    ("invented", "path"),
    [
        (deezer_bodies.artist(), f"artist/{IDENT}"),
        (deezer_bodies.top(), f"artist/{IDENT}/top"),
        (deezer_bodies.albums(), f"artist/{IDENT}/albums?limit=5"),
        (deezer_bodies.editorial_releases(), "editorial/0/releases?limit=5"),
        (deezer_bodies.NO_DATA, "artist/27"),
    ],
)
def test_bodies_have_the_fields_that_the_source_reads(base: str, invented: dict[str, Any], path: str) -> None:
    reply = httpx.get(f"{base}/{path}", headers={"X-Simulated-Date": DAY})
    assert reply.status_code == 200
    assert shape(reply.json()) == shape(invented)


def test_deezer_python_reads_artists_tracks_and_albums(client: deezer.Client) -> None:
    artist = client.get_artist(IDENT)
    assert (artist.name, artist.type) == (WORLD.catalogue.name(INDEX), "artist")
    assert artist.nb_fan > 0
    tracks = artist.get_top()
    assert len(tracks) == tracks.total > 5
    assert {track.artist.id for track in tracks} == {IDENT}
    assert tracks[0].rank >= tracks[-1 + len(tracks)].rank
    albums = list(artist.get_albums())
    assert len(albums) == artist.nb_album
    assert albums[0].release_date.year > 1997
    assert [one.position for one in client.get_artists_chart()] == list(range(1, 11))
    assert client.list_editorials()[0].name == "All"
    found = client.search_artists(artist.name)
    assert found[0].id == IDENT


def test_deezer_python_raises_for_an_error_in_status_200(client: deezer.Client) -> None:
    with pytest.raises(deezer.exceptions.DeezerErrorResponse) as caught:
        client.get_artist(27)
    assert caught.value.json_data == {"error": {"type": "DataException", "message": "no data", "code": 800}}
