"""Signing in: one refresh for all, one replay, terminal refusals, and no secret anywhere."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from spotify_assets.sources.protocol import CooldownRequired, SignInRefused, SourceError, UpstreamUnavailable
from spotify_assets_tests.support.servers.upstream import (
    DAY,
    QUICK,
    FakeClock,
    Landed,
    Reply,
    Script,
    Seen,
    Upstream,
    artists_reply,
    ids,
)

UNAUTHORIZED = Reply(401, {"error": {"status": 401, "message": "The access token expired"}})
TRACKS = Reply(body={"tracks": [{"id": "t"}]}, delay=0.01)


def test_token_call_speaks_the_protocol() -> None:
    async def test() -> None:
        async with Upstream(artists_reply) as up, up.source() as source:
            await source.observe("artists", DAY, ids(1), Landed())
        (seen,) = up.token_requests
        assert (seen.method, seen.target, seen.body) == (
            "POST",
            "/api/token",
            b"grant_type=client_credentials",
        )
        assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
        assert base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")) == b"an-id:a-secret"
        assert up.requests[0].headers["authorization"] == "Bearer token-1"

    asyncio.run(test())


def test_all_waiters_share_one_token() -> None:
    async def test() -> None:
        async with Upstream(lambda _: TRACKS) as up, up.source(concurrency=16) as source:
            up.token_script = lambda seen: replace(up._token(seen), delay=0.05)
            await source.observe("top_tracks", DAY, ids(64), Landed())
        assert len(up.token_requests) == 1

    asyncio.run(test())


def test_token_is_renewed_a_minute_before_its_end() -> None:
    async def test() -> None:
        clock = FakeClock()
        async with Upstream(artists_reply, clock) as up, up.source() as source:
            for elapsed, tokens in ((0, 1), (3539, 1), (3541, 2), (7070, 2)):
                clock.elapsed = elapsed
                await source.observe("artists", DAY, ids(1), Landed())
                assert len(up.token_requests) == tokens

    asyncio.run(test())


def test_token_that_expires_mid_run_is_refreshed_once_and_each_request_replayed_once() -> None:
    async def test() -> None:
        def script(seen: Seen) -> Reply:
            late = len(up.requests) > 10 and seen.headers["authorization"] == "Bearer token-1"
            return replace(UNAUTHORIZED, delay=0.02) if late else TRACKS

        landed = Landed()
        async with Upstream(script) as up, up.source(concurrency=8) as source:
            up.token_script = lambda seen: replace(up._token(seen), delay=0.03)
            usage = await source.observe("top_tracks", DAY, ids(40), landed)
        assert len(up.token_requests) == 2
        assert usage.failures == ()
        refused = [e for e in landed if e.status == 401]
        assert 1 <= len(refused) <= 8
        assert len(landed) == len(up.requests) == 40 + len(refused)
        assert len(source.parse("top_tracks", landed).records) == 40

    asyncio.run(test())


def test_revoked_sign_in_is_terminal_after_one_replay() -> None:
    async def test() -> None:
        async with Upstream(lambda _: UNAUTHORIZED) as up, up.source(concurrency=1) as source:
            with pytest.raises(SignInRefused, match="The access token expired"):
                await source.observe("top_tracks", DAY, ids(20), Landed())
        assert len(up.token_requests) == 2
        assert len(up.requests) == 2

    asyncio.run(test())


@pytest.mark.parametrize("status", [400, 401])
def test_refused_credentials_are_asked_about_once(status: int) -> None:
    async def test() -> None:
        landed = Landed()
        refusal = Reply(
            status, {"error": "invalid_client", "error_description": "Invalid client"}, delay=0.02
        )
        async with Upstream(lambda _: TRACKS) as up, up.source(concurrency=8) as source:
            up.token_script = lambda _: refusal
            for _ in range(2):
                with pytest.raises(SignInRefused, match="invalid_client") as caught:
                    await source.observe("top_tracks", DAY, ids(20), landed)
        assert "check SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET" in str(caught.value)
        assert (len(up.token_requests), len(up.requests), len(landed)) == (1, 0, 0)

    asyncio.run(test())


def test_transient_fault_of_the_accounts_service_heals() -> None:
    async def test() -> None:
        async with Upstream(artists_reply) as up, up.source() as source:
            faults = [Reply(503, b""), Reply(body=b"<html>"), Reply(how="reset")]

            def token(seen: Seen) -> Reply:
                return faults[len(up.token_requests) - 1] if len(up.token_requests) < 3 else up._token(seen)

            up.token_script = token
            usage = await source.observe("artists", DAY, ids(1), Landed())
        assert (usage.calls, usage.retries) == (4, 2)

    asyncio.run(test())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, b""),
        Reply(body={"token": "x"}),
        Reply(body={"access_token": 5}),
        Reply(body={"access_token": "a\nb: c"}),
        Reply(body=[]),
    ],
)
def test_without_a_token_nothing_is_asked_and_all_waiters_stop(reply: Reply) -> None:
    async def test() -> None:
        async with Upstream(lambda _: TRACKS) as up, up.source(concurrency=8) as source:
            up.token_script = lambda _: replace(reply, delay=0.01)
            with pytest.raises(UpstreamUnavailable, match="Signing in did not work"):
                await source.observe("top_tracks", DAY, ids(50), Landed())
        assert len(up.requests) == 0
        assert len(up.token_requests) <= 3

    asyncio.run(test())


def test_accounts_service_may_ask_for_a_pause() -> None:
    async def test() -> None:
        async with Upstream(lambda _: TRACKS) as up, up.source() as source:
            up.token_script = lambda _: Reply(429, b"", {"retry-after": "3600"})
            for _ in range(2):
                with pytest.raises(CooldownRequired):
                    await source.observe("top_tracks", DAY, ids(50), Landed())
        assert len(up.token_requests) == 1

    asyncio.run(test())


CANARY = "canary0secret0never0seen"


def canary_token(broken: str) -> Script:
    """Kept out of the test's own frame, which shows up in its tracebacks."""
    token = {"access_token": f"{CANARY}-token", "token_type": "Bearer", "expires_in": 3600}
    bad = {"sign-in": Reply(400, {"error": "invalid_client"}), "token": Reply(500, {"error": "no"})}
    return lambda _: bad.get(broken) or Reply(body=token)


