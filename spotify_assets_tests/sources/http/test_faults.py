"""Each HTTP fault, sent by a real server: bounded, told apart, landed before it is read."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.protocol import CooldownRequired, RefusedAltogether, UpstreamUnavailable
from spotify_assets.sources.records import ArtistSnapshot
from spotify_assets_tests.support.servers.upstream import (
    DAY,
    IMPATIENT,
    QUICK,
    FakeClock,
    Landed,
    Reply,
    Seen,
    Upstream,
    artists_reply,
    ids,
)

GOOD_BYTES = json.dumps({"artists": []}).encode()

FAULTS = {
    "500": (Reply(500, {"error": {"status": 500, "message": "Oops"}}), "HTTP 500"),
    "502 page": (Reply(502, b"<html>Bad gateway</html>"), "HTTP 502"),
    "503": (Reply(503, b""), "HTTP 503"),
    "timeout": (Reply(how="hang"), "within 0.5 s"),
    "slow drip": (Reply(body={"artists": ["x" * 90]}, how="drip"), "within 0.5 s"),
    "reset": (Reply(how="reset"), "connection"),
    "closed": (Reply(how="nothing"), "connection"),
    "cut": (Reply(body={"artists": [None]}, how="cut"), "before the answer was complete"),
    "truncated JSON": (Reply(body=b'{"artists": [{"id": "0'), "invalid JSON"),
    "HTML with 200": (Reply(body=b"<!doctype html><title>Sign in</title>"), "a web page"),
    "empty 200": (Reply(body=b""), "an empty body"),
    "NaN": (Reply(body=b'{"artists": [NaN]}'), "NaN"),
    "broken gzip": (Reply(body=b"\x1f\x8bnonsense", headers={"content-encoding": "gzip"}), "broken gzip"),
    "short gzip": (
        Reply(body=gzip.compress(GOOD_BYTES)[:-12], headers={"content-encoding": "gzip"}),
        "ends too early",
    ),
    "unasked encoding": (Reply(body=b"\x00", headers={"content-encoding": "br"}), "'br'"),
    "brackets": (Reply(body=b"[" * 200_000), "brackets that are never closed"),
}
NEVER_WHOLE = {"timeout", "slow drip"}
LANDED = {"500", "502 page", "503", "truncated JSON", "HTML with 200", "empty 200", "NaN", "brackets"}


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test with a bound on the wall clock: no fault may hang it."""
    asyncio.run(asyncio.wait_for(test(), 20))


def patience(fault: str) -> Limits:
    return IMPATIENT if fault in NEVER_WHOLE else QUICK


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_heals_within_three_attempts(fault: str) -> None:
    async def test() -> None:
        def script(seen: Seen) -> Reply:
            return FAULTS[fault][0] if len(up.requests) < 3 else artists_reply(seen)

        landed = Landed()
        async with Upstream(script) as up, up.source(limits=patience(fault)) as source:
            usage = await source.observe("artists", DAY, ids(2), landed)
        assert (len(up.requests), usage.calls, usage.retries, usage.failures) == (3, 4, 2, ())
        records = source.parse("artists", landed).records
        assert [r.artist_id for r in records if isinstance(r, ArtistSnapshot)] == ids(2)
        assert len(landed) == (3 if fault in LANDED else 1)

    run(test)


@pytest.mark.parametrize("fault", FAULTS)
def test_lasting_fault_ends_after_three_attempts_and_says_what_came(fault: str) -> None:
    async def test() -> None:
        reply, words = FAULTS[fault]
        landed = Landed()
        started = time.monotonic()
        async with Upstream(lambda _: reply) as up, up.source(limits=patience(fault)) as source:
            with pytest.raises(UpstreamUnavailable) as caught:
                await source.observe("artists", DAY, ids(2), landed)
        assert len(up.requests) == 3
        assert time.monotonic() - started < 5
        assert words in str(caught.value)
        assert "run again later" in str(caught.value)
        assert caught.value.usage is not None
        assert caught.value.usage.calls == 4
        assert len(caught.value.usage.failures) == 1
        # Each complete response was landed, as it came.
        assert [e.status for e in landed] == ([reply.status] * 3 if fault in LANDED else [])
        assert all(e.body.encode("utf-8", "surrogateescape") == reply.data() for e in landed)
        parsed = source.parse("artists", landed)
        assert parsed.records == []
        assert [m.key for m in parsed.missing] == (ids(2) if fault in LANDED else [])

    run(test)


