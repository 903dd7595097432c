"""Which refusals are believed: only an upstream's own words, and only if they are about one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spotify_assets.sources.jsontext import NotJson, decode_json
from spotify_assets.sources.protocol import RefusedAltogether

OwnError = Callable[[int, Any, str], bool]
"""Whether a status with a body (as JSON, or None; as text) is an error in the upstream's own form."""


def any_form(_status: int, data: Any, _text: str) -> bool:
    """An upstream whose form is not known: a JSON object that names an error."""
    return isinstance(data, dict) and "error" in data


def spotify_form(status: int, data: Any, _text: str) -> bool:
    """``{"error": {"status": 403, "message": "…"}}``."""
    error = data.get("error") if isinstance(data, dict) else None
    return isinstance(error, dict) and error.get("status") == status and isinstance(error.get("message"), str)


def deezer_form(_status: int, data: Any, _text: str) -> bool:
    """``{"error": {"type": "…", "message": "…", "code": 200}}``, with whatever status."""
    error = data.get("error") if isinstance(data, dict) else None
    return isinstance(error, dict) and isinstance(error.get("type"), str) and _is_int(error.get("code"))


def lastfm_form(_status: int, data: Any, _text: str) -> bool:
    """``{"error": 10, "message": "…"}``; its codes have one or two digits, so a gateway's 403 is none."""
    return (
        isinstance(data, dict)
        and _is_int(data.get("error"))
        and 0 < data["error"] < 100
        and isinstance(data.get("message"), str)
    )


def listenbrainz_form(status: int, data: Any, _text: str) -> bool:
    """``{"code": 401, "error": "…"}``."""
    return isinstance(data, dict) and data.get("code") == status and isinstance(data.get("error"), str)


def musicbrainz_form(_status: int, data: Any, _text: str) -> bool:
    """``{"error": "…", "help": "…"}``; gateways that name an error so say more beside it."""
    return isinstance(data, dict) and isinstance(data.get("error"), str) and set(data) <= {"error", "help"}


def wikidata_form(_status: int, _data: Any, text: str) -> bool:
    """Plain text or a page that names Wikimedia or one of its policies."""
    words = text[:4000].lower()
    return "w.wiki/" in words or "wikimedia" in words


def is_own(form: OwnError, status: int, text: str) -> bool:
    """Whether a landed response is an error in the upstream's own form."""
    try:
        data = decode_json(text)
    except NotJson:
        data = None
    return form(status, data, text)


def refused_altogether(source: str, came: str) -> RefusedAltogether:
    """Say that calls are refused which anybody may make, so that nothing follows for a single one."""
    premium = " The account that owns the app needs Spotify Premium." if "premium" in came.lower() else ""
    return RefusedAltogether(
        f"{source} refuses every call alike ({came}), also those that anybody may make. That says nothing "
        f"about what may be seen, so nothing was noted.{premium} Check that neither this machine's address "
        "and country nor the app is blocked; then run again"
    )


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
