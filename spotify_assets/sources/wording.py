"""Faults in words that a person can act on.

Belongs here: short phrases for messages. Never a header, a token or a whole body.
"""

from __future__ import annotations

from typing import Any

import httpx


def summary(came: list[str]) -> str:
    """What came, attempt by attempt."""
    if len(came) > 3 and len(set(came)) == 1:
        return f"{len(came)} times {came[0]}"
    return "; ".join(f"{n}: {what}" if len(came) > 1 else what for n, what in enumerate(came, 1))


def transport_fault(error: Exception) -> str:
    """What happened to a connection, without addresses or headers."""
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.RemoteProtocolError):
        return "the connection ended before the answer was complete"
    return f"the connection failed ({type(error).__name__})"


def said(data: Any) -> str:
    """The upstream's own words about an error in a body read as JSON, cut short and on one line."""
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    elif isinstance(data, dict) and isinstance(data.get("error_description"), str):
        error = data["error_description"]
    return quoted(error) if isinstance(error, str) else ""


def first_line(response: httpx.Response, text: str) -> str:
    """The first line of a body that is plain text, as proxies and gateways answer."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return quoted(text.strip().partition("\n")[0]) if kind == "text/plain" else ""


def quoted(words: str) -> str:
    """Somebody else's words, cut short and on one line."""
    line = "".join(c if c.isprintable() else " " for c in words[:200])
    return f': "{line}"' if line else ""
