"""What an app may see of Spotify: the capabilities by name, and learning them from ordinary answers.

Since 2026-02-11 a new app is in Development Mode: batches, top tracks and the list of new releases answer
403, and popularity, followers, genres and labels are left out of what still answers. Older apps may be
anywhere in between, so nothing is assumed: https://developer.spotify.com/documentation/web-api/references/changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

from spotify_assets.sources.capabilities import Capabilities
from spotify_assets.sources.clock import Clock

ARTIST_BATCHES = "call: artists, 50 at once"
ALBUM_BATCHES = "call: albums, 20 at once"
TOP_TRACKS = "call: an artist's top tracks"
NEW_RELEASES = "call: list of new releases"
TRACK_BATCHES = "call: tracks, 50 at once"
AUDIO_FEATURES = "call: audio features"
ONE_ARTIST = "call: artists, one by one"
ARTIST_ALBUMS = "call: an artist's albums"

LIVE_REQUESTS_PER_SECOND = 5.0
DEVELOPMENT_REQUESTS_PER_SECOND = 1.0
DEVELOPMENT_CALLS_PER_DAY = 400
"""Pace and budget while an app is not known to have more: apps in Development Mode were seen limited after
600 calls in a row, or 800 to 1,400 on a day."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "artist": ("popularity", "followers", "genres"),
    "track": ("popularity",),
    "album": ("popularity", "label"),
}
"""Fields that an answer holds or not depending on the app, by what they describe."""

ASK_AGAIN_AFTER = timedelta(days=7)
"""A refused call is tried once more after this: access is granted later, and changes are taken back."""

Mode = Literal["unknown", "extended", "development", "in between"]


def field_name(kind: str, field: str) -> str:
    """Name of the capability to see a field, such as ``field: artist popularity``."""
    return f"field: {kind} {field}"


class Access:
    """What one app may see, remembered and corrected by what is met."""

    def __init__(self, capabilities: Capabilities, clock: Clock) -> None:
        """Start from what is remembered."""
        self._capabilities = capabilities
        self._clock = clock
        self._seen: dict[str, Counter[str]] = {kind: Counter() for kind in FIELDS}

    def may(self, call: str) -> bool | None:
        """Whether a call is granted; None if that is not known, or was refused long ago."""
        known = self._capabilities.known().get(call)
        if known is None:
            return None
        if not known.allowed and self._clock.now() - known.checked_at > ASK_AGAIN_AFTER:
            return None
        return known.allowed

    def why_not(self, call: str) -> str:
        """What the upstream said when it refused."""
        known = self._capabilities.known().get(call)
        return known.reason if known is not None and not known.allowed else ""

    def granted(self, call: str) -> None:
        """Note that a call was answered."""
        self._note(call, allowed=True, reason="answered")

    def refused(self, call: str, words: str) -> None:
        """Note that a call was refused (HTTP 403)."""
        self._note(call, allowed=False, reason=f"refused{words or ': HTTP 403'}")

    def _note(self, name: str, *, allowed: bool, reason: str) -> None:
        self._capabilities.note(name, allowed=allowed, reason=reason, at=self._clock.now())

    def look_at(self, kind: str, pieces: Iterable[Any]) -> None:
        """Count which fields the objects of an answer have."""
        seen = self._seen[kind]
        for piece in pieces:
            if isinstance(piece, dict):
                seen["objects"] += 1
                seen.update(field for field in FIELDS[kind] if field in piece)

    def saw(self, kind: str, field: str) -> bool:
        """Whether any answer of this observation had a field."""
        return self._seen[kind][field] > 0

    def conclude(self) -> None:
        """Note for each field looked for whether any answer had it; to be called when an observation ends."""
        for kind, seen in self._seen.items():
            if objects := seen["objects"]:
                for field in FIELDS[kind]:
                    there = seen[field] > 0
                    self._note(
                        field_name(kind, field),
                        allowed=there,
                        reason="sent" if there else f"left out of every answer about {kind}s",
                    )
            if objects:
                seen.clear()

    @property
    def mode(self) -> Mode:
        """The kind of access, as far as what is known tells."""
        known = self._capabilities.known()
        calls = [known[name].allowed for name in (ARTIST_BATCHES, TOP_TRACKS, NEW_RELEASES) if name in known]
        popularity = known.get(field_name("artist", "popularity"))
        answers = calls + ([popularity.allowed] if popularity is not None else [])
        if not answers:
            return "unknown"
        if all(answers):
            return "extended"
        return "in between" if any(answers) else "development"


def trusted_pace(
    access: Access, per_second: float | None, per_day: int | None
) -> tuple[float | None, int | None]:
    """Calls a second and a UTC day that an app of this mode was seen to stand, where no limit is given."""
    batched = access.may(ARTIST_BATCHES)
    per_second = per_second or (LIVE_REQUESTS_PER_SECOND if batched else DEVELOPMENT_REQUESTS_PER_SECOND)
    return per_second, per_day if batched else per_day or DEVELOPMENT_CALLS_PER_DAY
