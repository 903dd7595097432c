"""Who is who: what evidence is worth, and reading MusicBrainz's and Wikidata's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.artists.matching import Evidence, conclude, in_world_of, namespace_of, service_of
from spotify_assets.artists.musicbrainz.client import MusicBrainz
from spotify_assets.artists.musicbrainz.parse import artist_pages, found_artists, linked_artists
from spotify_assets.artists.wikidata import IN_BATCH, Wikidata, stated_ids
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.protocol import CooldownRequired, UpstreamUnavailable
from spotify_assets_tests.support.servers.upstream import QUICK, FakeClock, Landed, Reply, Seen, Upstream

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPOTIFY_ID = "4tZwfgrHOc3mvqYlEYSvVi"
MBID = "056e4f3e-d505-4dad-8ec1-d04f521cbb56"

URL_ANSWER = {
    "id": "3cbc7f5e-0d3b-4f1d-8d3b-1d8c7f6b3a0e",
    "resource": f"https://open.spotify.com/artist/{SPOTIFY_ID}",
    "relations": [
        {
            "type": "free streaming", "type-id": "769085a1-c2f7-4c24-a532-2375a77693bd",
            "target-type": "artist", "direction": "backward", "ended": False, "begin": None, "end": None,
            "artist": {"id": MBID.upper(), "name": "Daft Punk", "disambiguation": "French electronic duo"},
        },
        {"type": "free streaming", "ended": True, "artist": {"id": "gone", "name": "Gone"}},
    ],
}  # fmt: skip
ARTIST_ANSWER = {
    "id": MBID, "name": "Daft Punk", "type": "Group", "country": "FR",
    "relations": [
        {"type": "streaming", "ended": False, "url": {"resource": "https://www.deezer.com/artist/27"}},
        {"type": "free streaming", "ended": False, "url": {"resource": "https://www.deezer.com/fr/artist/27"}},
        {"type": "last.fm", "ended": False, "url": {"resource": "https://www.last.fm/music/Daft+Punk"}},
        {"type": "free streaming", "url": {"resource": f"https://open.spotify.com/artist/{SPOTIFY_ID}"}},
        {"type": "streaming", "ended": True, "url": {"resource": "https://www.deezer.com/artist/9"}},
        {"type": "discogs", "ended": False, "url": {"resource": "https://www.discogs.com/artist/1289"}},
    ],
}  # fmt: skip


def test_links_stand_above_statements_and_statements_above_names() -> None:
    evidence = Evidence(
        musicbrainz={"musicbrainz": ["m"]},
        wikidata={"deezer": ["27", "28"], "musicbrainz": ["other"]},
        names={"deezer": ["99"], "musicbrainz": ["x"]},
        name="Daft Punk",
        linked_name="Daft Punk",
    )
    by_link = conclude("spotify", "a", "musicbrainz", evidence, NOW)
    assert (by_link.target_id, by_link.method, by_link.confidence, by_link.note) == (
        "m", "musicbrainz", 0.95, ""
    )  # fmt: skip
    several = conclude("spotify", "a", "deezer", evidence, NOW)
    assert (several.target_id, several.method, several.confidence) == ("27", "wikidata", 0.5)
    assert several.note == "one of 2; also found: 28"
    named = conclude("spotify", "a", "lastfm", evidence, NOW)
    assert (named.target_id, named.method, named.confidence) == ("Daft+Punk", "name", 0.7)
    only_name = conclude("spotify", "a", "deezer", Evidence(names={"deezer": ["99"]}), NOW)
    assert (only_name.target_id, only_name.method, only_name.confidence) == ("99", "name", 0.4)
    nothing = conclude("spotify", "a", "deezer", Evidence(name="Who"), NOW)
    assert (nothing.target_id, nothing.method, nothing.confidence) == (None, "not found", 0.0)
    assert "nobody there is called Who" in nothing.note
    assert "its name is not known" in conclude("spotify", "a", "lastfm", Evidence(), NOW).note
    unsure = conclude("spotify", "a", "deezer", Evidence(musicbrainz={"deezer": ["1"]}, ambiguous=True), NOW)
    assert (unsure.confidence, unsure.note) == (0.6, "MusicBrainz links the page to several artists")


ids = st.lists(st.text(min_size=1, max_size=5), max_size=3)


@given(st.dictionaries(st.sampled_from(["deezer", "musicbrainz", "lastfm", "spotify"]), ids), ids, ids)
def test_a_stronger_method_is_never_less_sure(linked: dict[str, list[str]], stated: Any, named: Any) -> None:
    evidence = Evidence(musicbrainz=linked, wikidata={"deezer": stated}, names={"deezer": named})
    found = conclude("spotify", "a", "deezer", evidence, NOW)
    assert 0 <= found.confidence <= 1
    assert (found.target_id is None) == (found.confidence == 0) == (found.method == "not found")
    if linked.get("deezer"):
        assert (found.method, found.target_id) == ("musicbrainz", linked["deezer"][0])
    elif stated:
        assert found.method == "wikidata"


def test_real_and_simulated_ids_are_two_worlds() -> None:
    assert [namespace_of(name) for name in ("spotify", "listenbrainz", "deezer", "lastfm", "simulated")] == [
        "spotify", "musicbrainz", "deezer", "lastfm", "simulated"
    ]  # fmt: skip
    assert namespace_of("simulated-listenbrainz") == "simulated-musicbrainz"
    assert service_of("simulated") == "spotify"
    assert service_of("simulated-deezer") == service_of("deezer") == "deezer"
    assert in_world_of("simulated", "deezer") == "simulated-deezer"
    assert in_world_of("simulated-deezer", "spotify") == "simulated"
    assert in_world_of("spotify", "musicbrainz") == "musicbrainz"


def test_pages_lead_to_artists_and_artists_to_pages() -> None:
    assert [(one.mbid, one.name) for one in linked_artists(URL_ANSWER)] == [(MBID, "Daft Punk")]
    pages = artist_pages(ARTIST_ANSWER)
    assert pages.name == "Daft Punk"
    assert pages.ids == {"deezer": ["27"], "lastfm": ["Daft+Punk"], "spotify": [SPOTIFY_ID]}


FIELDS = (
    "relations", "artist", "artists", "id", "name", "url", "resource", "ended", "results", "bindings",
    "spotify", "deezer", "value",
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_answer_is_too_odd_to_be_read(data: Any) -> None:
    assert isinstance(linked_artists(data), list)
    assert isinstance(artist_pages(data).ids, dict)
    assert isinstance(found_artists(data), list)
    assert isinstance(stated_ids("spotify", data), dict)


def send(script: Any, what: Any) -> tuple[Any, Upstream, FakeClock]:
    async def run() -> tuple[Any, Upstream, FakeClock]:
        clock = FakeClock()
        async with Upstream(script, clock) as upstream:
            result = await what(upstream.url, clock)
        return result, upstream, clock

    return asyncio.run(run())


def test_musicbrainz_is_asked_once_a_second_with_a_contact_and_404_means_unlinked() -> None:
    def script(seen: Seen) -> Reply:
        if seen.path == "/ws/2/url":
            known = seen.query["resource"].endswith(SPOTIFY_ID)
            return Reply(body=URL_ANSWER) if known else Reply(404, {"error": "Not Found"})
        return Reply(body=ARTIST_ANSWER)

    landed = Landed()

    async def what(url: str, clock: FakeClock) -> Any:
        asker = MusicBrainz("musicbrainz", api_url=f"{url}/ws/2", agent="us/1 (+me@home)", clock=clock)
        async with aclosing(asker):
            return [
                await asker.linked_to("spotify", SPOTIFY_ID, landed),
                await asker.linked_to("deezer", "5"),
                (await asker.pages_of(MBID)).ids["deezer"],
            ]

    (found, nothing, pages), upstream, clock = send(script, what)
    assert (found[0].mbid, nothing, pages) == (MBID, [], ["27"])
    assert upstream.requests[0].query == {
        "resource": f"https://open.spotify.com/artist/{SPOTIFY_ID}", "inc": "artist-rels", "fmt": "json"
    }  # fmt: skip
    assert upstream.requests[2].target == f"/ws/2/artist/{MBID}?inc=url-rels&fmt=json"
    assert {seen.headers["user-agent"] for seen in upstream.requests} == {"us/1 (+me@home)"}
    assert 2 <= clock.elapsed < 2.4
    assert [exchange.entity for exchange in landed] == ["identities"]


def test_a_search_quotes_what_the_query_language_would_take_for_its_own() -> None:
    async def what(url: str, clock: FakeClock) -> Any:
        async with aclosing(MusicBrainz("musicbrainz", api_url=url, clock=clock, limits=QUICK)) as asker:
            return await asker.search('AC/DC "live" (au)')

    body = {"artists": [{"id": MBID, "score": 100, "name": "AC/DC"}, {"name": "no id"}, None]}
    found, upstream, _ = send(lambda _: Reply(body=body), what)
    assert [one.name for one in found] == ["AC/DC"]
    assert upstream.requests[0].query["query"] == r'artist:"AC\/DC \"live\" \(au\)"'


def test_wikidata_is_asked_in_batches_and_may_know_several() -> None:
    def script(seen: Seen) -> Reply:
        asked = seen.query["query"].split("{ ")[2].split(" }")[0].replace('"', "").split()
        rows: list[dict[str, Any]] = [
            {"item": {"type": "uri", "value": "http://www.wikidata.org/entity/Q1"},
             "spotify": {"type": "literal", "value": asked[0]},
             "deezer": {"type": "literal", "value": number},
             "musicbrainz": {"type": "literal", "value": MBID}}
            for number in ("27", "28")
        ]  # fmt: skip
        return Reply(body={"head": {"vars": []}, "results": {"bindings": rows}})

    async def what(url: str, clock: FakeClock) -> Any:
        async with aclosing(Wikidata("wikidata", sparql_url=f"{url}/sparql", clock=clock)) as asker:
            return await asker.ids_of("spotify", [*(f"id{n}" for n in range(IN_BATCH + 1)), '"} evil'])

    found, upstream, _ = send(script, what)
    assert len(upstream.requests) == 2
    assert "evil" not in str([seen.target for seen in upstream.requests])
    assert upstream.requests[0].path == "/sparql"
    query = upstream.requests[1].query["query"]
    assert 'VALUES ?spotify { "id100" }' in query
    assert "?item wdt:P1902 ?spotify ." in query
    assert "OPTIONAL { ?item wdt:P2722 ?deezer . }" in query
    assert found == {name: {"deezer": ["27", "28"], "musicbrainz": [MBID]} for name in ("id0", "id100")}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"<html><h1>404 Not Found</h1><hr>nginx</html>", {"content-type": "text/html"}),
        Reply(404, b""),
        Reply(404, {"message": "no Route matched with those values"}),
    ],
)
@pytest.mark.parametrize("what", ["page", "pages", "artist", "name", "deezer name"])
def test_a_404_that_is_not_the_services_own_says_nothing_of_an_artist(reply: Reply, what: str) -> None:
    async def look_up(url: str, clock: FakeClock) -> Any:
        asker = MusicBrainz("musicbrainz", api_url=url, clock=clock, limits=QUICK)
        deezer = DeezerSource("deezer", api_url=url, clock=clock, limits=QUICK)
        async with aclosing(asker), aclosing(deezer):
            requests: dict[str, Callable[[], Awaitable[Any]]] = {
                "page": lambda: asker.linked_to("spotify", SPOTIFY_ID),
                "pages": lambda: asker.linked_to_many("deezer", ["5", "6"]),
                "artist": lambda: asker.pages_of(MBID),
                "name": lambda: asker.search("Air"),
                "deezer name": lambda: deezer.search_artists("Air"),
            }
            with pytest.raises(UpstreamUnavailable):
                await requests[what]()

    send(lambda _: reply, look_up)


def test_an_id_that_wikidata_knows_of_and_does_not_know_is_none() -> None:
    def term(kind: str, value: str) -> dict[str, str]:
        return {"type": kind, "value": value}

    unknown = "http://www.wikidata.org/.well-known/genid/3f1c"
    rows = [
        {
            "spotify": term("literal", SPOTIFY_ID),
            "deezer": term("bnode", "t1"),
            "musicbrainz": term("uri", unknown),
        },
        {
            "spotify": term("literal", SPOTIFY_ID),
            "deezer": term("literal", "27 "),
            "musicbrainz": term("literal", MBID),
        },
    ]
    assert stated_ids("spotify", {"results": {"bindings": rows}}) == {SPOTIFY_ID: {"musicbrainz": [MBID]}}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(503, {"error": "Your requests are exceeding the allowable rate limit."}), UpstreamUnavailable),
        (Reply(429, {}, {"Retry-After": "3600"}), CooldownRequired),
    ],
)
def test_an_unreachable_upstream_is_an_error_and_no_answer(reply: Reply, error: type[Exception]) -> None:
    async def what(url: str, clock: FakeClock) -> Any:
        async with aclosing(MusicBrainz("musicbrainz", api_url=url, clock=clock, limits=QUICK)) as asker:
            with pytest.raises(error):
                await asker.linked_to("spotify", SPOTIFY_ID)

    send(lambda _: reply, what)
