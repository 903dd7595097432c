"""Finding out who is who, on a real database and over real HTTP, with upstreams that fail."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.resolve import Identified, by_hand, identify_async, targets_of
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import load_settings
from spotify_assets.sources.listenbrainz.parse import NOBODY_LISTENS
from spotify_assets.sources.state import InMemoryState
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LoadSummary
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets_tests.support.servers.upstream import FakeClock, Reply, Script, Seen, Upstream
from spotify_assets_tests.support.warehouse import DAY, artists


def spotify_id(letter: str) -> str:
    return letter * 22


def mbid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


class World:
    """MusicBrainz, Wikidata and Deezer in one small server: five artists, each known in another way."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.merged: dict[str, str] = {}
        self.pages = {
            f"https://open.spotify.com/artist/{spotify_id('L')}": [(1, "Linked")],
            f"https://open.spotify.com/artist/{spotify_id('T')}": [(3, "Two"), (4, "Too")],
            "https://www.deezer.com/artist/27": [(1, "Linked")],
        }
        self.artist_pages = {
            mbid(1): [
                "https://www.deezer.com/artist/27", "https://www.last.fm/music/Linked+One",
                f"https://open.spotify.com/artist/{spotify_id('L')}",
            ],
            mbid(2): ["https://www.last.fm/music/Double-U"], mbid(3): [], mbid(4): ["https://www.deezer.com/artist/44"],
        }  # fmt: skip
        self.items = {"spotify": {spotify_id("W"): {"deezer": ["5", "6"], "musicbrainz": [mbid(2)]}}}
        self.names = {"Named": [(7, 10), (8, 900)]}

    def __call__(self, seen: Seen) -> Reply:
        _, service, *rest = seen.path.split("/")
        if service in self.broken:
            return Reply(500, {})
        if service == "mb":
            return self._musicbrainz(rest[-1], seen)
        if service == "wikidata":
            return Reply(body={"results": {"bindings": self._bindings(seen.query["query"])}})
        found = self.names.get(seen.query.get("q", ""), [])
        data = [{"id": number, "name": seen.query["q"].upper(), "nb_fan": fans} for number, fans in found]
        return Reply(body={"data": [*data, {"id": 99, "name": "Somebody else", "nb_fan": 10**6}]})

    def _musicbrainz(self, what: str, seen: Seen) -> Reply:
        if what == "url":
            resources = parse_qs(urlsplit(seen.target).query)["resource"]
            found = [self._url(one, self.pages[one]) for one in resources if one in self.pages]
            if not found:
                return Reply(404, {"error": "Not Found"})
            many = {"url-count": len(found), "url-offset": 0, "urls": found}
            return Reply(body=many if len(resources) > 1 else found[0])
        if what == "artist":
            return Reply(body={"artists": []})
        now = self.merged.get(what, what)
        pages = [{"url": {"resource": page}} for page in self.artist_pages.get(now, [])]
        body = {"id": now, "name": f"artist {now[-1]}", "relations": pages}
        if now == what:
            return Reply(body=body)
        return Reply(301, body, {"Location": f"https://musicbrainz.org/ws/2/artist/{now}?fmt=json"})

    def _url(self, page: str, linked: list[tuple[int, str]]) -> dict[str, Any]:
        relations = [{"artist": {"id": mbid(number), "name": name}} for number, name in linked]
        return {"id": mbid(0), "resource": page, "relations": relations}

    def _bindings(self, query: str) -> list[dict[str, Any]]:
        rows = []
        for service, items in self.items.items():
            for ident, others in items.items():
                if f"VALUES ?{service} {{" in query and f'"{ident}"' in query:
                    rows += [
                        {service: {"value": ident}, other: {"value": value}}
                        for other, values in others.items()
                        for value in values
                    ]
        return rows


def run(
    warehouse: Warehouse,
    world: Script,
    *,
    clock: FakeClock | None = None,
    memory: InMemoryState | None = None,
    sources: str = "listenbrainz,deezer",
    **options: Any,
) -> tuple[Identified, Upstream]:
    async def inside() -> tuple[Identified, Upstream]:
        at = clock or FakeClock()
        async with Upstream(world, at) as upstream:
            settings = load_settings(
                sources=sources,
                musicbrainz_api_url=f"{upstream.url}/mb",
                deezer_api_url=f"{upstream.url}/deezer",
                wikidata_sparql_url=f"{upstream.url}/wikidata",
                lastfm_api_key="k",
            )
            found = await identify_async(warehouse, settings, memory or InMemoryState(at), at, **options)
            return found, upstream

    return asyncio.run(inside())