def test_nothing_listens() -> None:
    async def test() -> None:
        async with Upstream(artists_reply) as up:
            source = up.source(api_url="http://127.0.0.1:9/v1")
            async with source:
                with pytest.raises(UpstreamUnavailable, match="no connection"):
                    await source.observe("artists", DAY, ids(1), Landed())

    run(test)


def test_gzip_bomb_is_harmless() -> None:
    async def test() -> None:
        packer = zlib.compressobj(wbits=31)
        bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(400)) + packer.flush()
        assert len(bomb) < 2**20
        reply = Reply(body=bomb, headers={"content-encoding": "gzip"})
        async with (
            Upstream(lambda _: reply) as up,
            up.source(limits=QUICK) as source,
        ):
            tracemalloc.start()
            try:
                with pytest.raises(UpstreamUnavailable, match=r"more than 32 MiB \(decompressed\)"):
                    await source.observe("artists", DAY, ids(1), Landed())
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        assert len(up.requests) == 1, "the same answer again would not be smaller"
        assert peak < 100 * 2**20

    run(test)


def test_huge_plain_body_is_refused_while_it_streams() -> None:
    async def test() -> None:
        reply = Reply(body=b'"' + b"a" * 3_000_000 + b'"')
        async with (
            Upstream(lambda _: reply) as up,
            up.source(limits=replace(QUICK, body_bytes=2**20)) as source,
        ):
            with pytest.raises(UpstreamUnavailable, match="more than 1 MiB"):
                await source.observe("artists", DAY, ids(1), Landed())
        assert len(up.requests) == 1

    run(test)


def test_gzip_and_odd_bytes_arrive_unchanged() -> None:
    async def test() -> None:
        raw = b'{"artists": [{"id": "' + ids(1)[0].encode() + b'", "name": "\xff\\u0000 \xf0\x9f\x8e\xb5"}]}'
        reply = Reply(body=gzip.compress(raw), headers={"content-encoding": "gzip"})
        landed = Landed()
        async with Upstream(lambda _: reply) as up, up.source() as source:
            await source.observe("artists", DAY, ids(1), landed)
        assert landed[0].body.encode("utf-8", "surrogateescape") == raw
        assert landed[0].url == f"/v1/artists?ids={ids(1)[0]}"

    run(test)


def test_retries_are_at_most_a_tenth_of_the_requests_and_a_few() -> None:
    async def test() -> None:
        limits = replace(QUICK, failures_in_a_row=10_000)
        async with Upstream(lambda _: Reply(500, b"")) as up, up.source(limits=limits) as source:
            with pytest.raises(UpstreamUnavailable, match="none of 200 questions") as caught:
                await source.observe("top_tracks", DAY, ids(200), Landed())
        assert caught.value.usage is not None
        assert caught.value.usage.retries == 20 + limits.retry_allowance + 8
        assert len(up.requests) == 200 + caught.value.usage.retries

    run(test)


def test_a_dead_upstream_is_not_asked_for_everything() -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(500, b"")) as up, up.source(concurrency=2) as source:
            with pytest.raises(UpstreamUnavailable, match="12 questions in a row"):
                await source.observe("top_tracks", DAY, ids(500), Landed())
        assert len(up.requests) < 30

    run(test)


def test_an_interruption_that_strikes_within_a_question_ends_everything() -> None:
    """Dagster stops a run by an exception that is no `Exception`, wherever the program happens to be."""

    class Interrupted(BaseException):
        pass

    class Sink(Landed):
        def __call__(self, exchange: Exchange) -> None:
            raise Interrupted(exchange.url)

    async def test() -> None:
        reply = Reply(body={"tracks": []})
        async with Upstream(lambda _: reply) as up, up.source(concurrency=2) as source:
            with pytest.raises(Interrupted):
                await source.observe("top_tracks", DAY, ids(500), Sink())
        assert len(up.requests) < 10

    run(test)


