"""A scripted upstream on a real socket, for faults that no well-behaved server library would commit.

It runs in the test's own event loop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from spotify_assets.sources.clock import Clock
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.spotify.access import (
    ALBUM_BATCHES,
    ARTIST_BATCHES,
    AUDIO_FEATURES,
    NEW_RELEASES,
    TOP_TRACKS,
    Access,
)
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import InMemoryState, credential_digest

DAY = date(2026, 11, 20)
CALLS = (ARTIST_BATCHES, TOP_TRACKS, NEW_RELEASES, ALBUM_BATCHES, AUDIO_FEATURES)
QUICK = Limits(backoff_base=0.01)
"""Short pauses between attempts. The time for an attempt stays long: a busy machine may stall for a second,
and an answer that was not waited for would be asked for again, and counted."""
IMPATIENT = replace(QUICK, request_seconds=0.5)
"""For answers that never come."""


class FakeClock:
    """Time that passes only when someone sleeps, or when a test says so."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 10, tzinfo=UTC)) -> None:
        self.start = start
        self.elapsed = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    async def sleep(self, seconds: float) -> None:
        until = self.elapsed + seconds
        await asyncio.sleep(0)
        self.elapsed = max(self.elapsed, until)


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(urlsplit(self.target).query).items()}


@dataclass
class Reply:
    """What to send, and how badly."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    how: Literal["whole", "reset", "hang", "drip", "cut", "nothing"] = "whole"
    delay: float = 0.0

    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Script = Callable[[Seen], Reply]


def artists_reply(seen: Seen) -> Reply:
    """Answer a batch as the real call does."""
    ids = seen.query["ids"].split(",")
    return Reply(body={"artists": [{"id": i, "name": f"artist {i}", "popularity": 5} for i in ids]})


class Upstream:
    """The server. `script` answers API calls, `token_script` the token call."""

    def __init__(self, script: Script, clock: FakeClock | None = None) -> None:
        self.script = script
        self.clock = clock
        self.requests: list[Seen] = []
        self.token_requests: list[Seen] = []
        self.under_way = self.most_under_way = 0
        self.token_script: Script = self._token
        self.url = ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def _token(self, _: Seen) -> Reply:
        token = f"token-{len(self.token_requests)}"
        return Reply(body={"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        at = self.clock.elapsed if self.clock else asyncio.get_running_loop().time()
        seen = Seen(method, target, headers, body, at)
        is_token = seen.path == "/api/token"
        (self.token_requests if is_token else self.requests).append(seen)
        reply = self.token_script(seen) if is_token else self.script(seen)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._send(writer, reply)
        finally:
            self.under_way -= 1

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.how == "reset":
            writer.transport.abort()
            return False
        if reply.how == "hang":
            await asyncio.sleep(30)
        if reply.how == "nothing":
            return False
        data = reply.data()
        headers = {"content-type": "application/json", "content-length": str(len(data)), **reply.headers}
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} X\r\n{lines}\r\n".encode("latin-1"))
        if reply.how == "cut":
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return False
        if reply.how == "drip":
            for n in range(len(data)):
                writer.write(data[n : n + 1])
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.write(data)
        await writer.drain()
        return True

    def source(self, **changes: Any) -> SpotifySource:
        """A source that observes this server, quick to give up."""
        clock = changes.get("clock") or self.clock or FakeClock()
        settings: dict[str, Any] = {
            "api_url": f"{self.url}/v1",
            "accounts_url": self.url,
            "client_id": SecretStr("an-id"),
            "client_secret": SecretStr("a-secret"),
            "limits": QUICK,
            "clock": clock,
            "memory": extended(clock),
            **changes,
        }
        return SpotifySource(settings.pop("name", "spotify"), **settings)


def extended(clock: Clock) -> InMemoryState:
    """What is remembered of an app that was found to be granted every call."""
    memory = InMemoryState(clock)
    access = Access(memory.capabilities("spotify", credential_digest(SecretStr("an-id"))), clock)
    for call in CALLS:
        access.granted(call)
    return memory


class Landed(list[Exchange]):
    """A sink that keeps what it is given."""

    def __call__(self, exchange: Exchange) -> None:
        self.append(exchange)


def ids(count: int) -> list[str]:
    """Made-up ids of the right form."""
    return [f"{n:022d}" for n in range(count)]
