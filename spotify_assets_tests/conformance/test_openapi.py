"""Every answer of the simulator fits the published description of the Web API, in both modes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from spotify_assets.simulator.catalogue import charts
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import Mode, SimulatorConfig
from spotify_assets.simulator.spotify.sign_in import SCOPES
from spotify_assets_tests.simulator.test_sign_in import signed_in
from spotify_assets_tests.support.shared import SHARED
from spotify_assets_tests.support.simulator_client import simulated
from spotify_assets_tests.support.simulator_server import running

DESCRIPTION = SHARED / "openapi" / "spotify-web-api.yml"
SIZE = 300

pytestmark = pytest.mark.shared


@cache
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    # Rows of a playlist choose their schema by `type`, whose values ("track") name no schema there; the
    # alternatives are told apart by `oneOf` anyway.
    row = loaded["components"]["schemas"]["PlaylistTrackObject"]["properties"]
    for name in ("item", "track"):
        del row[name]["discriminator"]
    return loaded


@cache
def validator(path: str, status: int) -> OAS30Validator:
    """Return a validator of a documented answer; strict about what it does not name is the test's own job."""
    responses = description()["paths"][path]["get"]["responses"]
    registry: Registry[Any] = Registry().with_resource(
        "urn:web-api", Resource.from_contents(description(), default_specification=DRAFT4)
    )
    name = responses[str(status)]["$ref"].rsplit("/", 1)[1]
    pointer = f"urn:web-api#/components/responses/{name}/content/application~1json/schema"
    return OAS30Validator({"$ref": pointer}, registry=registry)


def problems(path: str, reply: httpx.Response) -> list[str]:
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator(path, reply.status_code).iter_errors(reply.json())
    ]


@pytest.fixture(scope="module")
def calm() -> Iterator[httpx.Client]:
    with simulated(artists=SIZE, quirks=False, audio_features=True) as client:
        yield client


def calls() -> list[tuple[str, str]]:
    """Return documented path and request of at least one call of each kind."""
    world = Catalogue(artists=SIZE, quirks=False)
    ids = world.artist_ids(50)
    releases = [world.new_releases(day)[0][0] for day in map(_day, range(20))]
    albums = list(dict.fromkeys(world.album_id(release) for release in releases))
    tracks = list(dict.fromkeys(world.track_id(release, 0, 1) for release in releases))
    playlist = charts.playlist_ids(world.seed)[0]
    return [
        ("/artists", f"/artists?ids={','.join(ids)}"),
        *[("/artists/{id}", f"/artists/{one}") for one in ids[:10]],
        *[("/artists/{id}/top-tracks", f"/artists/{one}/top-tracks?market=US") for one in ids],
        ("/artists/{id}/top-tracks", f"/artists/{ids[0]}/top-tracks"),
        *[("/artists/{id}/albums", f"/artists/{one}/albums?limit=50") for one in ids[:20]],
        ("/artists/{id}/albums", f"/artists/{ids[0]}/albums?limit=1&offset=1&include_groups=album,single"),
        ("/albums", f"/albums?ids={','.join(albums[:20])}"),
        *[("/albums/{id}", f"/albums/{one}?market=SE") for one in albums],
        *[("/albums/{id}/tracks", f"/albums/{one}/tracks?limit=2") for one in albums],
        ("/tracks", f"/tracks?ids={','.join(tracks)}"),
        ("/tracks/{id}", f"/tracks/{tracks[0]}?market=US"),
        ("/browse/new-releases", "/browse/new-releases?limit=50"),
        ("/browse/new-releases", "/browse/new-releases?limit=50&offset=50"),
        ("/search", "/search?q=tag:new&type=album&limit=50"),
        ("/search", "/search?q=lighthouse&type=artist,album,track&limit=50&market=US"),
        ("/audio-features", f"/audio-features?ids={','.join(tracks)}"),
        ("/audio-features/{id}", f"/audio-features/{tracks[0]}"),
        ("/playlists/{playlist_id}", f"/playlists/{playlist}"),
        ("/playlists/{playlist_id}/tracks", f"/playlists/{playlist}/tracks?limit=10"),
        ("/playlists/{playlist_id}/items", f"/playlists/{playlist}/items?limit=10&offset=5"),
    ]


def _day(back: int) -> date:
    return date(2026, 11, 20) - timedelta(days=14 * back)


def test_every_answer_fits(calm: httpx.Client) -> None:
    checked: set[str] = set()
    for path, request in calls():
        reply = calm.get(f"/v1{request}")
        assert reply.status_code == 200, (request, reply.text[:300])
        assert reply.headers["x-simulated"] == "true"
        assert problems(path, reply) == [], request
        checked.add(path)
    assert len(checked) == 16


def test_no_documented_field_is_missing(calm: httpx.Client) -> None:
    """The description requires little, so what it names must be looked for as well."""
    optional = {"restrictions", "linked_from", "is_playable", "ean", "isrc", "upc", "items", "item"}
    schemas = {"artist": "ArtistObject", "track": "TrackObject", "album": "AlbumObject"}
    world = Catalogue(artists=SIZE, quirks=False)
    release = world.new_releases(_day(1))[0][0]
    for kind, ident in (
        ("artist", world.artist_id(0)),
        ("track", world.track_id(release, 0, 1)),
        ("album", world.album_id(release)),
    ):
        named: set[str] = set()
        pending = [description()["components"]["schemas"][schemas[kind]]]
        while pending:
            schema = pending.pop()
            if "$ref" in schema:
                schema = description()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            named |= set(schema.get("properties", {}))
            pending += schema.get("allOf", [])
        assert named - optional <= set(calm.get(f"/v1/{kind}s/{ident}").json())