@pytest.mark.parametrize("broken", ["nothing", "api", "sign-in", "replay", "token", "cut"])
def test_secrets_are_found_nowhere(broken: str, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Through logs at the finest level, tracebacks with locals, representations, and what is landed."""
    caplog.set_level(logging.DEBUG)
    seen_text = io.StringIO()

    async def test() -> None:
        def script(seen: Seen) -> Reply:
            if broken == "cut":
                return Reply(body={"artists": []}, how="cut")
            bad = {"api": Reply(500, b"no"), "replay": UNAUTHORIZED}
            return bad.get(broken) or artists_reply(seen)

        landed = Landed()
        async with (
            Upstream(script) as up,
            up.source(
                client_id=SecretStr(f"{CANARY}-id"), client_secret=SecretStr(f"{CANARY}-secret")
            ) as source,
        ):
            up.token_script = canary_token(broken)
            usage: object = None
            try:
                usage = await source.observe("artists", DAY, ids(3), landed)
            except SourceError as error:
                report = traceback.TracebackException.from_exception(error, capture_locals=True)
                seen_text.write("".join(report.format()))
                seen_text.write(repr(error.usage))
            assert (usage is None) == (broken != "nothing")
            for thing in (source, source._api, source._accounts, source._api._authorization, vars(source)):
                seen_text.write(repr(thing))
            seen_text.write(repr(vars(source._api._authorization)))
            seen_text.write(repr(usage) + repr(landed))

    asyncio.run(test())
    text = seen_text.getvalue() + caplog.text
    assert text
    encoded = base64.b64encode(f"{CANARY}-id:{CANARY}-secret".encode()).decode()
    assert CANARY not in text
    assert encoded not in text
    assert json.dumps(CANARY) not in text


def test_two_sources_keep_their_own_limits() -> None:
    async def test() -> None:
        async with Upstream(artists_reply) as up, up.source(limits=replace(QUICK, attempts=1)) as source:
            up.script = lambda _: Reply(500, b"")
            with pytest.raises(UpstreamUnavailable):
                await source.observe("artists", DAY, ids(1), Landed())
        assert len(up.requests) == 1

    asyncio.run(test())
