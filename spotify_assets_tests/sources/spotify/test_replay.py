"""Real recorded bodies, served over HTTP as they came: what is read equals what was recorded."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.protocol import Entity, NotAllowed, Usage
from spotify_assets.sources.records import ArtistSnapshot, Parsed
from spotify_assets.sources.spotify.parse import parse
from spotify_assets.sources.spotify.pieces import ArtistHit
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets_tests.support.servers.upstream import DAY, FakeClock, Landed
from spotify_assets_tests.support.shared import SHARED

RECORDED = SHARED / "recorded"
ARTISTS = [
    "2CIMQHirSU0MQqyYHq0eOx",
    "57dN52uHvrHOxijzpIgu3E",
    "1vCWHaC5f2uS3yhpwWbIA6",
    "0TnOYISbd1XYRBk9myaseg",
]
UNKNOWN = "7" * 22

pytestmark = pytest.mark.shared


def recorded(name: str) -> Any:
    return json.loads((RECORDED / "spotify" / f"{name}.json").read_text())


def serve(mode: str) -> Iterator[str]:
    command = [sys.executable, str(RECORDED / "replay.py"), "--port", "0", "--mode", mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.kill()


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    yield from serve("extended")


@pytest.fixture(scope="module")
def development() -> Iterator[str]:
    yield from serve("development")


def source(url: str, **changes: Any) -> SpotifySource:
    return SpotifySource(
        "spotify",
        api_url=f"{url}/v1",
        accounts_url=url,
        client_id=SecretStr("x"),
        client_secret=SecretStr("y"),
        clock=FakeClock(),
        **changes,
    )


def observe(url: str, entity: Entity, keys: list[str]) -> tuple[Usage, Parsed, Landed]:
    async def go() -> tuple[Usage, Parsed, Landed]:
        landed = Landed()
        async with source(url) as spotify:
            usage = await spotify.observe(entity, DAY, keys, landed)
            return usage, spotify.parse(entity, landed), landed

    return asyncio.run(go())


def test_artists(replay: str) -> None:
    usage, parsed, landed = observe(replay, "artists", [*ARTISTS, UNKNOWN])
    assert (usage.calls, usage.failures, parsed.rejected) == (2, (), [])
    by_id = {a["id"]: a for a in [*recorded("artists")["artists"], recorded("artist")]}
    assert [r.artist_id for r in parsed.records] == ARTISTS  # type: ignore[union-attr]
    for record in parsed.records:
        raw = by_id[record.artist_id]  # type: ignore[union-attr]
        assert vars_of(record) == {
            "artist_id": raw["id"],
            "requested_id": raw["id"],
            "observed_at": landed[0].observed_at,
            "name": raw["name"],
            "popularity": raw["popularity"],
            "followers": raw["followers"]["total"],
            "listeners": None,
            "plays": None,
            "genres": raw["genres"],
            "image_url": max(raw["images"], key=lambda image: image["width"])["url"],
        }
    assert [(m.key, m.reason.code) for m in parsed.missing] == [(UNKNOWN, "not_found")]


def vars_of(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def test_top_tracks(replay: str) -> None:
    _, parsed, _ = observe(replay, "top_tracks", [ARTISTS[3], ARTISTS[0]])
    raw = recorded("artist_top_tracks")["tracks"]
    assert len(parsed.records) == len(raw) == 10
    for position, (record, track) in enumerate(zip(parsed.records, raw, strict=True), 1):
        values = vars_of(record)
        del values["observed_at"]
        text = track["album"]["release_date"]
        assert values.pop("release_date").isoformat().startswith(text)
        assert values == {
            "market": "US",
            "artist_id": ARTISTS[3],
            "position": position,
            "track_id": track["id"],
            "isrc": track["external_ids"]["isrc"],
            "name": track["name"],
            "primary_artist_id": track["artists"][0]["id"],
            "album_id": track["album"]["id"],
            "album_name": track["album"]["name"],
            "popularity": track["popularity"],
            "rank_value": None,
            "duration_ms": track["duration_ms"],
            "explicit": track["explicit"],
            "release_date_precision": track["album"]["release_date_precision"],
        }
    assert [m.key for m in parsed.missing] == [f"{ARTISTS[0]}/US"]


def test_new_releases(replay: str) -> None:
    usage, parsed, _ = observe(replay, "new_releases", [])
    items = recorded("new_releases")["albums"]["items"]
    assert usage.failures == ()
    assert len(parsed.records) == len(items) == 20
    for record, album in zip(parsed.records, items, strict=True):
        values = vars_of(record)
        del values["observed_at"]
        assert values.pop("release_date").isoformat().startswith(album["release_date"])
        assert values == {
            "album_id": album["id"],
            "name": album["name"],
            "album_type": album["album_type"],
            "artist_ids": [a["id"] for a in album["artists"]],
            "artist_names": [a["name"] for a in album["artists"]],
            "release_date_precision": album["release_date_precision"],
            "release_date_text": album["release_date"],
            "total_tracks": album["total_tracks"],
            "popularity": None,
            "label": None,
            "upc": None,
            "image_url": max(album["images"], key=lambda image: image["width"])["url"],
        }


def test_album_details_as_recorded() -> None:
    albums = recorded("albums")["albums"]
    seen = datetime(2026, 11, 20, tzinfo=UTC)

    def exchange(request: dict[str, object], body: object) -> Exchange:
        return Exchange("spotify", "new_releases", "GET", "/", 200, seen, "", json.dumps(body), request)

    listed = [{k: a[k] for k in ("id", "name", "release_date", "artists")} for a in albums]
    parsed = parse(
        "new_releases",
        [
            exchange({"page": 1}, {"albums": {"items": listed, "next": None}}),
            exchange({"ids": [a["id"] for a in albums]}, {"albums": albums}),
        ],
    )
    for record, album in zip(parsed.records, albums, strict=True):
        values = vars_of(record)
        assert (values["popularity"], values["label"]) == (album["popularity"], album["label"])
        assert values["upc"] == album["external_ids"]["upc"]


def test_followers_recorded_as_null() -> None:
    items = recorded("followers_total_null")["items"]
    exchange = Exchange(
        "spotify",
        "artists",
        "GET",
        "/",
        200,
        datetime(2026, 11, 20, tzinfo=UTC),
        "",
        json.dumps({"artists": items}),
        {"ids": [i["id"] for i in items]},
    )
    parsed = parse("artists", [exchange])
    assert len(parsed.records) == len(items)
    expected = [i["followers"]["total"] for i in items]
    assert None in expected
    assert [vars_of(r)["followers"] for r in parsed.records] == expected


def test_find_artists(replay: str) -> None:
    async def go() -> list[ArtistHit]:
        async with source(replay) as spotify:
            return await spotify.find_artists([UNKNOWN, ARTISTS[3]])

    raw = recorded("artist")
    (hit,) = asyncio.run(go())
    assert (hit.artist_id, hit.name, hit.popularity) == (raw["id"], raw["name"], raw["popularity"])
    assert (hit.followers, list(hit.genres)) == (raw["followers"]["total"], raw["genres"])


def test_development_mode_sees_artists_without_numbers(development: str) -> None:
    usage, parsed, _ = observe(development, "artists", [*ARTISTS, UNKNOWN])
    assert [m.key for m in parsed.missing] == [UNKNOWN]
    artists = {r.artist_id: r for r in parsed.records if isinstance(r, ArtistSnapshot)}
    assert set(artists) == set(ARTISTS)
    assert all(a.name and a.image_url for a in artists.values())
    assert {(a.popularity, a.followers, a.genres) for a in artists.values()} == {(None, None, None)}
    # One refused batch, then one call an artist, and the token.
    assert usage.calls == 1 + len(ARTISTS) + 1 + 1


def test_development_mode_may_not_see_top_tracks(development: str) -> None:
    with pytest.raises(NotAllowed, match=r'top tracks.*HTTP 403: "Forbidden"') as refused:
        observe(development, "top_tracks", ARTISTS)
    assert refused.value.usage is not None
    assert refused.value.usage.calls == 3  # the token, one call, however many artists, and one to compare


def test_what_was_recorded_was_not_copied() -> None:
    assert not list(Path(__file__).parent.glob("*.json"))
