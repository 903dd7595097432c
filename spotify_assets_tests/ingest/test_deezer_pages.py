"""Deezer's lists in pages of which some never come: kept, not taken for all, and asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from spotify_assets.ingest.land import Landed, land
from spotify_assets.ingest.read import parse_landed
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.quota import LocalQuota
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.reasons.reason import ReasonCode
from spotify_assets_tests.support.servers.upstream import (
    DAY,
    IMPATIENT,
    QUICK,
    FakeClock,
    Reply,
    Script,
    Seen,
    Upstream,
)


def observe(
    script: Script,
    landing: Landing,
    run_id: str,
    *,
    per_day: int | None = None,
    hour: int = 0,
    limits: Limits = QUICK,
) -> tuple[Landed, list[str]]:
    """Land the new releases of one artist through the public door; gives also what was asked."""

    async def go() -> tuple[Landed, list[str]]:
        clock = FakeClock()
        clock.elapsed = 3600.0 * hour
        quota = LocalQuota(clock=clock)
        async with Upstream(script, clock) as upstream:
            source = DeezerSource(
                "deezer", api_url=upstream.url, clock=clock, limits=limits, run_id=run_id,
                requests_per_second=None, quota=quota,
            )  # fmt: skip
            quota.limit(None, per_day)
            try:
                landed = await land(source, landing, "new_releases", DAY, ["8"], run_id, clock)
            finally:
                await source.aclose()
            return landed, [seen.target for seen in upstream.requests]

    return asyncio.run(go())


def albums(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"id": n, "title": f"album {n}", "release_date": "2026-11-19", "record_type": "single"}
        for n in range(first, first + count)
    ]


def page(seen: Seen) -> Reply:
    """Two pages of the artist's albums, one of the editors'."""
    if seen.path == "/editorial/0/releases":
        return Reply(body={"data": []})
    if "index" in seen.query:
        return Reply(body={"data": albums(201, 3)})
    return Reply(body={"data": albums(101, 100), "next": "https://elsewhere.example/page"})


def never(reply: Callable[[], Reply]) -> Script:
    """The second page never comes."""
    return lambda seen: reply() if "index" in seen.query else page(seen)


FAULTS: dict[str, Callable[[], Reply]] = {
    "hangs": lambda: Reply(body={}, how="hang"),
    "breaks off": lambda: Reply(body=b"{}" * 9, how="cut"),
    "is reset": lambda: Reply(how="reset"),
    "is an error": lambda: Reply(500, {}),
    "is busy": lambda: Reply(body={"error": {"code": 700, "message": "Service busy"}}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_list_cut_off_between_pages_is_not_taken_for_all_and_asked_for_again(
    fault: str, landing: Landing
) -> None:
    limits = IMPATIENT if fault == "hangs" else QUICK
    cut, asked = observe(never(FAULTS[fault]), landing, "one", limits=limits)
    assert cut.stopped is None, "the first page was answered"
    assert "albums of an artist" in cut.usage.failures[0]
    assert len(asked) == 5, "three attempts at the second page"
    parsed = parse_landed("deezer", "new_releases", landing.read("deezer", "new_releases", DAY))
    assert [missing.key for missing in parsed.missing] == ["artist:8"]
    assert len(parsed.records) == 100, "what came is kept"

    again, asked = observe(page, landing, "two", hour=1)
    assert asked == ["/artist/8/albums?limit=100", "/artist/8/albums?limit=100&index=100"], "and no editors"
    assert not again.replayed
    parsed = parse_landed("deezer", "new_releases", landing.read("deezer", "new_releases", DAY))
    assert parsed.missing == []
    assert len(parsed.records) == 103

    third, asked = observe(page, landing, "three", hour=2)
    assert (third.replayed, asked) == (True, [])


def test_a_page_that_was_never_asked_for_leaves_the_list_open(landing: Landing) -> None:
    spent, asked = observe(page, landing, "one", per_day=2)
    assert len(asked) == 2
    assert spent.stopped is not None
    assert "calls allowed" in spent.stopped
    parsed = parse_landed("deezer", "new_releases", landing.read("deezer", "new_releases", DAY))
    (missing,) = parsed.missing
    assert missing.key == "artist:8"
    assert (missing.reason.code, "page 2" in missing.reason.detail) == (ReasonCode.FAILED, True)
    _, asked = observe(page, landing, "two", hour=1)
    assert len(asked) == 2
    parsed = parse_landed("deezer", "new_releases", landing.read("deezer", "new_releases", DAY))
    assert parsed.missing == []


def test_a_page_that_left_no_trace_is_named(landing: Landing) -> None:
    observe(never(FAULTS["is reset"]), landing, "one")
    parsed = parse_landed("deezer", "new_releases", landing.read("deezer", "new_releases", DAY))
    assert "page 2" in parsed.missing[0].reason.detail


def test_a_list_that_has_become_shorter_since_is_whole(landing: Landing) -> None:
    def shorter(seen: Seen) -> Reply:
        return Reply(body={"data": albums(101, 2) if seen.path.startswith("/artist/") else []})

    observe(never(FAULTS["is an error"]), landing, "one")
    observe(shorter, landing, "two", hour=1)
    exchanges: list[Exchange] = landing.read("deezer", "new_releases", DAY)
    assert parse_landed("deezer", "new_releases", exchanges).missing == []


def test_a_first_page_that_never_came_leaves_the_list_open(landing: Landing) -> None:
    observe(lambda seen: Reply(500, {}) if "/artist/" in seen.path else page(seen), landing, "one")
    parsed = parse_landed("deezer", "new_releases", landing.read("deezer", "new_releases", DAY))
    assert [missing.key for missing in parsed.missing] == ["artist:8"]
