"""Finding out who is who while the services are busy, refuse, merge artists, and send errors as answers.

The forms are those that the services really send; the artists are invented.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.matching import RETRY_AFTER
from spotify_assets.artists.musicbrainz.client import LIMITS, REQUESTS_PER_SECOND
from spotify_assets.artists.resolve import Identified
from spotify_assets.defs.ingestion.raw import IDENTIFY_SECONDS
from spotify_assets.sources.http.quota import LocalQuota, Quota
from spotify_assets.sources.state import InMemoryState
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.artists.test_resolve import known, mbid, run
from spotify_assets_tests.support.servers.upstream import FakeClock, Reply, Seen

PEOPLE = 100
BUSY = {"error": "The MusicBrainz web server is currently busy. Please try again later."}
BUSY_HEADERS = {
    "Server": "openresty", "X-RateLimit-Zone": "global", "X-RateLimit-Who": "global",
    "X-RateLimit-Limit": "15", "X-RateLimit-Remaining": "12", "Retry-After": "0",
}  # fmt: skip
ROBOTS = b"Please set a user-agent and respect our robot policy https://w.wiki/4wJS. See also T400119.\n"
DISJOINT: Reply = Reply(body={"head": {"vars": ["item"]}, "results": {"bindings": []}})


def spotify_id(number: int) -> str:
    return f"{number:022}"


def page(number: int) -> str:
    return f"https://open.spotify.com/artist/{spotify_id(number)}"


class Services:
    """MusicBrainz with whomever is asked for, every second artist with a page at Deezer; Wikidata; Deezer."""

    def __init__(self, busy: Callable[[Seen], bool] = lambda _: False, *, many: bool = True) -> None:
        self.busy = busy
        self.many = many
        self.wikidata = DISJOINT
        self.odd: dict[str, Reply] = {}
        self.seen: Counter[str] = Counter()

    def __call__(self, seen: Seen) -> Reply:
        _, service, *rest = seen.path.split("/")
        if service == "mb" and self.busy(seen):
            self.seen["busy"] += 1
            return Reply(503, BUSY, BUSY_HEADERS)
        self.seen[service] += 1
        if service == "wikidata":
            return self.wikidata
        if service == "deezer":
            return Reply(body={"data": [{"id": 7, "name": seen.query["q"], "nb_fan": 9}]})
        if rest[-1] in self.odd:
            return self.odd[rest[-1]]
        return self._pages(seen) if rest[-1] == "url" else self._artist(rest[-1])

    def _pages(self, seen: Seen) -> Reply:
        resources = parse_qs(urlsplit(seen.target).query)["resource"]
        linked = [one for one in resources if not one.endswith("9" * 5)]
        found = [
            {"id": mbid(9000), "resource": one, "relations": [{"type": "free streaming", "ended": False,
             "artist": {"id": mbid(int(one[-22:])), "name": f"Artist {int(one[-22:])}"}}]}
            for one in linked
        ]  # fmt: skip
        if self.many and len(resources) > 1:
            body = {"url-count": len(found), "url-offset": 0, "urls": found}
            return Reply(body=body) if found else Reply(404, {"error": "Not Found", "help": "…"})
        first = found[0] if resources[0] in linked else None
        return Reply(body=first) if first else Reply(404, {"error": "Not Found", "help": "…"})

    def _artist(self, what: str) -> Reply:
        if what == "artist":
            return Reply(body={"created": "2026-11-20T10:00:00Z", "count": 0, "offset": 0, "artists": []})
        number = int(what[-12:], 16)
        pages = [page(number)] + [f"https://www.deezer.com/artist/{number}"] * (number % 2 == 0)
        relations = [{"type": "free streaming", "ended": False, "url": {"resource": one}} for one in pages]
        return Reply(body={"id": what, "name": f"Artist {number}", "relations": relations})


class Steady(FakeClock):
    """Time that passes for all who wait: until the first of them is due, once nobody else is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[float] = []

    async def sleep(self, seconds: float) -> None:
        until = self.elapsed + seconds
        self.due.append(until)
        try:
            while self.elapsed < until:
                for _ in range(30):  # an exchange with a server in the same event loop takes fewer turns
                    await asyncio.sleep(0)
                if until == min(self.due):
                    self.elapsed = max(self.elapsed, until)
        finally:
            self.due.remove(until)


