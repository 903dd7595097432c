"""An upstream that sends back what it was sent: no secret of ours lands, is judged, or is told."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.request import BodyFault, Request
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.protocol import NotAllowed, SourceError, UpstreamUnavailable
from spotify_assets.sources.spotify.auth import ClientCredentials
from spotify_assets_tests.support.servers.upstream import DAY, QUICK, FakeClock, Landed, Reply, Seen, Upstream

CANARY = "canary+token/0123=="


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


async def send(
    up: Upstream, request: Request, **settings: object
) -> tuple[Landed, ObservationSession, SourceError | None]:
    clock, landed = FakeClock(), Landed()
    api = PoliteClient(up.url, clock=clock, limits=QUICK, **settings)  # type: ignore[arg-type]
    session = ObservationSession("somewhere", "artists", landed, clock, api.budget(), 1e9, DAY, past=True)
    problem: SourceError | None = None
    try:
        await api.send(request, session)
    except SourceError as error:
        problem = error
    finally:
        await api.aclose()
    return landed, session, problem


QUESTIONS = {
    "header": Request("it", "/it", headers=(("authorization", SecretStr(f"Token {CANARY}")),)),
    "query": Request("it", "/it", secret_params=(("api_key", SecretStr(CANARY)),)),
}


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 500])
@pytest.mark.parametrize("where", QUESTIONS)
@pytest.mark.parametrize(
    "echo", [CANARY, f"Token {CANARY}", "canary%2Btoken%2F0123%3D%3D", "Token+canary%2Btoken%2F0123%3D%3D"]
)
def test_a_secret_that_comes_back_is_neither_landed_nor_told(status: int, where: str, echo: str) -> None:
    async def test() -> None:
        body = {"error": {"code": 9, "message": f"no such {echo}, {echo}"}, "kept": "as it was ä"}
        async with Upstream(lambda _: Reply(status, body)) as up:
            landed, session, problem = await send(
                up,
                QUESTIONS[where],
                reads_fault=lambda data: BodyFault("not_allowed", data["error"]["message"])
                if status == 200 else None,
            )  # fmt: skip
        for text in (*(exchange.body for exchange in landed), str(problem), repr(session.failures)):
            assert "0123" not in text
        assert "***, " in landed[0].body
        assert '"kept": "as it was \\u00e4"' in landed[0].body
        if isinstance(problem, NotAllowed):
            assert "***" in str(problem)

    run(test)


def test_a_slash_that_json_escapes_hides_no_secret() -> None:
    async def test() -> None:
        reply = Reply(body=b'{"said": "canary+token\\/0123=="}')
        async with Upstream(lambda _: reply) as up:
            landed, _, _ = await send(up, QUESTIONS["query"])
        assert landed[0].body == '{"said": "***"}'

    run(test)


def test_a_secret_in_a_header_of_the_answer_is_not_told() -> None:
    async def test() -> None:
        reply = Reply(body={}, headers={"content-encoding": CANARY, "location": CANARY})
        async with Upstream(lambda _: reply) as up:
            _, _, problem = await send(up, QUESTIONS["query"])
        assert isinstance(problem, UpstreamUnavailable)
        assert "***" in str(problem)
        assert "0123" not in str(problem)

    run(test)


def test_a_body_without_an_echo_lands_byte_for_byte() -> None:
    async def test() -> None:
        body = b'{"a": "Bearer key token api_key",  "b": "\xff\\/"}\n'
        async with Upstream(lambda _: Reply(404, body)) as up:
            landed, _, _ = await send(
                up, Request("it", "/it", secret_params=(("api_key", SecretStr("key")),))
            )
        assert landed[0].body.encode("utf-8", "surrogateescape") == body, "what is so short is no secret"

    run(test)


@pytest.mark.parametrize("echo", ["canary-of-the-app", b64encode(b"an-id:canary-of-the-app").decode()])
def test_a_refused_sign_in_does_not_repeat_the_apps_secret(echo: str) -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(body={})) as up:
            up.token_script = lambda _: Reply(403, {"error": "x", "error_description": f"bad {echo}"})
            accounts = PoliteClient(up.url, limits=QUICK, clock=FakeClock())
            sign_in = ClientCredentials(
                accounts, SecretStr("an-id"), SecretStr("canary-of-the-app"), FakeClock()
            )
            _, _, problem = await send(up, Request("it", "/it"), authorization=sign_in)
            await accounts.aclose()
        assert problem is not None
        assert echo not in str(problem)
        assert "bad ***" in str(problem)

    run(test)


def test_a_bearer_token_that_a_refusal_repeats_is_forgotten() -> None:
    async def test() -> None:
        def script(seen: Seen) -> Reply:
            return Reply(403, {"error": {"status": 403, "message": f"no: {seen.headers['authorization']}"}})

        async with Upstream(script) as up:
            up.token_script = lambda _: Reply(body={"access_token": CANARY, "expires_in": 3600})
            accounts = PoliteClient(up.url, limits=QUICK, clock=FakeClock())
            sign_in = ClientCredentials(accounts, SecretStr("an-id"), SecretStr("a-secret"), FakeClock())
            landed, _, problem = await send(up, Request("it", "/it"), authorization=sign_in)
            await accounts.aclose()
            assert up.requests[0].headers["authorization"] == f"Bearer {CANARY}"
        assert isinstance(problem, NotAllowed)
        assert "no: ***" in str(problem)
        assert "no: ***" in landed[0].body

    run(test)


def test_no_log_tells_an_address_with_its_key(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with Upstream(lambda _: Reply(body={})) as up:
            await send(up, QUESTIONS["query"])
        assert "canary" in up.requests[0].target

    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        run(test)
    assert "canary" not in caplog.text
    assert "HTTP Request" not in caplog.text