def test_one_failed_question_does_not_stop_the_others() -> None:
    async def test() -> None:
        bad = ids(40)[17]

        def script(seen: Seen) -> Reply:
            return Reply(500, b"") if bad in seen.path else Reply(body={"tracks": [{"id": "t"}]})

        landed = Landed()
        async with Upstream(script) as up, up.source() as source:
            usage = await source.observe("top_tracks", DAY, ids(40), landed)
        assert len(usage.failures) == 1
        assert "top tracks of an artist" in usage.failures[0]
        parsed = source.parse("top_tracks", landed)
        assert len(parsed.records) == 39
        assert [m.key for m in parsed.missing] == [f"{bad}/US"]

    run(test)


@pytest.mark.parametrize("form", ["seconds", "date", "date by a server with a wrong clock"])
def test_retry_after_is_waited_out_by_all(form: str) -> None:
    async def test() -> None:
        clock = FakeClock()
        said: list[float] = []

        def script(seen: Seen) -> Reply:
            if len(up.requests) > 5 or said:
                return Reply(body={"tracks": []}, delay=0.002)
            if len(up.requests) < 5:
                return Reply(body={"tracks": []}, delay=0.002)
            said.append(clock.elapsed)
            if form == "seconds":
                return Reply(429, b"", {"retry-after": "37"})
            there = clock.now() + (timedelta(days=400) if "wrong" in form else timedelta())
            until = format_datetime(there + timedelta(seconds=38), usegmt=True)
            return Reply(429, b"", {"retry-after": until, "date": format_datetime(there, usegmt=True)})

        async with Upstream(script, clock) as up, up.source(concurrency=4) as source:
            usage = await source.observe("top_tracks", DAY, ids(60), Landed())
        assert usage.throttled == 1
        assert usage.failures == ()
        assert {seen.path for seen in up.requests} == {f"/v1/artists/{i}/top-tracks" for i in ids(60)}
        during = [s for s in up.requests[8:] if s.at < said[0] + 36.999]
        assert during == [], "only what was already under way may arrive during the pause"
        assert clock.elapsed >= 36.999

    run(test)


def test_after_a_pause_one_request_goes_ahead() -> None:
    async def test() -> None:
        clock = FakeClock()

        def script(seen: Seen) -> Reply:
            limited = len(up.requests) <= 9
            return Reply(429, b"", {"retry-after": "10"}) if limited else Reply(body={"tracks": []})

        async with Upstream(script, clock) as up, up.source(concurrency=8) as source:
            usage = await source.observe("top_tracks", DAY, ids(30), Landed())
        # Eight were under way when the limit struck; the ninth goes alone, and a pause follows it too.
        assert usage.throttled == 9
        assert usage.failures == ()
        assert up.requests[8].at - up.requests[7].at >= 9.999
        assert up.requests[9].at - up.requests[8].at >= 9.999

    run(test)


@pytest.mark.parametrize("header", [None, "soon", "-5", ""])
def test_429_without_a_usable_retry_after_backs_off(header: str | None) -> None:
    async def test() -> None:
        clock = FakeClock()

        def script(seen: Seen) -> Reply:
            if len(up.requests) == 1:
                return Reply(429, {"error": {}}, {} if header is None else {"retry-after": header})
            return artists_reply(seen)

        async with Upstream(script, clock) as up, up.source() as source:
            usage = await source.observe("artists", DAY, ids(1), Landed())
        assert usage.throttled == 1
        assert up.requests[1].at - up.requests[0].at >= 1.0

    run(test)


def test_sixty_seconds_are_waited_out_and_sixty_one_are_not() -> None:
    async def test(seconds: int) -> tuple[int, float | None]:
        clock = FakeClock()

        def script(seen: Seen) -> Reply:
            return (
                Reply(429, b"", {"retry-after": str(seconds)})
                if len(up.requests) == 1
                else artists_reply(seen)
            )

        async with Upstream(script, clock) as up, up.source() as source:
            try:
                await source.observe("artists", DAY, ids(1), Landed())
            except CooldownRequired as error:
                return len(up.requests), error.seconds
        assert clock.elapsed >= seconds - 0.001
        return len(up.requests), None

    assert asyncio.run(test(60)) == (2, None)
    assert asyncio.run(test(61)) == (1, 61.0)


