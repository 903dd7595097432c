"""What a client owes an upstream: leave to call, limits told in headers, errors inside 200, a name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import LocalQuota, Quota, UncountedQuota
from spotify_assets.sources.http.request import BodyFault, Request, Response, user_agent
from spotify_assets.sources.http.session import REFUSALS_IN_A_ROW, ObservationSession
from spotify_assets.sources.protocol import (
    BudgetSpent,
    CooldownRequired,
    NotAllowed,
    SignInRefused,
    SourceError,
    UpstreamUnavailable,
)
from spotify_assets.sources.spotify.auth import ClientCredentials
from spotify_assets_tests.support.servers.upstream import DAY, QUICK, FakeClock, Landed, Reply, Seen, Upstream

KINDS = {
    4: BodyFault("throttled", "Quota limit exceeded"),
    10: BodyFault("refused", "Invalid API key"),
    200: BodyFault("not_allowed", "An active access token must be used"),
    700: BodyFault("unavailable", "Service busy"),
    800: BodyFault("absent", "no\ndata"),
}


def reads_fault(data: Any) -> BodyFault | None:
    return KINDS.get(data["error"]["code"]) if isinstance(data, dict) and "error" in data else None


def fault(code: int, status: int = 200) -> Reply:
    return Reply(status, {"error": {"type": "Exception", "message": "…", "code": code}})


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def numbered(count: int, **changes: Any) -> list[Request]:
    return [Request(f"number {n}", f"/{n}", context={"n": n}, **changes) for n in range(count)]


class Client:
    """A client of `up`, with what it landed and was answered."""

    def __init__(self, up: Upstream, clock: Clock, **settings: Any) -> None:
        self.landed = Landed()
        self.answers: list[Response] = []
        self.api = PoliteClient(up.url, clock=clock, limits=QUICK, rand=lambda: 0.5, **settings)
        self.clients = [self.api]
        self.session = ObservationSession(
            "deezer", "artists", self.landed, clock, self.api.budget(), 1e9, DAY, past=True
        )

    async def send(self, requests: list[Request]) -> None:
        try:
            await self.api.send_all(requests, self.session, lambda _, answer: self.answers.append(answer))
        finally:
            for each in self.clients:
                await each.aclose()


def test_an_error_inside_200_is_landed_and_then_waited_out() -> None:
    async def test() -> None:
        clock = FakeClock()
        async with Upstream(lambda _: fault(4) if len(up.requests) == 3 else Reply(body={}), clock) as up:
            client = Client(up, clock, reads_fault=reads_fault, concurrency=1)
            await client.send(numbered(6))
        assert len(client.answers) == 6
        assert (client.session.usage.throttled, client.session.usage.retries) == (1, 1)
        assert up.requests[3].at - up.requests[2].at >= 1.0, "it named no time, so we choose one"
        assert [e.status for e in client.landed] == [200] * 7
        assert '"code": 4' in client.landed[2].body

    run(test)


def test_an_error_inside_200_that_stays_ends_after_three_attempts() -> None:
    async def test() -> None:
        for code, words in ((4, 'HTTP 200: "Quota limit exceeded", with a pause'), (700, "Service busy")):
            clock = FakeClock()
            async with Upstream(lambda _, code=code: fault(code), clock) as up:  # type: ignore[misc]
                client = Client(up, clock, reads_fault=reads_fault)
                await client.send(numbered(1))
            assert len(up.requests) == 3
            assert words in client.session.failures[0]
            assert client.answers == []

    run(test)


@pytest.mark.parametrize(
    ("reply", "error", "words", "calls"),
    [
        (fault(10), SignInRefused, 'HTTP 200: "Invalid API key"', 1),
        (fault(10, 403), SignInRefused, 'HTTP 403: "Invalid API key"', 1),
        (fault(200), NotAllowed, 'HTTP 200: "An active access token must be used"', REFUSALS_IN_A_ROW),
    ],
)
def test_a_refusal_inside_200_ends_the_observation(
    reply: Reply, error: type[SourceError], words: str, calls: int
) -> None:
    async def test() -> None:
        async with Upstream(lambda _: reply) as up:
            client = Client(up, FakeClock(), reads_fault=reads_fault, concurrency=1)
            with pytest.raises(error, match=words):
                await client.send(numbered(5))
        assert (len(up.requests), len(client.landed)) == (calls, calls)

    run(test)


def test_what_a_question_wants_to_know_is_an_answer() -> None:
    async def test() -> None:
        replies = [fault(800), fault(200), Reply(403, {"error": {"code": 5}}), Reply(404, b"<html>")]
        async with Upstream(lambda _: replies[len(up.requests) - 1]) as up:
            client = Client(up, FakeClock(), reads_fault=reads_fault, concurrency=1)
            await client.send(numbered(4, answers=frozenset({403, 404})))
        assert [answer.status for answer in client.answers] == [404, 403, 403, 404]
        assert client.answers[0].data["error"]["code"] == 800
        assert [answer.data for answer in client.answers[2:]] == [{"error": {"code": 5}}, None]
        async with Upstream(lambda _: fault(800)) as up:
            client = Client(up, FakeClock(), reads_fault=reads_fault)
            await client.send(numbered(1, answers=frozenset()))
        assert client.session.failures == ['number 0: deezer answered HTTP 200: "no data"']

    run(test)


def limited(remaining: str, reset_in: str, status: int = 200) -> Reply:
    headers = {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset-In": reset_in,
    }
    return Reply(status, {}, headers)


def test_a_limit_told_in_headers_is_never_met() -> None:
    """Thirty calls a window of ten seconds, as ListenBrainz counts them."""

    async def test() -> None:
        clock = FakeClock()
        window = [0.0, 0.0]

        def script(seen: Seen) -> Reply:
            if seen.at >= window[0] + 10:
                window[:] = [seen.at, 0]
            window[1] += 1
            left = 30 - int(window[1])
            reset_in = str(int(window[0] + 10 - seen.at) + 1)
            return limited(str(left), reset_in) if left >= 0 else limited("0", reset_in, 429)

        async with Upstream(script, clock) as up:
            client = Client(up, clock, concurrency=1)
            await client.send(numbered(100))
        assert len(client.answers) == 100
        assert client.session.usage.throttled == 0
        assert clock.elapsed >= 30

    run(test)


def test_429_with_a_reset_and_no_retry_after_is_waited_out_by_all() -> None:
    async def test() -> None:
        clock = FakeClock()
        quota = LocalQuota(clock=clock)
        async with Upstream(
            lambda _: limited("0", "7", 429) if len(up.requests) == 1 else Reply(body={}), clock
        ) as up:
            await Client(up, clock, quota=quota).send(numbered(1))
        assert up.requests[1].at - up.requests[0].at >= 6.99

    run(test)


def test_a_limit_that_renews_much_later_ends_the_observation_and_keeps_the_answer() -> None:
    async def test() -> None:
        async with Upstream(lambda _: limited("0", "600")) as up:
            client = Client(up, FakeClock(), concurrency=1)
            with pytest.raises(CooldownRequired, match=r"renews in 600 s") as caught:
                await client.send(numbered(5))
        assert caught.value.seconds == 600
        assert (len(up.requests), len(client.answers)) == (1, 1)

    run(test)


@pytest.mark.parametrize(
    ("remaining", "reset_in"), [("1", "9"), ("0", ""), ("0", "x"), ("", "9"), ("0", "-4")]
)
def test_headers_that_say_nothing_hold_nobody_up(remaining: str, reset_in: str) -> None:
    async def test() -> None:
        clock = FakeClock()
        async with Upstream(lambda _: limited(remaining, reset_in), clock) as up:
            await Client(up, clock).send(numbered(9))
        assert (len(up.requests), clock.elapsed) == (9, 0)

    run(test)


def test_a_spent_budget_keeps_what_is_under_way() -> None:
    async def test() -> None:
        clock = FakeClock()
        async with Upstream(lambda _: Reply(body={}, delay=0.02), clock) as up:
            quota = LocalQuota(per_day=20, clock=clock, name="deezer")
            client = Client(up, clock, quota=quota, concurrency=8)
            with pytest.raises(
                BudgetSpent, match=r"deezer: all 20 calls allowed for 2026-11-20 are used"
            ) as caught:
                await client.send(numbered(50))
            assert "renew at 2026-11-21 00:00 UTC" in str(caught.value)
            assert len(up.requests) == len(client.answers) == len(client.landed) == 20
            assert client.session.failures == []
            clock.start += timedelta(days=1)
            assert quota.take(1), "the next day has its own"

    run(test)


def test_a_retry_counts_against_the_budget() -> None:
    async def test() -> None:
        clock = FakeClock()
        async with Upstream(lambda _: Reply(500, b""), clock) as up:
            client = Client(up, clock, quota=LocalQuota(per_day=2, clock=clock))
            with pytest.raises(BudgetSpent):
                await client.send(numbered(1))
        assert len(up.requests) == 2

    run(test)


def signing_in(up: Upstream, clock: Clock, quota: Quota) -> Client:
    accounts = PoliteClient(up.url, concurrency=1, quota=UncountedQuota(quota), limits=QUICK, clock=clock)
    credentials = ClientCredentials(accounts, SecretStr("an-id"), SecretStr("a-secret"), clock)
    client = Client(up, clock, quota=quota, authorization=credentials)
    client.clients.append(accounts)
    return client


def test_sign_in_is_not_counted_and_shares_pauses_and_cooldowns() -> None:
    async def test() -> None:
        clock = FakeClock()
        quota = LocalQuota(per_day=3, clock=clock)
        async with Upstream(lambda _: Reply(body={}), clock) as up:
            await signing_in(up, clock, quota).send(numbered(3))
            assert (len(up.requests), len(up.token_requests)) == (3, 1)
            quota.limit(None, None)

            quota.pause(30)
            await signing_in(up, clock, quota).send(numbered(1))
            assert up.token_requests[1].at >= 29.99

            up.token_script = lambda _: Reply(429, b"", {"retry-after": "7200"})
            for _ in range(2):
                with pytest.raises(CooldownRequired, match="7,200 s"):
                    await signing_in(up, clock, quota).send(numbered(1))
            assert (len(up.requests), len(up.token_requests)) == (4, 3)

            clock.elapsed += 7200
            up.token_script = up._token
            quota.cool_down(None, "the quota is used up")
            with pytest.raises(CooldownRequired, match="promised no time"):
                await signing_in(up, clock, quota).send(numbered(1))
            assert (len(up.requests), len(up.token_requests)) == (4, 3)
            clock.elapsed += 86_400
            assert quota.take(1)

    run(test)


def test_those_who_waited_for_a_sign_in_do_not_leave_all_at_once() -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(body={})) as up:
            up.token_script = lambda seen: replace(up._token(seen), delay=0.2)
            await signing_in(up, SYSTEM_CLOCK, LocalQuota(20)).send(numbered(12))
        at = [seen.at for seen in up.requests]
        assert min(late - early for early, late in zip(at, at[4:], strict=False)) >= 0.1

    run(test)


def test_who_asks_and_what_is_posted() -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(body=[])) as up:
            client = Client(up, FakeClock(), user_agent=user_agent("someone@example.org"))
            await client.send([Request("counts", "/1/counts", method="POST", json={"mbids": ["ä"]})])
        (seen,) = up.requests
        assert seen.headers["user-agent"].startswith("spotify-assets/")
        assert seen.headers["user-agent"].endswith(" (+someone@example.org)")
        assert (seen.method, seen.headers["content-type"]) == ("POST", "application/json")
        assert seen.body == b'{"mbids":["\\u00e4"]}'

    run(test)
    assert "\n" not in user_agent("a\nb(c)")
    assert user_agent("é") == user_agent(None) == user_agent("")


def test_absurd_pauses_are_no_crash() -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(429, b"", {"retry-after": "999999999999"})) as up:
            with pytest.raises(CooldownRequired):
                await Client(up, FakeClock()).send(numbered(1))
            client = Client(up, FakeClock())
            with pytest.raises(UpstreamUnavailable, match="another place"):
                await client.api.send(Request("elsewhere", "http://127.0.0.1:1/x"), client.session)

    run(test)
