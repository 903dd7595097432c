"""Deezer's errors, which come with HTTP 200."""

from __future__ import annotations

from typing import Any

from spotify_assets.sources.http.request import BodyFault
from spotify_assets.sources.jsontext import error_in
from spotify_assets.sources.parsing import text_as_number

QUOTA, BUSY = 4, 700
DENIED = frozenset({200, 300})


def reads_fault(data: Any) -> BodyFault | None:
    """Tell an error that says "later" or "never" from an answer; "no data" (800) is an answer."""
    error = error_in(data)
    if error is None or not isinstance(data["error"], dict):
        return None
    code, words = text_as_number(error[0]), error[1]
    said = f"error {code}: {words}" if words else f"error {code}"
    if code == QUOTA:
        return BodyFault("throttled", said[:200])
    if code == BUSY:
        return BodyFault("unavailable", said[:200])
    if code in DENIED:
        return BodyFault("not_allowed", said[:200])
    return None