class Paced(InMemoryState):
    """Leave to call, with when each call was allowed to leave, by upstream."""

    def __init__(self) -> None:
        self.clock = Steady()
        super().__init__(self.clock)
        self.leaves: dict[str, list[float]] = {}
        self.unused: Counter[str] = Counter()

    def quota(self, upstream: str, credential: str) -> Quota:  # noqa: ARG002 - none has one here
        paced = self

        class Noting(LocalQuota):
            def take(self, most: int) -> list[float]:
                waits = super().take(most)
                paced.leaves.setdefault(upstream, []).extend(paced.clock.monotonic() + wait for wait in waits)
                return waits

            def give_back(self, calls: int) -> None:
                super().give_back(calls)
                paced.unused[upstream] += calls

        return Noting(clock=self.clock, name=upstream)

    def used(self, upstream: str) -> int:
        return len(self.leaves[upstream]) - self.unused[upstream]


def at_random(share: float) -> Callable[[Seen], bool]:
    chance = random.Random(7)
    return lambda _: chance.random() < share


def watch(warehouse: Warehouse, numbers: range | list[int]) -> None:
    watchlist.add_many(warehouse, "spotify", [(spotify_id(number), None) for number in numbers])


def look(
    warehouse: Warehouse, services: Services, clock: FakeClock | None = None, **options: Any
) -> tuple[Identified, list[Seen], FakeClock]:
    at = clock or FakeClock()
    options.setdefault("budget_seconds", IDENTIFY_SECONDS)
    outcome, upstream = run(warehouse, services, clock=at, **options)
    return outcome, [seen for seen in upstream.requests if seen.path.startswith("/mb/")], at


@pytest.mark.parametrize(("share", "many"), [(0.5, True), (0.4, False)])
def test_a_hundred_artists_are_identified_in_one_run_while_every_second_answer_is_busy(
    warehouse: Warehouse, share: float, many: bool
) -> None:
    watch(warehouse, range(PEOPLE))
    services, memory = Services(at_random(share), many=many), Paced()
    outcome, asked, clock = look(warehouse, services, memory.clock, memory=memory)
    assert outcome.left == 0
    found = known(warehouse)
    assert len(found) == 2 * PEOPLE
    assert all(found[spotify_id(n), "musicbrainz"] == (mbid(n), "musicbrainz", 0.95) for n in range(PEOPLE))
    assert sum(found[spotify_id(n), "deezer"][1] == "musicbrainz" for n in range(PEOPLE)) == PEOPLE // 2
    # One question about the pages of 50 artists, or one too many and one for each, and one about each artist.
    fewest = PEOPLE + 2 if many else 2 * PEOPLE + 1
    assert fewest <= services.seen["mb"] <= fewest + 4 * len(outcome.problems), "each but the busy once"
    assert len(asked) == services.seen["mb"] + services.seen["busy"] == memory.used("musicbrainz")
    leaves = memory.leaves["musicbrainz"]
    assert min(later - earlier for earlier, later in pairwise(leaves)) >= 0.999 / REQUESTS_PER_SECOND
    assert clock.elapsed < IDENTIFY_SECONDS


def test_who_could_not_be_asked_about_in_bad_weather_comes_again_at_the_end(warehouse: Warehouse) -> None:
    watch(warehouse, range(40))
    sent: Counter[str] = Counter()

    def refused_at_first(seen: Seen) -> bool:
        sent[seen.target] += 1
        return seen.path.endswith((mbid(3), mbid(5))) and sent[seen.target] <= LIMITS.busy_attempts

    outcome, asked, _ = look(warehouse, Services(refused_at_first))
    assert len(outcome.problems) == 1, "said once, whomever it was about"
    assert '8 times HTTP 503: "The MusicBrainz web server is currently busy' in outcome.problems[0]
    assert outcome.left == 0
    assert len(known(warehouse)) == 80
    assert {asked[-1].path[-36:], asked[-2].path[-36:]} == {mbid(3), mbid(5)}


def test_a_service_that_is_only_ever_busy_is_soon_left_alone(warehouse: Warehouse) -> None:
    watch(warehouse, range(PEOPLE))
    outcome, asked, _ = look(warehouse, Services(lambda _: True))
    assert outcome.left == PEOPLE
    assert known(warehouse) == {}
    assert len(asked) <= 9 * LIMITS.busy_attempts


