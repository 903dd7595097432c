"""Faults in words that a person can act on.

Belongs here: short phrases for messages. Never a header, a token or a whole body.
"""

from __future__ import annotations

import httpx

from spotify_assets.sources.jsontext import NotJson, decode_json


def summary(came: list[str]) -> str:
    """What came, attempt by attempt."""
    return "; ".join(f"{n}: {what}" if len(came) > 1 else what for n, what in enumerate(came, 1))


def transport_fault(error: Exception) -> str:
    """What happened to a connection, without addresses or headers."""
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.RemoteProtocolError):
        return "the connection ended before the answer was complete"
    return f"the connection failed ({type(error).__name__})"


def said(text: str) -> str:
    """The upstream's own words about an error, cut short and on one line."""
    try:
        data = decode_json(text)
    except NotJson:
        return ""
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    elif isinstance(data, dict) and isinstance(data.get("error_description"), str):
        error = data["error_description"]
    if not isinstance(error, str) or not error:
        return ""
    line = "".join(c if c.isprintable() else " " for c in error[:200])
    return f': "{line}"'
