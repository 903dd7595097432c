"""The connections to one origin, whichever event loop is running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from spotify_assets.sources.http.transports import open_async_client


@dataclass(slots=True)
class _Loop:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    free: asyncio.Semaphore
    idle: list[httpx.AsyncClient] = field(default_factory=list)
    clients: list[httpx.AsyncClient] = field(default_factory=list)


class Connections:
    """At most so many connections at once, kept alive between requests.

    Each connection is a client of its own: a pool looks at every connection it has for each request,
    which at 16 of them costs more than all the rest of a request.

    Its user may outlive an event loop (``asyncio.run`` once per day of a backfill): after `aclose`, the
    next request opens connections in the loop that runs then.
    """

    def __init__(self, origin: httpx.URL, concurrency: int) -> None:
        """Prepare; nothing is opened yet."""
        self._origin = origin
        self._concurrency = concurrency
        self._bound: _Loop | None = None

    @asynccontextmanager
    async def take(self) -> AsyncIterator[httpx.AsyncClient]:
        """Take a free connection, the one used last, and give it back afterwards."""
        bound = self._bind()
        async with bound.free:
            client = bound.idle.pop() if bound.idle else self._open(bound)
            try:
                yield client
            finally:
                bound.idle.append(client)

    async def aclose(self) -> None:
        """Close all connections."""
        bound, self._bound = self._bound, None
        if bound is not None and bound.loop is asyncio.get_running_loop():
            for client in bound.clients:
                await client.aclose()

    def _bind(self) -> _Loop:
        loop = asyncio.get_running_loop()
        if self._bound is None or self._bound.loop is not loop:
            self._bound = _Loop(loop, asyncio.Semaphore(self._concurrency))
        return self._bound

    def _open(self, bound: _Loop) -> httpx.AsyncClient:
        client = open_async_client(
            self._origin,
            # A timeout per read could be stretched by a slow drip; the sender bounds the whole instead.
            timeout=httpx.Timeout(None),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
        )
        bound.clients.append(client)
        return client


def is_below(base_url: httpx.URL, url: str) -> bool:
    """Whether `url` is at an origin and below its path."""
    try:
        found = base_url.join(url)
    except (httpx.InvalidURL, ValueError):
        return False
    prefix = base_url.path.rstrip("/") + "/"
    return (
        (found.scheme, found.host, _port(found)) == (base_url.scheme, base_url.host, _port(base_url))
        and not found.userinfo
        and found.path.startswith(prefix)
        and ".." not in found.path.split("/")
    )


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
