"""Waiting on loopback for a browser to come back with the answer to a sign-in, once.

Nothing that arrives is logged: the address that a browser calls holds the code.
"""

from __future__ import annotations

import html
import socket
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from spotify_assets.settings import SettingsError
from spotify_assets.sources.protocol import SignInRefused
from spotify_assets.users.pkce import Redirect

_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "connection": "close",
}
_LOOK_SECONDS = 0.1
"""How long it takes at most to notice an answer."""
_CLIENT_SECONDS = 5.0
"""A client that connects and says nothing is let go after this long."""


class SignInTimedOut(SignInRefused):
    """The time for signing in is over."""


class Callback:
    """Listens at a redirect address until the answer comes. A context manager, which closes the port."""

    def __init__(self, redirect: Redirect) -> None:
        """Open the port.

        Raises:
            SettingsError: It is taken.
        """
        self._answer: dict[str, str] | None = None
        self._is_ours: Callable[[Mapping[str, str]], bool] = lambda _: False
        self._strangers = 0
        self._path = redirect.path
        family = socket.AF_INET6 if ":" in redirect.host else socket.AF_INET
        # In threads, because browsers open connections ahead that say nothing for a while.
        shape = {"address_family": family, "daemon_threads": True, "block_on_close": False}
        server = type("_Server", (ThreadingHTTPServer,), shape)
        try:
            self._server: ThreadingHTTPServer = server((redirect.host, redirect.port), self._handler())
        except OSError as error:
            raise SettingsError(
                f"Nothing can listen at {redirect.url} ({error.strerror}): end the program that uses port "
                f"{redirect.port}, or set SPOTIFY_REDIRECT_URL to another port, here and at your app"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, is_ours: Callable[[Mapping[str, str]], bool], seconds: float) -> Mapping[str, str]:
        """Wait for the answer and return its query.

        An answer to another question is refused and waited on: whoever sends it can neither sign in as
        somebody else nor end the sign-in.

        Args:
            is_ours: Whether a query answers our question.
            seconds: How long to wait.

        Raises:
            NobodyCame: No answer came in time.
        """
        self._is_ours = is_ours
        deadline = time.monotonic() + seconds
        while self._answer is None and (left := deadline - time.monotonic()) > 0:
            self._server.timeout = min(left, _LOOK_SECONDS)
            self._server.handle_request()
        if self._answer is None:
            strangers = (
                f" {self._strangers} answers belonged to another sign-in and were refused."
                if self._strangers
                else ""
            )
            raise SignInTimedOut(
                f"Nobody signed in within {seconds:,.0f} seconds.{strangers} Nothing was kept; run "
                "`spotify-assets login` to try again."
            )
        return self._answer

    def _take(self, target: str) -> tuple[int, str, str]:
        """Look at a called address; status, heading and text of the page to show."""
        parts = urlsplit(target)
        if parts.path != self._path:
            return 404, "Nothing is here", "This address only waits for the answer to a sign-in."
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not self._is_ours(query):
            self._strangers += 1
            return (
                400,
                "This is no answer to our question",
                "It belongs to another sign-in and was refused. Open the address that the terminal shows.",
            )
        self._answer = query
        if "error" in query:
            return 200, "Not signed in", "Nothing was kept. You can close this page."
        return 200, "Thank you", "You can close this page; the terminal says how it went."

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        callback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _CLIENT_SECONDS
            server_version = "spotify-assets"
            sys_version = ""

            def do_GET(self) -> None:
                status, heading, text = callback._take(self.path)
                page = (
                    f"<!doctype html><title>{html.escape(heading)}</title>"
                    f"<body style='font-family:sans-serif;margin:4em'><h1>{html.escape(heading)}</h1>"
                    f"<p>{html.escape(text)}</p>"
                ).encode()
                self.send_response_only(status)
                for name, value in {**_HEADERS, "content-length": str(len(page))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Say nothing: the line would hold the code."""

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # the browser went away
                    return

        return Handler
