"""Who may ask a server of ours: programs of this machine, and pages that came from that server itself.

A server on loopback is reached by every page that a browser of this machine shows, and by names that
somebody lets point to this machine. Belongs here: telling these by the headers of a request. Does not belong
here: who a person is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_BODY = 8 * 1024 * 1024
NO_FRAMES = ("X-Frame-Options", "SAMEORIGIN")
"""No other page shows ours inside of it, where clicks could be led."""
_AUTHORITY = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::([0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY)
_ORIGIN = re.compile(r"(https?)://" + _AUTHORITY)
_JSON = re.compile(r'application/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?', re.IGNORECASE)
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: an HTTP status and a sentence that repeats nothing of the request."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Guard:
    """What requests have to look like.

    Attributes:
        hosts: Names under which the server is reached, besides loopback.
        json_only: Whether whatever changes something has to be JSON, a type that no page can send to another
            place without being asked first.
        post_only: Beginnings of paths that are only ever posted to.
        not_linked: Beginnings of paths that another site may not even link to.
    """

    hosts: frozenset[str]
    json_only: bool = False
    post_only: tuple[str, ...] = ()
    not_linked: tuple[str, ...] = ()

    def refusal(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], *, handshake: bool = False
    ) -> Refusal | None:
        """Return why a request is refused, or None for one that may pass.

        Args:
            method: Its HTTP method.
            path: Its path, decoded.
            headers: Its headers; names in any case.
            handshake: Whether it opens a WebSocket.
        """
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name.lower(), []).append(value.strip())
        stranger = self._stranger(method, path, found)
        if stranger is not None or handshake:
            return stranger
        return self._unexpected(method, path, found)

    def _stranger(self, method: str, path: str, headers: dict[str, list[str]]) -> Refusal | None:
        """Whether it came under another name, or from another page."""
        named = _HOST.fullmatch(_only(headers.get("host", [])))
        if named is None or not self._is_ours(named[1]):
            return Refusal(
                403,
                "This server does not answer under this name. Open it as http://127.0.0.1:PORT, or add the "
                "name to WEB_ALLOWED_HOSTS.",
            )
        origins = headers.get("origin")
        if origins is not None and not _same_place(_only(origins), named):
            return Refusal(403, "Requests of other pages (Origin) are refused.")
        sites = headers.get("sec-fetch-site")
        if (
            sites is not None
            and _only(sites) not in {"same-origin", "none"}
            and not self._follows_a_link(method, path, headers)
        ):
            return Refusal(403, "Requests of other pages (Sec-Fetch-Site) are refused.")
        return None

    def _follows_a_link(self, method: str, path: str, headers: dict[str, list[str]]) -> bool:
        """Whether a person follows a link to a page, as those in alerts: it only shows the page."""
        return (
            method in {"GET", "HEAD"}
            and _only(headers.get("sec-fetch-mode", [])) == "navigate"
            and _only(headers.get("sec-fetch-dest", [])) == "document"
            and not path.startswith((*self.post_only, *self.not_linked))
        )

    def _unexpected(self, method: str, path: str, headers: dict[str, list[str]]) -> Refusal | None:
        """Whether it is of a kind that a page can send to another place without being asked first."""
        if path.startswith(self.post_only or ("\0",)) and method != "POST":
            return Refusal(405, "This address takes POST only.")
        if not self.json_only or method in {"GET", "HEAD"}:
            return None
        if not _JSON.fullmatch(_only(headers.get("content-type", []))):
            return Refusal(415, "Expected Content-Type: application/json.")
        length = _only(headers.get("content-length", []))
        if not re.fullmatch(r"[0-9]{1,18}", length):
            return Refusal(411, "Expected a Content-Length.")
        if int(length) > LONGEST_BODY:
            return Refusal(413, f"Expected at most {LONGEST_BODY:,} bytes.")
        return None

    def _is_ours(self, host: str) -> bool:
        host = plain_host(host)
        if host == "localhost" or host in self.hosts:
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def plain_host(host: str) -> str:
    """A name or address as it is compared: small letters, addresses in their one spelling, no brackets."""
    host = host.lower().removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(getattr(address, "ipv4_mapped", None) or address)


def own_hosts(*names: str | None) -> frozenset[str]:
    """Names and addresses of a server; without those that stand for every address, which are no names."""
    return frozenset(plain_host(name) for name in names if name) - {"0.0.0.0", "::", ""}  # noqa: S104 - taken out


def _only(values: Sequence[str]) -> str:
    """The one value of a header; nothing where it stands twice, because nobody knows which would count."""
    return values[0] if len(values) == 1 else ""


def _same_place(origin: str, named: re.Match[str]) -> bool:
    """Whether an origin is the place that the request went to."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:  # `null`, too: of sandboxed frames and files
        return False
    port = _DEFAULT_PORT[found[1]]
    return plain_host(found[2]) == plain_host(named[1]) and int(found[3] or port) == int(named[2] or port)


class GuardedApplication:
    """An ASGI application behind a guard."""

    def __init__(self, application: Application, guard: Guard) -> None:
        """Stand in front of an application."""
        self._application = application
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or a WebSocket pass, or refuse it before anything of it is read."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        handshake = scope["type"] == "websocket"
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        refusal = self._guard.refusal(scope.get("method", "GET"), scope["path"], headers, handshake=handshake)
        if refusal is None:
            await self._application(scope, receive, _without_frames(send) if self._guard.json_only else send)
        elif handshake:
            await receive()  # the handshake itself
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        else:
            await _refuse(refusal, send)


def _without_frames(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            name, value = NO_FRAMES
            message["headers"] = [*message.get("headers", ()), (name.lower().encode(), value.encode())]
        await send(message)

    return sending


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = f"{refusal.reason}\n".encode()
    headers = {
        "content-type": "text/plain; charset=utf-8", "content-length": str(len(body)),
        "x-content-type-options": "nosniff", "cache-control": "no-store", "connection": "close",
    }  # fmt: skip
    if refusal.status == 405:
        headers["allow"] = "POST"
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
