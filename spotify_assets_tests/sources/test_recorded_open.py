"""Bodies that the open services really sent, each read by what reads that service."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spotify_assets.artists.musicbrainz.client import LIMITS, MusicBrainz
from spotify_assets.artists.wikidata import Wikidata
from spotify_assets.sources.deezer.parse import parse as parse_deezer
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.lastfm.parse import parse as parse_lastfm
from spotify_assets.sources.listenbrainz.parse import NOBODY_LISTENS
from spotify_assets.sources.listenbrainz.parse import parse as parse_listenbrainz
from spotify_assets.sources.protocol import Entity, NotAllowed, SourceError, UpstreamUnavailable
from spotify_assets.sources.records import Parsed
from spotify_assets_tests.support.servers.upstream import FakeClock, Reply, Upstream
from spotify_assets_tests.support.shared import SHARED, shared_file

pytestmark = pytest.mark.shared

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NIRVANA = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
MILI = "d2a92ee2-27ce-4e71-bfc5-12e34fe8ef56"


def text(name: str) -> str:
    return shared_file(f"recorded/{name}").read_text()


def parsed(
    parse: Callable[..., Parsed], entity: Entity, name: str, status: int = 200, **request: object
) -> Parsed:
    exchange = Exchange("x", entity, "GET", "/", status, NOON, "r", text(name), request)
    return parse(entity, [exchange])


def test_listenbrainz() -> None:
    songs = parsed(
        parse_listenbrainz, "top_tracks", "listenbrainz/top-recordings-for-artist.navidrome.json",
        artist_id=MILI,
    )  # fmt: skip
    assert [(one.position, one.name, one.duration_ms) for one in songs.records] == [  # type: ignore[union-attr]
        (1, "world.execute(me);", 211912), (2, songs.records[1].name, songs.records[1].duration_ms)  # type: ignore[union-attr]
    ]  # fmt: skip
    assert not songs.missing
    assert not songs.rejected
    fresh = parsed(parse_listenbrainz, "new_releases", "listenbrainz/fresh-releases.2023-10.sitewide.json")
    assert fresh.rejected == []
    listed = json.loads(text("listenbrainz/fresh-releases.2023-10.sitewide.json"))["payload"]["releases"]
    assert {one.album_id for one in fresh.records} == {one["release_group_mbid"] for one in listed}  # type: ignore[union-attr]
    bare = {one["release_group_mbid"] for one in listed if one["caa_id"] is None}
    assert bare
    assert {one.album_id for one in fresh.records if one.image_url is None} == bare  # type: ignore[union-attr]
    for name, status in (("401_popularity_2026-08", 401), ("500_popularity_disabled_2026-07", 500)):
        refused = parsed(parse_listenbrainz, "artists", f"listenbrainz/{name}.json", status, ids=[MILI])
        (missing,) = refused.missing
        assert missing.reason != NOBODY_LISTENS
        assert json.loads(text(f"listenbrainz/{name}.json"))["error"] in missing.reason.detail


def musicbrainz(
    name: str, status: int, send: Callable[[MusicBrainz], Any], headers: dict[str, str] | None = None
) -> tuple[Any, int]:
    async def go() -> tuple[Any, int]:
        clock = FakeClock()
        reply = Reply(status, text(f"musicbrainz/{name}.json").encode(), headers or {})
        async with Upstream(lambda _: reply, clock) as upstream:
            async with aclosing(
                MusicBrainz("musicbrainz", api_url=f"{upstream.url}/ws/2", clock=clock)
            ) as asker:
                try:
                    found: Any = await send(asker)
                except SourceError as error:
                    found = error
            return found, len(upstream.requests)

    return asyncio.run(go())


def test_musicbrainz_answers() -> None:
    pages, _ = musicbrainz(f"nock_artist_{NIRVANA.replace('-', '_')}_inc_url_rels", 200,
                           lambda asker: asker.pages_of(NIRVANA))  # fmt: skip
    assert (pages.mbid, pages.ids["deezer"], pages.ids["spotify"]) == (
        NIRVANA, ["415"], ["6olE6TJLqED3rqDCT0FyPh"]
    )  # fmt: skip
    old = NIRVANA.replace("5b", "dead", 1)[:36]
    merged, calls = musicbrainz(f"nock_artist_{NIRVANA.replace('-', '_')}_inc_url_rels", 301,
                                lambda asker: asker.pages_of(old))  # fmt: skip
    assert (merged.mbid, merged.ids["deezer"], calls) == (NIRVANA, ["415"], 1)
    bare, _ = musicbrainz(
        f"nock_artist_{NIRVANA.replace('-', '_')}", 200, lambda asker: asker.pages_of(NIRVANA)
    )
    assert (bare.name, bare.ids) == ("Nirvana", {})
    found, _ = musicbrainz("nock_artist_limit_1_query_Leonard_Cohen", 200, lambda asker: asker.search("L"))
    assert [one.name for one in found] == ["Leonard Cohen"]
    linked, _ = musicbrainz(
        "servertest_url_inc_artist-rels", 200, lambda asker: asker.linked_to("deezer", "1")
    )
    assert [one.name for one in linked] == ["Paul Allgood"]
    unlinked, _ = musicbrainz("nock_url_resource_http_3A_2F_2Fwww_nirvana_com_2F", 200,
                              lambda asker: asker.linked_to("deezer", "1"))  # fmt: skip
    assert unlinked == []
    plain, _ = musicbrainz("servertest_artist_inc_url-rels", 200, lambda asker: asker.pages_of(NIRVANA))
    assert (plain.name, plain.ids) == ("Paul Allgood", {})
    absent, _ = musicbrainz("404_not_found", 404, lambda asker: asker.linked_to("deezer", "1"))
    assert absent == []


@pytest.mark.parametrize(
    ("name", "status", "error", "calls"),
    [
        ("503_busy", 503, UpstreamUnavailable, LIMITS.busy_attempts),
        ("503_busy", 200, UpstreamUnavailable, LIMITS.busy_attempts),
        ("503_rate_limit", 503, UpstreamUnavailable, LIMITS.busy_attempts),
        ("403_ua_missing", 403, NotAllowed, 1),
        (f"nock_artist_{NIRVANA.replace('-', '_')}_inc_foobar", 400, UpstreamUnavailable, 1),
    ],
)
def test_musicbrainz_refusals(name: str, status: int, error: type[SourceError], calls: int) -> None:
    came, sent = musicbrainz(name, status, lambda asker: asker.pages_of(NIRVANA))
    assert isinstance(came, error)
    assert json.loads(text(f"musicbrainz/{name}.json"))["error"][:60] in str(came)
    assert sent == calls


@pytest.mark.parametrize(
    ("name", "status", "kind", "calls", "words"),
    [
        ("403_robot_policy.txt", 403, "text/plain; charset=utf-8", 1, "respect our robot policy"),
        ("429_jetty.html", 429, "text/html;charset=utf-8", 3, "with a pause of 9 s"),
    ],
)
def test_wikidata_refusals(name: str, status: int, kind: str, calls: int, words: str) -> None:
    async def go() -> None:
        clock = FakeClock()
        headers = {"content-type": kind} | ({"retry-after": "9"} if status == 429 else {})
        reply = Reply(status, text(f"wikidata/{name}").encode(), headers)
        async with Upstream(lambda _: reply, clock) as upstream:
            async with aclosing(
                Wikidata("wikidata", sparql_url=f"{upstream.url}/sparql", clock=clock)
            ) as asker:
                with pytest.raises(NotAllowed if status == 403 else UpstreamUnavailable, match=words):
                    await asker.ids_of("spotify", ["a"])
            assert len(upstream.requests) == calls

    asyncio.run(go())


LASTFM = {
    "artist.getinfo": ("artists", "U2"), "artist.getinfo.en": ("artists", None),
    "artist.getinfo.tonlistarleit": ("artists", None), "artist.getinfo.empty": ("artists", None),
    "artist.gettoptracks": ("top_tracks", "U2"),
}  # fmt: skip
LASTFM_UNKNOWN = {
    "artist.getinfo.unknown": "artists",
    "artist.gettoptracks.unknown": "top_tracks",
    "error_6": "artists",
}


def test_lastfm() -> None:
    for name, (entity, called) in LASTFM.items():
        found = parsed(parse_lastfm, entity, f"lastfm/{name}.json", artist_id="U2")  # type: ignore[arg-type]
        assert found.rejected == [], name
        assert len(found.records) + len(found.missing) >= 1, name
        if called:
            assert found.records, name
            assert {one.artist_id for one in found.records} == {called}  # type: ignore[union-attr]
    for name, entity in LASTFM_UNKNOWN.items():
        found = parsed(parse_lastfm, entity, f"lastfm/{name}.json", artist_id="nobody")  # type: ignore[arg-type]
        assert found.records == [], name
        assert len(found.missing) == 1, name


DEEZER: dict[str, tuple[Entity, dict[str, object]]] = {
    r"artist_27": ("artists", {"artist_id": "27"}),
    r"artist_1|error_.*": ("artists", {"artist_id": "1"}),
    r"artist_27_top|artist\.top|artist_top": ("top_tracks", {"artist_id": "27"}),
    r"artist_27_albums.*|artist_albums": ("new_releases", {"key": "artist:27", "index": 0}),
    r"editorial_(106_)?releases|editorial_1": ("new_releases", {"key": "editorial:0", "index": 0}),
}  # fmt: skip


@pytest.mark.parametrize("folder", ["deezer", "deezer/more"])
def test_deezer(folder: str) -> None:
    read = 0
    for path in sorted((SHARED / "recorded" / folder).glob("*.json")):
        for pattern, (entity, request) in DEEZER.items():
            if not re.fullmatch(pattern, path.stem):
                continue
            found = parsed(parse_deezer, entity, f"{folder}/{path.name}", 200, **request)
            assert found.rejected == [], path.name
            read += 1
            if "error" in json.loads(path.read_text()):
                assert found.records == [], path.name
                assert len(found.missing) == 1, path.name
    assert read >= 4


def test_every_body_of_an_observed_open_service_is_read_here() -> None:
    """Charts and searches of Deezer and Last.fm, of which nothing is kept, are read by their own tests."""
    source = Path(__file__).read_text()
    elsewhere = re.compile(r"_headers|.*search.*|chart_.*|nock_work_.*")
    for folder in ("listenbrainz", "musicbrainz", "lastfm", "wikidata", "deezer", "deezer/more"):
        for path in (SHARED / "recorded" / folder).iterdir():
            if path.is_dir() or elsewhere.fullmatch(path.stem):
                continue
            named = path.stem.replace(NIRVANA.replace("-", "_"), "{NIRVANA.replace('-', '_')}") in source
            assert named or any(re.fullmatch(pattern, path.stem) for pattern in DEEZER), path.name
