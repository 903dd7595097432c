"""Pace, concurrency and the fan-out, over real sockets and in real time."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from spotify_assets.sources.clock import SYSTEM_CLOCK
from spotify_assets.sources.http.pacing import RateGate, RetryBudget, backoff_seconds, parse_retry_after
from spotify_assets.sources.http.quota import USED_SHARE, LocalQuota
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets_tests.support.servers.upstream import DAY, FakeClock, Landed, Reply, Seen, Upstream, ids

# Real seconds, on a day that may end meanwhile.
REAL_TIME: dict[str, Any] = {"clock": SYSTEM_CLOCK, "limits": Limits(), "can_observe_past": True}


def test_pace_is_reached_and_never_exceeded() -> None:
    async def test() -> None:
        async with (
            Upstream(lambda _: Reply(body={"tracks": []}, delay=0.03)) as up,
            up.source(**REAL_TIME, requests_per_second=60, concurrency=8) as source,
        ):
            await source.observe("top_tracks", DAY, ids(1), Landed())
            up.requests.clear()
            await source.observe("top_tracks", DAY, ids(90), Landed())
        at = [seen.at for seen in up.requests]
        rate = (len(at) - 1) / (at[-1] - at[0])
        assert 0.9 * 60 <= rate <= 1.1 * 60
        # In no half second more than the pace allows, but for what a late event loop catches up.
        assert max(sum(t <= other < t + 0.5 for other in at) for t in at) <= 30 + 1 + 6

    asyncio.run(test())


def test_pace_hands_out_even_slots_and_survives_idleness() -> None:
    async def test() -> None:
        clock = FakeClock()
        gate = RateGate(LocalQuota(4 / USED_SHARE, clock=clock), clock)
        slots = [await gate.turn(lambda: None) for _ in range(5)]
        assert [b - a for a, b in pairwise(slots)] == pytest.approx([0.25] * 4)
        await clock.sleep(100)
        late = [await gate.turn(lambda: None) for _ in range(3)]
        assert late[0] >= slots[-1] + 99, "idle time is not saved up for a burst"
        assert late[2] - late[0] == pytest.approx(0.5)

    asyncio.run(test())


def test_concurrency_is_used_and_never_exceeded() -> None:
    async def test() -> None:
        async with (
            Upstream(lambda _: Reply(body={"tracks": []}, delay=0.02)) as up,
            up.source(concurrency=5) as source,
        ):
            await source.observe("top_tracks", DAY, ids(40), Landed())
        assert up.most_under_way == 5

    asyncio.run(test())


def test_fan_out_is_eight_times_a_sequential_loop() -> None:
    async def test() -> None:
        def script(seen: Seen) -> Reply:
            return Reply(body={"tracks": []}, delay=0.2)

        async with Upstream(script) as up:
            async with up.source(**REAL_TIME, concurrency=1) as slow:
                await slow.observe("top_tracks", DAY, ids(1), Landed())
                started = time.perf_counter()
                await slow.observe("top_tracks", DAY, ids(5), Landed())
                sequential = (time.perf_counter() - started) / 5
            async with up.source(**REAL_TIME, concurrency=32) as fast:
                await fast.observe("top_tracks", DAY, ids(32), Landed())
                started = time.perf_counter()
                await fast.observe("top_tracks", DAY, ids(320), Landed())
                fanned_out = (time.perf_counter() - started) / 320
        assert sequential / fanned_out >= 8

    asyncio.run(test())


def test_fewest_requests_that_the_batch_sizes_allow() -> None:
    async def test() -> None:
        def script(seen: Seen) -> Reply:
            return Reply(body={seen.path.rpartition("/")[2]: [None] * len(seen.query["ids"].split(","))})

        async with Upstream(script) as up, up.source(markets=("SE", "US")) as source:
            day = DAY
            usage = await source.observe("artists", day, [*ids(101), *ids(101)], Landed())
            assert usage.calls == 4, "three batches and one token"
            usage = await source.observe("track_details", day, ids(51), Landed())
            assert usage.calls == 2
        batches = [seen.query["ids"].split(",") for seen in up.requests]
        assert [len(batch) for batch in batches] == [50, 50, 1, 50, 1]
        assert [i for batch in batches[:3] for i in batch] == ids(101)
        assert [seen.query.get("market") for seen in up.requests] == [None] * 3 + ["SE"] * 2

    asyncio.run(test())


def test_one_source_serves_one_event_loop_after_another() -> None:
    """As when a command observes day after day with a loop each: token and limits are kept."""
    clock = FakeClock()
    landed = Landed()

    async def observe(source: SpotifySource) -> None:
        async with source:
            await source.observe("top_tracks", DAY, ids(5), landed)

    serving = asyncio.new_event_loop()
    thread = threading.Thread(target=serving.run_forever)
    thread.start()
    try:
        up = Upstream(lambda _: Reply(body={"tracks": []}), clock)
        asyncio.run_coroutine_threadsafe(up.__aenter__(), serving).result(10)
        source = up.source(concurrency=2)
        for _ in range(3):
            asyncio.run(observe(source))
        asyncio.run_coroutine_threadsafe(up.__aexit__(), serving).result(10)
    finally:
        serving.call_soon_threadsafe(serving.stop)
        thread.join()
        serving.close()
    assert len(landed) == 15
    assert len(up.token_requests) == 1


NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("120", 120),
        ("9" * 500, 1e12),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("-1", None),
        ("soon", None),
        ("1e3", None),
        ("86400, 86400", 86400),
        ("5, 3600", 3600),
        ("120s", 120),
        ("60 seconds", 60),
        ("5, Fri, 20 Nov 2026 10:01:00 GMT", 5),
        ("\uff19", None),
        ("Fri, 20 Nov 2026 10:01:00 GMT", 60),
        ("Friday, 20-Nov-26 10:01:00 GMT", 60),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0),
        ("Fri, 99 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


def test_backoff_is_jittered_and_capped() -> None:
    assert [backoff_seconds(n, base=0.5, cap=3, rand=lambda: 1.0) for n in (1, 2, 3, 4, 999)] == [
        0.5,
        1,
        2,
        3,
        3,
    ]
    assert backoff_seconds(3, base=0.5, cap=3, rand=lambda: 0.0) == 0


def test_retry_budget() -> None:
    budget = RetryBudget(0.1, 2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(10):
        budget.first()
    assert [budget.spend() for _ in range(2)] == [True, False]
