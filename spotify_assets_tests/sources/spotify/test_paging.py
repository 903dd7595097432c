"""Pages of new releases, with every bad link on record: never another place, never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from spotify_assets.sources.protocol import UpstreamUnavailable, Usage
from spotify_assets.sources.records import NewRelease
from spotify_assets_tests.support.servers.upstream import DAY, Landed, Reply, Seen, Upstream, ids

Pages = Callable[[Upstream, Seen], Reply]


def page(items: list[str], following: object) -> Reply:
    return Reply(body={"albums": {"items": [{"id": i, "name": i} for i in items], "next": following}})


def details(seen: Seen) -> Reply:
    asked = seen.query["ids"].split(",")
    return Reply(
        body={
            "albums": [{"id": i, "popularity": 7, "label": "L", "external_ids": {"upc": "1"}} for i in asked]
        }
    )


def observe(pages: Pages) -> tuple[Usage, Landed, Upstream, list[NewRelease]]:
    """Observe new releases from a server whose pages a test writes."""

    async def go() -> tuple[Usage, Landed, Upstream, list[NewRelease]]:
        landed = Landed()
        async with Upstream(
            lambda seen: details(seen) if seen.path == "/v1/albums" else pages(up, seen)
        ) as up:
            async with up.source(markets=("SE", "US")) as source:
                usage = await source.observe("new_releases", DAY, ["ignored"], landed)
            parsed = source.parse("new_releases", landed)
        assert parsed.requested == [r.album_id for r in parsed.records if isinstance(r, NewRelease)]
        return usage, landed, up, [r for r in parsed.records if isinstance(r, NewRelease)]

    return asyncio.run(asyncio.wait_for(go(), 20))


def offset(seen: Seen) -> int:
    return int(seen.query.get("offset", 0))


def test_pages_are_followed_and_albums_fetched_in_twenties() -> None:
    def pages(up: Upstream, seen: Seen) -> Reply:
        at = offset(seen)
        link = f"{up.url}/v1/browse/new-releases?limit=50&offset={at + 50}" if at < 100 else None
        # The last album of a page is repeated at the beginning of the next one.
        return page(ids(200)[max(at - 1, 0) : min(at + 50, 101)], link)

    usage, landed, up, records = observe(pages)
    assert usage.failures == ()
    assert sorted(r.album_id for r in records) == ids(101)
    assert {(r.popularity, r.label, r.upc) for r in records} == {(7, "L", "1")}
    assert [e.request for e in landed[:3]] == [{"page": 1}, {"page": 2}, {"page": 3}]
    assert up.requests[0].target == "/v1/browse/new-releases?limit=50&offset=0"
    albums = [s.query for s in up.requests if s.path == "/v1/albums"]
    assert [len(q["ids"].split(",")) for q in albums] == [20, 20, 20, 20, 20, 1]
    assert {q["market"] for q in albums} == {"SE"}


BAD_LINKS = {
    "other host": "https://evil.example/v1/browse/new-releases?offset=50",
    "other port": "http://127.0.0.1:1/v1/browse/new-releases?offset=50",
    "other scheme": "https://{here}/v1/x",
    "other path": "http://{here}/v2/browse/new-releases?offset=50",
    "path that goes on": "http://{here}/v1x/browse/new-releases?offset=50",
    "path out": "http://{here}/v1/../admin",
    "path out, encoded": "http://{here}/v1/%2e%2e/admin",
    "user info": "http://{here}@evil.example/v1/browse/new-releases",
    "user info here": "http://user@{here}/v1/x",
    "protocol-relative": "//evil.example/v1/browse",
    "backslash": "http://{here}\\@evil.example/v1/",
    "newline": "http://{here}/v1/x\r\nx-evil: 1",
    "no url": "::::",
    "file": "file:///etc/passwd",
    "itself": "http://{here}/v1/browse/new-releases?limit=50&offset=0",
}


@pytest.mark.parametrize("bad", BAD_LINKS)
def test_bad_link_is_not_followed_and_said(bad: str) -> None:
    def pages(up: Upstream, seen: Seen) -> Reply:
        return page(ids(3), BAD_LINKS[bad].format(here=up.url.removeprefix("http://")))

    usage, _, up, records = observe(pages)
    words = "read before" if bad == "itself" else "another place"
    assert [words in failure for failure in usage.failures] == [True]
    assert [seen.path for seen in up.requests] == ["/v1/browse/new-releases", "/v1/albums"]
    assert len(records) == 3


def test_the_token_does_not_follow_a_link_to_another_server() -> None:
    async def test() -> None:
        async with Upstream(lambda _: page(ids(1), None)) as other:
            link = f"{other.url}/v1/browse/new-releases"
            async with Upstream(lambda _: page(ids(2), link)) as up, up.source() as source:
                usage = await source.observe("new_releases", DAY, [], Landed())
            assert "another place" in usage.failures[0]
            assert other.requests == other.token_requests == []

    asyncio.run(test())


def test_a_cycle_of_links_ends() -> None:
    def pages(up: Upstream, seen: Seen) -> Reply:
        at = offset(seen)
        following = {0: 50, 50: 100, 100: 50}[at]
        return page(ids(200)[at : at + 50], f"{up.url}/v1/browse/new-releases?limit=50&offset={following}")

    usage, _, up, records = observe(pages)
    assert len(records) == 150
    assert sum(s.path.endswith("new-releases") for s in up.requests) == 3
    assert "read before" in usage.failures[0]


def test_the_same_page_under_ever_new_links_ends() -> None:
    def pages(up: Upstream, seen: Seen) -> Reply:
        return page(ids(50), f"{up.url}/v1/browse/new-releases?offset={len(up.requests)}")

    usage, _, up, records = observe(pages)
    assert len(records) == 50
    assert sum(s.path.endswith("new-releases") for s in up.requests) == 2
    assert "nothing new" in usage.failures[0]


def test_endless_new_pages_end_at_the_cap() -> None:
    def pages(up: Upstream, seen: Seen) -> Reply:
        at = offset(seen)
        return page([f"{at:022d}"], f"{up.url}/v1/browse/new-releases?offset={at + 1}")

    usage, _, up, records = observe(pages)
    assert sum(s.path.endswith("new-releases") for s in up.requests) == len(records) == 40
    assert "more than 40 pages" in usage.failures[0]


def test_a_lost_page_and_lost_details_keep_the_rest() -> None:
    def pages(up: Upstream, seen: Seen) -> Reply:
        if offset(seen):
            return Reply(500, b"")
        return page(ids(30), f"{up.url}/v1/browse/new-releases?offset=50")

    async def test() -> None:
        def script(seen: Seen) -> Reply:
            if seen.path != "/v1/albums":
                return pages(up, seen)
            return Reply(500, b"") if ids(1)[0] in seen.target else details(seen)

        landed = Landed()
        async with Upstream(script) as up, up.source() as source:
            usage = await source.observe("new_releases", DAY, [], landed)
        parsed = source.parse("new_releases", landed)
        assert len(usage.failures) == 2
        assert [m.key for m in parsed.missing] == ["page 2"]
        assert len(parsed.requested) == len(parsed.records) + len(parsed.missing) == 31
        labels = [r.label for r in parsed.records if isinstance(r, NewRelease)]
        assert labels == [None] * 20 + ["L"] * 10

    asyncio.run(test())


def test_without_a_first_page_there_is_no_observation() -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(500, b"")) as up, up.source() as source:
            with pytest.raises(UpstreamUnavailable, match="new releases, page 1"):
                await source.observe("new_releases", DAY, [], Landed())

    asyncio.run(test())


@pytest.mark.parametrize("body", [{}, [], None, 5, {"albums": []}, {"albums": {"items": 5, "next": 5}}])
def test_a_page_of_another_shape_is_no_crash(body: object) -> None:
    async def test() -> None:
        landed = Landed()
        async with Upstream(lambda _: Reply(body=body)) as up, up.source() as source:
            await source.observe("new_releases", DAY, [], landed)
        parsed = source.parse("new_releases", landed)
        assert [m.key for m in parsed.missing] == parsed.requested == ["page 1"]

    asyncio.run(test())
