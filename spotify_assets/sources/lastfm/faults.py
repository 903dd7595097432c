"""Last.fm's errors, which come with whatever status."""

from __future__ import annotations

from typing import Any

from spotify_assets.sources.http.request import BodyFault
from spotify_assets.sources.jsontext import error_in
from spotify_assets.sources.parsing import text_as_number

LIMIT = 29
BUSY = frozenset({8, 11, 16})
DENIED = frozenset({4, 10, 26})


def reads_fault(data: Any) -> BodyFault | None:
    """Tell an error that says "later" or "never" from an answer; "not found" (6) is an answer."""
    error = error_in(data)
    if error is None or isinstance(data["error"], dict):
        return None
    code, words = text_as_number(error[0]), error[1]
    said = f"error {code}: {words}" if words else f"error {code}"
    if code == LIMIT:
        return BodyFault("throttled", said[:200])
    if code in BUSY:
        return BodyFault("unavailable", said[:200])
    if code in DENIED:
        return BodyFault("refused", f"{said[:200]}; check LASTFM_API_KEY")
    return None