@pytest.mark.parametrize(
    ("reply", "now"),
    [
        (Reply(301, {"id": mbid(4), "name": "Artist 4", "relations": [
            {"ended": False, "url": {"resource": "https://www.deezer.com/artist/4"}}]},
            {"Location": f"https://musicbrainz.org/ws/2/artist/{mbid(4)}?fmt=json&inc=url-rels"}), mbid(4)),
        (Reply(301, b"", {"Location": f"/mb/artist/{mbid(4)}?fmt=json&inc=url-rels"}), mbid(4)),
        (Reply(301, {"message": "moved"}, {"Location": f"/mb/artist/{mbid(4)}"}), mbid(4)),
        (Reply(301, b"", {"Location": f"https://elsewhere.example/mb/artist/{mbid(4)}"}), None),
        (Reply(301, b"", {"Location": "/mb/artist/nobody"}), None),
        (Reply(301, b""), None),
        (Reply(301, b"", {"Location": f"/mb/artist/{mbid(3)}"}), None),
    ],
)  # fmt: skip
def test_a_merged_artist_is_followed_to_where_it_is_now_and_nowhere_else(
    warehouse: Warehouse, reply: Reply, now: str | None
) -> None:
    watchlist.add(warehouse, "musicbrainz", mbid(3))
    services = Services()
    services.odd[mbid(3)] = reply
    outcome, _, _ = look(warehouse, services, sources="deezer,listenbrainz")
    if now is None:
        assert known(warehouse) == {}
        assert outcome.left == 1
        assert outcome.problems
        assert "base URL" not in outcome.problems[0]
        return
    assert outcome.problems == []
    assert known(warehouse) == {
        (mbid(3), "deezer"): ("4", "musicbrainz", 0.95),
        (mbid(3), "musicbrainz"): (now, "musicbrainz", 1.0),
    }
    assert identities.tracked_ids(warehouse, "musicbrainz") == [now]


def test_an_artist_whose_merges_go_in_a_circle_is_left(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "musicbrainz", mbid(3))
    services = Services()
    services.odd[mbid(3)] = Reply(301, b"", {"Location": f"/mb/artist/{mbid(5)}"})
    services.odd[mbid(5)] = Reply(301, b"", {"Location": f"/mb/artist/{mbid(3)}"})
    _, asked, _ = look(warehouse, services, sources="deezer")
    assert len(asked) <= 3


@pytest.mark.parametrize("body", [BUSY, {}, [], None, {"error": {"message": "busy"}}, "busy"])
def test_what_is_no_answer_concludes_nothing(warehouse: Warehouse, body: Any) -> None:
    watch(warehouse, [1])
    services = Services()
    for what in ("url", mbid(1)):
        services.odd = {what: Reply(200, body)}
        outcome, _, _ = look(warehouse, services)
        assert outcome.left == 1
        assert all(found[1] == "musicbrainz" for found in known(warehouse).values())
    services.odd = {}
    services.wikidata = Reply(200, body)
    outcome, _, _ = look(warehouse, services)
    assert outcome.left == 1, "no name stands in for statements that did not come"
    assert (spotify_id(1), "deezer") not in known(warehouse)


def test_a_refusal_by_wikidata_stops_wikidata_only_and_after_days_names_stand_in(
    warehouse: Warehouse,
) -> None:
    watch(warehouse, range(30))
    services = Services()
    services.wikidata = Reply(403, ROBOTS, {"content-type": "text/plain; charset=utf-8", "server": "HAProxy"})
    clock = FakeClock()
    memory = InMemoryState(clock)
    outcome, _, _ = look(warehouse, services, clock, memory=memory)
    assert services.seen["wikidata"] == 1
    (problem,) = outcome.problems
    assert "Please set a user-agent and respect our robot policy" in problem
    assert "SPOTIFY_ASSETS_CONTACT" in problem
    assert "access mode" not in problem
    assert outcome.left == 15
    found = known(warehouse)
    assert len(found) == 30 + 15, "what MusicBrainz links is known of all"
    assert {target for _, target in found} == {"musicbrainz", "deezer"}

    clock.elapsed += timedelta(days=3).total_seconds()
    outcome, _, _ = look(warehouse, services, clock, memory=memory)
    assert outcome.left == 0
    by_name = [one for one in outcome.found if one.method == "name"]
    assert len(by_name) == 15
    assert {one.confidence for one in by_name} == {0.4}
    assert {one.note for one in by_name} == {"Wikidata has refused to be asked since 2026-11-20"}

    services.wikidata = DISJOINT
    clock.elapsed += RETRY_AFTER.total_seconds()
    outcome, _, _ = look(warehouse, services, clock, memory=memory)
    assert {one.note for one in outcome.found} == {""}
