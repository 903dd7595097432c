"""Signing in as a user, over real HTTP: PKCE, the callback on loopback, tokens, and one refresh for all."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from spotify_assets.settings import SettingsError
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.protocol import SignInRefused, SourceError
from spotify_assets.users.access_token import OneToken, UserAuthorization, who
from spotify_assets.users.grants import SignInEnded, TokenCalls, ends_at
from spotify_assets.users.pkce import SCOPES, AuthorizationRequest, Redirect, SignInDeclined
from spotify_assets.users.sign_in_callback import Callback, SignInTimedOut
from spotify_assets_tests.support.servers.upstream import QUICK, FakeClock, Reply, Seen, Upstream

CLIENT = SecretStr("the-client-id")
REFRESH, CODE = "canary-refresh-token", "canary-code"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_request() -> AuthorizationRequest:
    return AuthorizationRequest.new(Redirect.parse(f"http://127.0.0.1:{free_port()}/callback"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://localhost:8765/callback", "refuses the name localhost; write 127.0.0.1"),
        ("https://example.com/callback", "expected http://127.0.0.1:PORT/PATH"),
        ("http://127.0.0.1/callback", "expected http://127.0.0.1:PORT/PATH"),
        ("http://127.0.0.1:8765/callback?x=1", "nothing after the path"),
        ("http://127.0.0.1:nine/", "expected http://127.0.0.1:PORT/PATH"),
    ],
)
def test_only_this_machine_is_a_redirect(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Redirect.parse(url)


def test_the_address_carries_the_hash_and_never_the_verifier() -> None:
    request = new_request()
    url = request.url("https://accounts.example", CLIENT)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["scope"].split() == list(SCOPES)
    assert query["redirect_uri"] == request.redirect.url
    assert request.verifier.get_secret_value() not in url
    assert request.verifier.get_secret_value() not in repr(request)
    assert 43 <= len(request.verifier.get_secret_value()) <= 128
    assert new_request().state != request.state


def test_the_hash_is_the_one_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    request = AuthorizationRequest(new_request().redirect, SCOPES, SecretStr("s"), verifier)
    assert request.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"error": "access_denied"}, "was declined"),
        ({"error": "server_error"}, "did not let the user sign in"),
        ({}, "no usable code"),
        ({"code": "a\nb"}, "no usable code"),
    ],
)
def test_an_answer_without_a_code_says_why(query: dict[str, str], words: str) -> None:
    with pytest.raises(SignInDeclined, match=words):
        new_request().code(query)


@contextmanager
def browser(*visits: Callable[[], object]) -> Iterator[None]:
    """Somebody who opens pages while we wait."""
    thread = threading.Thread(target=lambda: [session() for session in visits])
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_the_callback_takes_our_answer_and_refuses_others(capfd: pytest.CaptureFixture[str]) -> None:
    request = new_request()
    url, state = request.redirect.url, request.state.get_secret_value()
    pages: list[httpx.Response] = []

    def opens(address: str) -> Callable[[], object]:
        return lambda: pages.append(httpx.get(address))

    with (
        Callback(request.redirect) as callback,
        browser(
            opens(url.replace("/callback", "/favicon.ico")),
            opens(f"{url}?code=stolen&state=another"),
            opens(f"{url}?code=stolen"),
            opens(f"{url}?code={CODE}&state={state}"),
        ),
    ):
        answer = callback.wait(request.answers, 5)
    assert request.code(answer).get_secret_value() == CODE
    assert [page.status_code for page in pages] == [404, 400, 400, 200]
    assert CODE not in pages[-1].text
    assert pages[-1].headers["cache-control"] == "no-store"
    assert capfd.readouterr() == ("", ""), "nothing is logged"
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_nobody_comes_and_the_wait_ends() -> None:
    request = new_request()
    with (
        Callback(request.redirect) as callback,
        socket.create_connection(("127.0.0.1", request.redirect.port)),
        pytest.raises(SignInTimedOut, match="Nobody signed in within"),
    ):
        callback.wait(request.answers, 0.2)


def test_a_port_that_is_taken_is_named() -> None:
    redirect = new_request().redirect
    with Callback(redirect), pytest.raises(SettingsError, match=f"port {redirect.port}"):
        Callback(redirect)


def test_six_months_are_calendar_months() -> None:
    assert ends_at(datetime(2026, 8, 31, 9, tzinfo=UTC)) == datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert ends_at(datetime(2027, 8, 31, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)
    assert ends_at(datetime(2026, 1, 15, tzinfo=UTC)) == datetime(2026, 7, 15, tzinfo=UTC)


class Kept:
    """A place for one refresh token, which only one may use at a time."""

    def __init__(self) -> None:
        self.refresh_token = SecretStr(REFRESH)
        self.history: list[str] = []
        self.ended: str | None = None
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, user_id: str) -> Iterator[Kept]:
        if user_id != "me":
            raise SignInRefused("nobody")
        with self._lock:
            yield self

    def replace(self, refresh_token: SecretStr) -> None:
        self.refresh_token = refresh_token
        self.history.append(refresh_token.get_secret_value())

    def end(self, reason: str) -> None:
        self.ended = reason


def form(seen: Seen) -> dict[str, str]:
    return dict(parse_qsl(seen.body.decode()))


@asynccontextmanager
async def serving(reply: Callable[[Seen], Reply]) -> AsyncIterator[tuple[Upstream, TokenCalls]]:
    """An accounts service that answers so, and an app's token calls to it."""
    upstream = Upstream(lambda _: Reply(body={"id": "me", "display_name": "Me"}))
    upstream.token_script = reply
    clock = FakeClock()
    async with upstream:
        accounts = PoliteClient(upstream.url, concurrency=1, limits=QUICK, clock=clock)
        try:
            yield upstream, TokenCalls(accounts, CLIENT, clock)
        finally:
            await accounts.aclose()


