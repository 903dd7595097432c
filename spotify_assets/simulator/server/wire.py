"""Sending replies over ASGI, whole or broken."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from spotify_assets.simulator.faults.rules import Fault
from spotify_assets.simulator.server.replies import Reply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_HANG_SECONDS, _DRIP_SECONDS = 3600.0, 0.2
_RESET_AFTER = 0.02


async def lifespan(receive: Receive, send: Send) -> None:
    """Agree to the server's start and stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_whole(send: Send, reply: Reply) -> None:
    """Send a reply as it should be."""
    await send(_start(reply))
    await send({"type": "http.response.body", "body": reply.body})


async def send_broken(rule: Fault, reply: Reply, receive: Receive, send: Send) -> None:
    """Send a reply the way a fault of the connection does."""
    if rule.fault == "truncated_json":
        half = reply.body[: max(1, len(reply.body) // 2)]
        await send_whole(send, Reply(reply.status, half, reply.headers))
        return
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        if rule.fault == "timeout":
            await asyncio.wait({gone}, timeout=rule.seconds or _HANG_SECONDS)
            if not gone.done():
                await send_whole(send, reply)
        elif rule.fault == "slow_drip":
            await _drip(rule, reply, gone, send)
        else:
            await send(_start(reply))
            half = reply.body[: len(reply.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await asyncio.sleep(_RESET_AFTER)  # the first half leaves, so that the reset comes in the middle
            _reset(send)
    finally:
        gone.cancel()


async def _drip(rule: Fault, reply: Reply, gone: asyncio.Future[None], send: Send) -> None:
    await send(_start(reply))
    for place in range(len(reply.body)):
        if gone.done():
            return
        drop = reply.body[place : place + 1]
        await send({"type": "http.response.body", "body": drop, "more_body": True})
        await asyncio.wait({gone}, timeout=rule.seconds or _DRIP_SECONDS)
    await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(reply: Reply) -> Message:
    headers = [(b"x-simulated", b"true")]
    if reply.status != 204:
        headers.append((b"content-length", str(len(reply.body)).encode()))
        if "Content-Type" not in reply.headers:
            headers.append((b"content-type", b"application/json; charset=utf-8"))
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def _reset(send: Send) -> None:
    """Reset the connection, as a peer that crashed does.

    ASGI has no word for this. uvicorn's `send` is a method of an object that holds the transport; with
    another server the connection is closed early instead, which clients notice just as well.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