@pytest.mark.parametrize("status", [429, 503])
def test_a_day_long_pause_ends_everything_at_once(status: int) -> None:
    async def test() -> None:
        def script(seen: Seen) -> Reply:
            if len(up.requests) == 6:
                return Reply(
                    status, b'{"error": {"message": "API rate limit exceeded"}}', {"retry-after": "86400"}
                )
            return Reply(how="hang") if len(up.requests) > 6 else Reply(body={"tracks": []})

        landed = Landed()
        async with Upstream(script) as up, up.source(concurrency=4) as source:
            started = time.monotonic()
            with pytest.raises(CooldownRequired, match="86,400 s") as caught:
                await source.observe("top_tracks", DAY, ids(100), landed)
            assert time.monotonic() - started < 3, "what was under way is given up"
            assert caught.value.seconds == 86_400
            assert caught.value.usage is not None
            assert caught.value.usage.throttled == (status == 429)
            sent = len(up.requests)
            assert sent <= 9
            assert [e.status for e in landed] == [200] * 5 + [status]
            # The same source asks nothing more until the time is over.
            with pytest.raises(CooldownRequired) as again:
                await source.observe("artists", DAY, ids(1), landed)
            assert again.value.seconds is not None
            assert 86_000 < again.value.seconds <= 86_400
            assert len(up.requests) == sent

    run(test)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"status": 429, "message": "Quota exceeded", "reason": "QUOTA_EXCEEDED"}},
        {"reason": "QUOTA_EXCEEDED"},
    ],
)
def test_used_up_quota_promises_no_time(body: object) -> None:
    async def test() -> None:
        landed = Landed()
        async with Upstream(lambda _: Reply(429, body, {"retry-after": "3"})) as up, up.source() as source:
            for _ in range(2):
                with pytest.raises(CooldownRequired, match="quota") as caught:
                    await source.observe("artists", DAY, ids(1), landed)
                assert caught.value.seconds is None
        assert len(up.requests) == 1
        assert len(landed) == 1

    run(test)


def test_403_is_terminal_and_landed() -> None:
    async def test() -> None:
        landed = Landed()
        reply = Reply(403, {"error": {"status": 403, "message": "Active premium\nsubscription required"}})
        async with Upstream(lambda _: reply) as up, up.source(concurrency=1) as source:
            with pytest.raises(RefusedAltogether, match="Active premium subscription required"):
                await source.observe("top_tracks", DAY, ids(9), landed)
        assert len(up.requests) == 1
        assert [e.status for e in landed] == [403]

    run(test)


def test_404_is_an_answer() -> None:
    async def test() -> None:
        landed = Landed()
        reply = Reply(404, {"error": {"status": 404, "message": "Resource not found"}})
        async with Upstream(lambda _: reply) as up, up.source() as source:
            usage = await source.observe("top_tracks", DAY, ids(1), landed)
        assert (usage.calls, usage.failures) == (2, ())
        missing = source.parse("top_tracks", landed).missing
        assert [(m.key, m.reason.code) for m in missing] == [(f"{ids(1)[0]}/US", "not_found")]
        assert "Resource not found" in missing[0].reason.detail

    run(test)


@pytest.mark.parametrize("body", [b"", b"<html>Not found</html>"])
def test_404_needs_no_json(body: bytes) -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(404, body)) as up, up.source() as source:
            usage = await source.observe("top_tracks", DAY, ids(1), Landed())
        assert (usage.calls, usage.retries, usage.failures) == (2, 0, ())

    run(test)


def test_all_under_way_may_fail_at_once() -> None:
    """As when a server restarts: every open connection breaks, and each question still gets its answer."""

    async def test() -> None:
        def script(seen: Seen) -> Reply:
            broken = 40 < len(up.requests) <= 72
            return Reply(how="reset", delay=0.01) if broken else Reply(body={"tracks": []}, delay=0.01)

        async with Upstream(script) as up, up.source(concurrency=32) as source:
            usage = await source.observe("top_tracks", DAY, ids(200), Landed())
        assert usage.failures == ()
        assert usage.retries == 32

    run(test)