def known(warehouse: Warehouse) -> dict[tuple[str, str], tuple[str | None, str, float]]:
    return {
        (artist_id, one.target): (one.target_id, one.method, round(one.confidence, 3))
        for (_, artist_id), found in identities.identities_of(warehouse).items()
        for one in found
    }


@pytest.fixture
def watched(warehouse: Warehouse) -> Warehouse:
    for letter, name in (("L", "Linked"), ("W", None), ("N", "named"), ("X", None), ("T", None)):
        watchlist.add(warehouse, "spotify", spotify_id(letter), name)
    return warehouse


def test_each_artist_is_found_by_the_best_method_that_knows_it(watched: Warehouse, tmp_path: Path) -> None:
    world = World()
    world.names = {"named": [(7, 10), (8, 900)]}
    landing = Landing(str(tmp_path))
    outcome, upstream = run(watched, world, landing=landing, sources="listenbrainz,deezer,lastfm")
    assert outcome.problems == []
    assert outcome.left == 0
    assert known(watched) == {
        (spotify_id("L"), "deezer"): ("27", "musicbrainz", 0.95),
        (spotify_id("L"), "lastfm"): ("Linked+One", "musicbrainz", 0.95),
        (spotify_id("L"), "musicbrainz"): (mbid(1), "musicbrainz", 0.95),
        (spotify_id("W"), "deezer"): ("5", "wikidata", 0.5),
        (spotify_id("W"), "lastfm"): ("Double-U", "wikidata", 0.85),
        (spotify_id("W"), "musicbrainz"): (mbid(2), "wikidata", 0.85),
        (spotify_id("N"), "deezer"): ("8", "name", 0.2),
        (spotify_id("N"), "lastfm"): ("named", "name", 0.4),
        (spotify_id("N"), "musicbrainz"): (None, "not found", 0.0),
        (spotify_id("X"), "deezer"): (None, "not found", 0.0),
        (spotify_id("X"), "lastfm"): (None, "not found", 0.0),
        (spotify_id("X"), "musicbrainz"): (None, "not found", 0.0),
        (spotify_id("T"), "deezer"): ("44", "musicbrainz", 0.6),
        (spotify_id("T"), "lastfm"): ("Two", "name", 0.7),
        (spotify_id("T"), "musicbrainz"): (mbid(3), "musicbrainz", 0.6),
    }
    assert len(outcome.found) + len(outcome.not_found) == 15
    assert sum(seen.path == "/wikidata" for seen in upstream.requests) == 1, "many artists in one query"
    day = FakeClock().now().date()
    assert landing.sources("identities", day) == ["musicbrainz", "wikidata"]
    assert landing.read("musicbrainz", "identities", day)

    again, upstream = run(watched, world, sources="listenbrainz,deezer,lastfm")
    assert not upstream.requests, "nobody is looked for twice within 30 days"
    assert again == Identified()
    later = FakeClock(FakeClock().start.replace(month=12, day=21))
    run(watched, World(), clock=later)
    assert known(watched)[spotify_id("N"), "deezer"] == ("8", "name", 0.2), "found stays found"


def test_a_watched_deezer_or_musicbrainz_artist_is_found_elsewhere_too(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "deezer", "27")
    watchlist.add(warehouse, "musicbrainz", mbid(4))
    run(warehouse, World())
    assert known(warehouse) == {
        ("27", "musicbrainz"): (mbid(1), "musicbrainz", 0.95),
        (mbid(4), "deezer"): ("44", "musicbrainz", 0.95),
    }
    assert identities.tracked_ids(warehouse, "deezer") == ["27", "44"]