PERSONAL = (
    ("/me", "/me"),
    ("/me/top/artists", "/me/top/artists?limit=50&time_range=short_term"),
    ("/me/top/tracks", "/me/top/tracks?limit=50"),
    ("/me/player/recently-played", "/me/player/recently-played?limit=50"),
    ("/me/tracks", "/me/tracks?limit=50&market=SE"),
    ("/me/albums", "/me/albums?limit=50"),
    ("/me/playlists", "/me/playlists"),
    ("/me/following", "/me/following?type=artist&limit=50"),
)


@pytest.mark.parametrize("mode", ["extended", "development"])
def test_what_a_person_has_fits(mode: Mode) -> None:
    with (
        running(SimulatorConfig(artists=SIZE, quirks=False, mode=mode)) as base,
        signed_in(base, scope=" ".join(SCOPES)) as client,
    ):
        for path, request in PERSONAL:
            reply = client.get(request)
            assert reply.status_code == 200, (request, reply.text[:300])
            # Of a last page the description does not know that there is no next one; clients do.
            found = [line for line in problems(path, reply) if not _LAST.match(line)]
            assert mode == "extended" or lost(reply.json()) == set(), request
            assert [line for line in found if mode == "extended" or not _LOST.search(line)] == [], request


_LAST = re.compile(r"artists/(next|cursors/after): None")
# What development mode lost is marked deprecated in the description of both modes; some is still required.
GONE = {
    "artist": {"popularity", "followers", "genres"},
    "album": {"popularity", "label", "available_markets", "album_group"},
    "track": {"popularity", "available_markets", "linked_from"},
    "user": {"country", "email", "explicit_content", "followers", "product"},
}
_REQUIRED = "|".join(set().union(*GONE.values()))
# A row of a playlist is one of several kinds, so that a missing field of its track shows as no kind at all.
_LOST = re.compile(rf": '({_REQUIRED}|tracks)' is a required property$|items/\d+/item: ")


def lost(node: Any) -> set[str]:
    """Return the fields in an answer that development mode does not have."""
    if isinstance(node, list):
        return set().union(*map(lost, node))
    if not isinstance(node, dict):
        return set()
    return (GONE.get(str(node.get("type")), set()) & node.keys()).union(*map(lost, node.values()))


def test_development_mode_fits_and_has_nothing_it_lost() -> None:
    removed: set[str] = set()
    checked: set[str] = set()
    with simulated(artists=SIZE, quirks=False, mode="development", audio_features=True) as client:
        for path, request in calls():
            fitting = re.sub(r"limit=\d+", "limit=10", request)
            reply = client.get(f"/v1{fitting}")
            if reply.status_code == 403:
                removed.add(path)
                continue
            assert reply.status_code == 200, (fitting, reply.text[:300])
            assert [line for line in problems(path, reply) if not _LOST.search(line)] == [], fitting
            assert lost(reply.json()) == set(), fitting
            checked.add(path)
    assert removed == {
        "/artists",
        "/artists/{id}/top-tracks",
        "/albums",
        "/tracks",
        "/browse/new-releases",
        "/audio-features",
        "/audio-features/{id}",
        "/playlists/{playlist_id}/tracks",
    }
    assert not removed & checked


def test_errors_fit(calm: httpx.Client) -> None:
    for path, request, headers, status in (
        ("/artists", "/artists?ids=1", {"Authorization": ""}, 401),
        ("/artists/{id}", "/artists/x", {"Authorization": "Bearer unknown"}, 401),
    ):
        reply = calm.get(f"/v1{request}", headers=headers)
        assert reply.status_code == status
        assert problems(path, reply) == []
    for fault, status in (("forbidden", 403), ("rate_limited", 429)):
        calm.post("/_simulator/faults", json={"fault": fault, "times": 1})
        reply = calm.get("/v1/browse/new-releases")
        assert reply.status_code == status
        assert problems("/browse/new-releases", reply) == []


def test_oddities_differ_from_the_description_only_as_on_record() -> None:
    """With quirks on, null artists, follower counts and names are all that does not fit."""
    world = Catalogue(artists=1000)
    with simulated(artists=1000) as client:
        seen = []
        for start in range(0, 1000, 50):
            ids = ",".join(world.artist_ids()[start : start + 50])
            seen += problems("/artists", client.get(f"/v1/artists?ids={ids}"))
        assert seen
        unknown = problems("/artists", client.get(f"/v1/artists?ids={'0' * 22}"))
        assert unknown == ["artists/0: None for not nullable", "artists/0: None is not of type 'object'"]
        assert all(re.match(r"artists/\d+(/followers/total)?: None", line) for line in seen)
        for offset in (0, 50):
            reply = client.get(f"/v1/browse/new-releases?limit=50&offset={offset}")
            assert problems("/browse/new-releases", reply) == []


def test_the_check_notices_a_wrong_type(calm: httpx.Client) -> None:
    one = Catalogue(artists=SIZE, quirks=False).artist_id(0)
    calm.post("/_simulator/faults", json={"fault": "field_type", "times": 1})
    assert problems("/artists/{id}", calm.get(f"/v1/artists/{one}")) != []
