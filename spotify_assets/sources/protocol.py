"""The seam that every upstream fills: observe (ask and land), then parse (read what was landed).

The two halves never meet inside a source: `observe` hands each response to a sink unread except for what
paging needs, and `parse` works on landed exchanges alone, so history can be rebuilt by a better parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.records import Parsed

SPOTIFY_ID = re.compile(r"[0-9A-Za-z]{22}")
MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""An id of MusicBrainz, also used by ListenBrainz and Last.fm."""


Entity = Literal[
    "artists",
    "top_tracks",
    "new_releases",
    "playlist_tracks",
    "album_tracks",
    "track_details",
    "audio_features",
]
ARTIST_ENTITIES: tuple[Entity, ...] = ("artists", "top_tracks", "new_releases")
"""What is asked for each tracked artist on each day."""
ASKED_ONCE: frozenset[Entity] = frozenset({"album_tracks", "track_details", "audio_features"})
"""What does not change, and is therefore asked for once about each new album or track."""


class SourceError(Exception):
    """An upstream cannot be observed; the message says what happened and what to do.

    Attributes:
        usage: What the observation had cost until then; ``None`` where none was under way.
    """

    usage: Usage | None = None


class SignInRefused(SourceError):
    """The upstream refused our credentials; trying again cannot help."""


class NotAllowed(SourceError):
    """The upstream answered 403 in its own form: this app may not make the call, now or later.

    Attributes:
        why: What it said, short enough to stand beside each thing that is missing because of it.
        came: The answer, for messages.
        checked: Whether another call was answered since, so that this is about the one call.
    """

    def __init__(
        self, message: str, why: str = "HTTP 403", *, came: str = "HTTP 403", checked: bool = False
    ) -> None:
        """Keep what the upstream said beside the message."""
        super().__init__(message)
        self.why = why
        self.came = came
        self.checked = checked


class RefusedAltogether(SourceError):
    """The upstream refuses every call alike, which says nothing about what this app may see."""


class CooldownRequired(SourceError):
    """The upstream asked for a pause too long to sit out.

    Attributes:
        seconds: Pause asked for, or ``None`` when the upstream promised no time.
    """

    def __init__(self, message: str, seconds: float | None) -> None:
        """Keep the pause beside the message."""
        super().__init__(message)
        self.seconds = seconds


class BudgetSpent(SourceError):
    """The day's calls to the upstream are used up; the rest is for tomorrow."""


class UpstreamUnavailable(SourceError):
    """Bounded retries did not get an answer."""


class DayClosed(SourceError):
    """The day being observed ended (UTC) before everything was asked for."""


@dataclass(slots=True)
class Usage:
    """What an observation cost.

    Attributes:
        calls: HTTP requests that left, retries and sign-in included.
        retries: How many of them were second or third attempts.
        throttled: Responses with status 429.
        seconds: Wall-clock time.
        failures: One line for each question that stayed without an answer.
    """

    calls: int = 0
    retries: int = 0
    throttled: int = 0
    seconds: float = 0.0
    failures: tuple[str, ...] = ()


class Source(Protocol):
    """One upstream.

    Attributes:
        name: Value of the ``source`` column; part of every key.
        namespace: Whose artist ids its keys are: ``spotify``, ``simulated``, ``musicbrainz``, ``deezer`` or
            ``lastfm`` (a name). What the watchlist holds under another is translated by identities.
        entities: What it can be asked for at all.
        can_observe_past: True only where "now" can be chosen (the simulated upstream).
    """

    name: str
    namespace: str
    entities: frozenset[Entity]
    can_observe_past: bool

    def cost(self, entity: Entity, artists: int) -> int:
        """The calls that observing `entity` of so many artists takes, as far as known; without sign-in."""

    def expected(self, entity: Entity, keys: Sequence[str]) -> list[str]:
        """The keys that `parse` will account for when the artists `keys` are observed."""

    async def observe(self, entity: Entity, day: date, keys: Sequence[str], sink: Sink) -> Usage:
        """Ask for `entity` as it is on `day` and hand every response to `sink`.

        Args:
            entity: What to ask for.
            day: UTC day being observed.
            keys: What is still to be asked for, of what `expected` said. For ``new_releases`` of a source
                that expects nothing in particular: the tracked artists.
            sink: Called with each response before anything reads it.

        Raises:
            SourceError: The rest cannot be asked for; what was received is with the sink.
        """

    def parse(self, entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
        """Read landed responses; never asks the upstream anything."""

    async def aclose(self) -> None:
        """Give up connections."""