def test_the_code_is_exchanged_with_the_verifier_and_without_a_secret() -> None:
    async def go() -> None:
        tokens = {"access_token": "a", "refresh_token": REFRESH, "expires_in": 3600, "scope": "user-top-read"}
        async with serving(lambda _: Reply(body=tokens)) as (upstream, exchange):
            request = new_request()
            got = await exchange.exchange(request, SecretStr(CODE), exchange.session())
            (seen,) = upstream.token_requests
            assert form(seen) == {
                "grant_type": "authorization_code",
                "code": CODE,
                "redirect_uri": request.redirect.url,
                "client_id": "the-client-id",
                "code_verifier": request.verifier.get_secret_value(),
            }
            assert "authorization" not in seen.headers
            assert got.refresh is not None
            assert got.refresh.get_secret_value() == REFRESH
            assert got.scopes == ("user-top-read",)
            assert REFRESH not in repr(got)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant", "error_description": f"bad code {CODE}"}, SignInEnded),
        (400, {"error": "invalid_client", "error_description": CODE}, SignInRefused),
        (403, {"error": {"message": f"no: {CODE}"}}, SourceError),
        (503, {"error": {"message": CODE}}, SourceError),
        (200, {"access_token": ""}, SourceError),
        (200, {"access_token": "a"}, SignInRefused),
    ],
)
def test_no_error_repeats_what_was_sent(status: int, body: object, kind: type[Exception]) -> None:
    async def go() -> None:
        async with serving(lambda _: Reply(status=status, body=body)) as (_, exchange):
            request = new_request()
            with pytest.raises(kind) as caught:
                await exchange.exchange(request, SecretStr(CODE), exchange.session())
            chain: BaseException | None = caught.value
            while chain is not None:
                assert CODE not in f"{chain}{chain!r}"
                assert request.verifier.get_secret_value() not in str(chain)
                chain = chain.__cause__

    asyncio.run(go())


def test_who_signed_in_is_asked_with_the_new_token() -> None:
    async def go() -> None:
        async with serving(lambda _: Reply()) as (upstream, exchange):
            session = exchange.session()
            api = PoliteClient(
                f"{upstream.url}/v1", concurrency=1, authorization=OneToken(SecretStr("t")), limits=QUICK
            )
            person = await who(api, session)
            await api.aclose()
            assert (person.user_id, person.display_name) == ("me", "Me")
            assert upstream.requests[0].headers["authorization"] == "Bearer t"

    asyncio.run(go())


def test_all_who_wait_share_one_refresh_and_a_reply_without_a_token_keeps_the_old_one() -> None:
    async def go() -> None:
        def reply(seen: Seen) -> Reply:
            assert form(seen) == {
                "grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "the-client-id"
            }  # fmt: skip
            return Reply(body={"access_token": f"t{len(upstream.token_requests)}", "expires_in": 3600})

        async with serving(reply) as (upstream, exchange):
            kept, clock = Kept(), FakeClock()
            user = UserAuthorization(exchange, kept, "me", clock)
            first = await asyncio.gather(*(user.bearer(exchange.session(), None) for _ in range(10)))
            assert len({token.get_secret_value() for token in first}) == 1
            assert len(upstream.token_requests) == 1
            assert kept.refresh_token.get_secret_value() == REFRESH
            again = await user.bearer(exchange.session(), first[0])
            assert again != first[0]
            clock.elapsed += 3590
            assert await user.bearer(exchange.session(), None) != again
            assert len(upstream.token_requests) == 3

    asyncio.run(go())


def test_a_token_that_works_only_once_is_replaced_also_for_another_process() -> None:
    async def go() -> None:
        current = REFRESH

        def reply(seen: Seen) -> Reply:
            nonlocal current
            if form(seen)["refresh_token"] != current:
                return Reply(status=400, body={"error": "invalid_grant"})
            current = f"{REFRESH}-{len(upstream.token_requests)}"
            return Reply(body={"access_token": "t", "refresh_token": current, "expires_in": 3600}, delay=0.02)

        async with serving(reply) as (upstream, exchange):
            kept = Kept()
            others = [UserAuthorization(exchange, kept, "me", FakeClock()) for _ in range(4)]
            await asyncio.gather(*(one.bearer(exchange.session(), None) for one in others))
            assert len(kept.history) == 4
            assert kept.refresh_token.get_secret_value() == current

    asyncio.run(go())


def test_an_ended_sign_in_is_noted_and_not_asked_again() -> None:
    async def go() -> None:
        async with serving(lambda _: Reply(status=400, body={"error": "invalid_grant"})) as (
            upstream,
            exchange,
        ):
            kept = Kept()
            user = UserAuthorization(exchange, kept, "me", FakeClock())
            for _ in range(3):
                with pytest.raises(SignInEnded, match="spotify-assets login"):
                    await user.bearer(exchange.session(), None)
            assert len(upstream.token_requests) == 1
            assert kept.ended is not None

    asyncio.run(go())


def test_a_trouble_of_the_moment_does_not_end_a_sign_in() -> None:
    async def go() -> None:
        def reply(seen: Seen) -> Reply:
            if len(upstream.token_requests) <= 3:
                return Reply(status=503)
            return Reply(body={"access_token": "t", "expires_in": 3600})

        async with serving(reply) as (upstream, exchange):
            kept = Kept()
            user = UserAuthorization(exchange, kept, "me", FakeClock())
            with pytest.raises(SourceError):
                await user.bearer(exchange.session(), None)
            assert kept.ended is None
            assert (await user.bearer(exchange.session(), None)).get_secret_value() == "t"

    asyncio.run(go())
