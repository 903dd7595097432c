"""Receivers of messages as they are met in the world: they keep what they get, fail, or take their time."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Receiver:
    """An HTTP server that keeps what is posted to it.

    Attributes:
        url: Where it is, with a path that is the secret of this receiver.
        status: What it answers.
        pause: Seconds that it waits before it answers.
        location: Where it redirects to.
        posts: What it was sent: path, headers, body.
    """

    url: str = ""
    status: int = 200
    pause: float = 0.0
    location: str | None = None
    posts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.posts]


SECRET_PATH = "/services/T000/B000/verysecretcanary"


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run one on loopback."""
    receiver = Receiver()
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.posts.append((self.path, dict(self.headers), json.loads(body)))
            stopped.wait(receiver.pause)
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            return

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the sender lost patience
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}{SECRET_PATH}"
    try:
        yield receiver
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailServer:
    """A mail server that keeps what it is sent.

    Attributes:
        port: Where on loopback it listens.
        password: Of the user "me"; none: nobody has to sign in.
        refused: Recipients that it does not take.
        mails: What it was sent, with the recipients of the envelope.
    """

    port: int = 0
    password: str | None = None
    refused: frozenset[str] = frozenset()
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), mail))
        return "250 kept"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        return AuthResult(success=given.password.decode() == self.password, handled=False)


@contextmanager
def mailing(tls: ssl.SSLContext | None = None, password: str | None = None) -> Iterator[MailServer]:
    """Run one on loopback.

    Args:
        tls: Certificate for STARTTLS, which is then required.
        password: What the user "me" must know.
    """
    server = MailServer(password=password)
    controller = Controller(
        server, hostname="127.0.0.1", port=_free_port(), tls_context=tls, require_starttls=tls is not None,
        authenticator=server.authenticate if password else None, auth_required=password is not None,
        auth_require_tls=tls is not None,
    )  # fmt: skip
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
