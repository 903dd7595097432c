"""What is sent back: a status, a body, headers, and the shapes of errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WANTS_TOKEN = (
    "Due to bad actors and AI scrapers causing undue traffic on our sites, you need to provide an Auth token "  # noqa: S105
    "for this endpoint. Sorry for this mess."
)
SWITCHED_OFF = "Popularity API currently disabled due to high load on the server. Please try again later."
"""What ListenBrainz says to who has no token, and while it is overloaded."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: Any) -> str:
    """Return compact JSON text."""
    return _ENCODER.encode(value)


@dataclass(frozen=True, slots=True)
class Reply:
    """A response to be sent.

    Attributes:
        status: HTTP status.
        body: Bytes of the body.
        headers: Headers besides content type (JSON unless named here), length and ``X-Simulated``.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, node: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """Return a reply with a JSON body."""
        return cls(status, dumps(node).encode(), headers or {})


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error of the Web API."""
    return Reply.json(status, {"error": {"status": status, "message": message}}, headers)


def token_error(status: int, code: str, description: str) -> Reply:
    """Return an error of the token endpoint, which has another shape (RFC 6749)."""
    return Reply.json(status, {"error": code, "error_description": description})


class Refusal(Exception):
    """Raised while an answer is made, to send another one instead.

    Attributes:
        reply: What to send.
    """

    def __init__(self, status: int, message: str) -> None:
        """Refuse with an error of the Web API."""
        super().__init__(message)
        self.reply = error(status, message)


class TokenRefusal(Exception):
    """Raised while a token is asked for, to refuse with an error of the token endpoint.

    Attributes:
        reply: What to send.
    """

    def __init__(self, code: str, description: str) -> None:
        """Refuse with an error code of RFC 6749; always status 400."""
        super().__init__(description)
        self.reply = token_error(400, code, description)