def test_an_upstream_that_fails_leaves_the_artist_for_the_next_time(watched: Warehouse) -> None:
    world = World()
    world.broken = {"wikidata"}
    outcome, _ = run(watched, world)
    assert known(watched) == {
        (spotify_id("L"), "deezer"): ("27", "musicbrainz", 0.95),
        (spotify_id("L"), "musicbrainz"): (mbid(1), "musicbrainz", 0.95),
        (spotify_id("T"), "deezer"): ("44", "musicbrainz", 0.6),
        (spotify_id("T"), "musicbrainz"): (mbid(3), "musicbrainz", 0.6),
    }, "a name never stands in for a link that could not be looked up"
    assert outcome.left == 3
    assert "wikidata" in outcome.problems[0]
    world.broken = {"mb"}
    outcome, upstream = run(watched, world)
    assert outcome.found == outcome.not_found == []
    assert outcome.left == 3
    assert not any(seen.path == "/wikidata" for seen in upstream.requests)
    world.broken = set()
    outcome, _ = run(watched, world)
    assert outcome.left == 0
    assert known(watched)[spotify_id("W"), "deezer"] == ("5", "wikidata", 0.5)


def test_the_time_is_bounded_and_the_most_important_come_first(watched: Warehouse) -> None:
    for number in range(60):
        watchlist.add(watched, "spotify", f"{number:022}", None)
    watchlist.add(watched, "spotify", spotify_id("W"), priority=1)
    outcome, upstream = run(watched, World(), budget_seconds=0.5)
    assert outcome.left == 15, "what one question asks about is begun"
    assert upstream.requests[0].query["resource"].endswith(spotify_id("W"))
    assert known(watched)[spotify_id("W"), "deezer"] == ("5", "wikidata", 0.5)
    outcome, upstream = run(watched, World(), budget_seconds=0.0)
    assert outcome.left == 15
    assert outcome.found == []
    assert not upstream.requests


def test_names_are_not_looked_for_long_after_the_time_is_up(watched: Warehouse) -> None:
    people = 50
    for number in range(people):
        watchlist.add(watched, "spotify", f"{number:022}", f"Name {number}")
    clock = FakeClock()
    memory = InMemoryState(clock)
    begun = clock.monotonic()
    outcome, _ = run(watched, World(), clock=clock, memory=memory, budget_seconds=18.0)
    assert clock.monotonic() - begun < 18 + 10 + 3
    done = len({artist_id for artist_id, target in known(watched) if target == "deezer"})
    assert 5 < done < people
    assert outcome.left == people + 5 - done, "a name never stands in for what there was no time to ask"
    rounds = 1
    while outcome.left:
        outcome, _ = run(watched, World(), clock=clock, memory=memory, budget_seconds=18.0)
        rounds += 1
    assert len(known(watched)) == 2 * (people + 5)
    assert rounds < 6, "every run brings something"


def test_only_those_named_are_looked_for_and_a_persons_word_stands(watched: Warehouse) -> None:
    identities.save(watched, [by_hand("spotify", spotify_id("L"), "deezer", "1234")])
    outcome, _ = run(watched, World(), only=[("spotify", spotify_id("L"))])
    assert known(watched) == {
        (spotify_id("L"), "deezer"): ("1234", "hand", 1.0),
        (spotify_id("L"), "musicbrainz"): (mbid(1), "musicbrainz", 0.95),
    }
    assert len(outcome.found) == 1


def test_an_mbid_that_listenbrainz_does_not_know_may_have_been_merged(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "musicbrainz", mbid(8))
    watchlist.add(warehouse, "musicbrainz", mbid(9))
    replace_partition(
        warehouse, table="artist_snapshots", source="listenbrainz", day=DAY,
        rows=artists(["a"], source="listenbrainz"), quarantined=[],
        load=LoadSummary(requested=3, received=1, missing=dict.fromkeys([mbid(8), mbid(9)], NOBODY_LISTENS)),
    )  # fmt: skip
    world = World()
    world.merged = {mbid(8): mbid(1)}
    _, upstream = run(warehouse, world, sources="listenbrainz")
    assert len(upstream.requests) == 2
    assert known(warehouse) == {
        (mbid(8), "musicbrainz"): (mbid(1), "musicbrainz", 1.0),
        (mbid(9), "musicbrainz"): (None, "not found", 0.0),
    }
    assert set(identities.tracked_ids(warehouse, "musicbrainz")) == {mbid(1), mbid(9)}
    _, upstream = run(warehouse, world, sources="listenbrainz")
    assert not upstream.requests


def test_spotify_alone_needs_no_identities(watched: Warehouse) -> None:
    settings = load_settings(spotify_client_id="i", spotify_client_secret="s")
    assert targets_of(settings) == ["spotify"]
    clock = FakeClock()
    outcome = asyncio.run(identify_async(watched, settings, InMemoryState(clock), clock))
    assert outcome == Identified()