def test_one_bad_id_does_not_spoil_its_batch() -> None:
    async def test() -> None:
        bad = ids(50)[31]

        def script(seen: Seen) -> Reply:
            if bad in seen.query["ids"]:
                return Reply(400, {"error": {"status": 400, "message": "Invalid base62 id"}})
            return artists_reply(seen)

        landed = Landed()
        async with Upstream(script) as up, up.source() as source:
            usage = await source.observe("artists", DAY, ids(50), landed)
        assert len(usage.failures) == 1
        parsed = source.parse("artists", landed)
        assert len(parsed.records) == 49
        assert [(m.key, m.reason.code) for m in parsed.missing] == [(bad, "failed")]
        assert "Invalid base62 id" in parsed.missing[0].reason.detail
        assert len(up.requests) <= 13

    run(test)


def test_keys_that_could_change_the_request_are_not_asked() -> None:
    async def test() -> None:
        odd = ["../me", "a,b", "x?y", "", "né"]
        async with Upstream(artists_reply) as up, up.source() as source:
            usage = await source.observe("artists", DAY, [*odd, *ids(1)], Landed())
            assert len(usage.failures) == 5
            up.script = lambda _: Reply(body={"tracks": []})
            usage = await source.observe("top_tracks", DAY, ["a,b/US", *ids(1)], Landed())
            assert len(usage.failures) == 1
        assert [s.target for s in up.requests] == [
            f"/v1/artists?ids={ids(1)[0]}",
            f"/v1/artists/{ids(1)[0]}/top-tracks?market=US",
        ]

    run(test)


def test_redirects_are_never_followed() -> None:
    async def test() -> None:
        async with Upstream(artists_reply) as elsewhere:
            reply = Reply(302, b"", {"location": f"{elsewhere.url}/v1/artists?ids=1"})
            landed = Landed()
            async with Upstream(lambda _: reply) as up, up.source() as source:
                with pytest.raises(UpstreamUnavailable, match="redirect"):
                    await source.observe("artists", DAY, ids(1), landed)
            assert (len(up.requests), len(elsewhere.requests)) == (1, 0)
            assert [e.status for e in landed] == [302]

    run(test)


def test_an_observation_ends_at_its_deadline() -> None:
    async def test() -> None:
        clock = FakeClock()

        def script(seen: Seen) -> Reply:
            clock.elapsed += 600
            return Reply(body={"tracks": []})

        async with Upstream(script, clock) as up, up.source(concurrency=1) as source:
            with pytest.raises(UpstreamUnavailable, match="time for observing top_tracks is over"):
                await source.observe("top_tracks", DAY, ids(100), Landed())
        assert len(up.requests) == 6

    run(test)


def test_a_sink_that_fails_stops_the_observation() -> None:
    async def test() -> None:
        def sink(exchange: Exchange) -> None:
            raise OSError("disk full")

        async with Upstream(artists_reply) as up, up.source(concurrency=1) as source:
            with pytest.raises(OSError, match="disk full"):
                await source.observe("artists", DAY, ids(500), sink)
        assert len(up.requests) == 1

    run(test)


def test_a_response_is_landed_before_it_is_read() -> None:
    """What cannot be read at all is with the sink, and paging saw a page only after the sink did."""

    async def test() -> None:
        order: list[str] = []

        def script(seen: Seen) -> Reply:
            order.append(f"asked {seen.path.rpartition('/')[2]}")
            if "albums" in seen.path:
                return Reply(body={"albums": []})
            return Reply(body={"albums": {"items": [{"id": ids(1)[0]}], "next": None}})

        def sink(exchange: Exchange) -> None:
            order.append(f"landed {exchange.status}")

        async with Upstream(script) as up, up.source() as source:
            await source.observe("new_releases", DAY, [], sink)
        assert order == ["asked new-releases", "landed 200", "asked albums", "landed 200"]

    run(test)
