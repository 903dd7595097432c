"""Asking for evidence of who an artist is elsewhere, weaker kinds only where stronger ones say nothing.

Whom to ask about stands in `resolve`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from spotify_assets.artists.musicbrainz.client import MusicBrainz
from spotify_assets.artists.musicbrainz.parse import PAGES, Candidate, Pages
from spotify_assets.artists.sought import TIME, Artist, open_at
from spotify_assets.artists.wikidata import PROPERTIES, Wikidata
from spotify_assets.artists.workers import for_each
from spotify_assets.settings import Settings
from spotify_assets.sources import protocol
from spotify_assets.sources.clock import Clock
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.exchange import Sink
from spotify_assets.sources.http.session import ObservationStopped
from spotify_assets.sources.protocol import NotAllowed, SourceError
from spotify_assets.sources.state import PER_ADDRESS, State

MUSICBRAINZ, WIKIDATA, DEEZER = "musicbrainz", "wikidata", "deezer"

AT_ONCE = 8
"""Artists asked about at once, so that the pace is used while others wait to be asked about again."""
FINAL = (protocol.CooldownRequired, protocol.NotAllowed, protocol.SignInRefused, protocol.BudgetSpent)
"""What ends the questions to an upstream at once."""
MOST_IN_A_ROW = 5
"""Failures in a row after which an upstream is taken to be away."""
MOST_CANDIDATES = 3
"""Artists of one page whose own pages are asked for; there is rarely more than one."""

FINISHING_SECONDS = 10.0
"""How long after the time given artists that were begun are still finished: something comes of every run."""

STATEMENTS = "call: ids that items state"
"""Name of the capability that Wikidata refuses to whom it does not want."""
GOES_ON_AFTER = timedelta(days=3)
"""How long Wikidata may refuse before names are searched for without it."""

T = TypeVar("T")


class Sinks(Protocol):
    """Where answers land, by upstream."""

    def __call__(self, name: str) -> Sink | None:
        """The sink of an upstream's answers, if they are kept."""


class EvidenceCollector:
    """Asks the upstreams that belong with what is observed.

    Attributes:
        problems: What went wrong, one line each.
        stopped: Upstreams that are not asked any more in this run: one that refuses, or fails all the time.
        answered: Upstreams that answered anything in this run.
        merged: Where MusicBrainz sent us on: the MBID that an artist has now, by the one it had.
    """

    def __init__(
        self, settings: Settings, memory: State, clock: Clock, run_id: str, sink_of: Sinks, deadline: float
    ) -> None:
        """Prepare; nothing is sent before something is asked.

        Args:
            settings: Where the upstreams are.
            memory: Leave to call.
            clock: Time and waiting.
            run_id: Kept with what lands.
            sink_of: Where it lands.
            deadline: No artist is begun after this, on the clock's monotonic scale.

        Raises:
            SettingsError: The simulated upstream is observed and none is running.
        """
        self._clock = clock
        self._deadline = deadline
        self._until = deadline + FINISHING_SECONDS
        self._musicbrainz = MusicBrainz.from_settings(settings, memory, clock=clock, run_id=run_id)
        self._wikidata = Wikidata.from_settings(settings, memory, clock=clock, run_id=run_id)
        prefix = "simulated-" if settings.simulated else ""
        self._deezer = DeezerSource.from_settings(
            settings, memory, name=f"{prefix}deezer", clock=clock, run_id=run_id
        )
        self._granted = memory.capabilities(f"{prefix}{WIKIDATA}", PER_ADDRESS)
        self._sink_of = sink_of
        self._prefix = prefix
        self._in_a_row: Counter[str] = Counter()
        self.problems: list[str] = []
        self.stopped: set[str] = set()
        self.answered: set[str] = set()
        self.merged: dict[str, str] = {}

    async def aclose(self) -> None:
        """Give up connections."""
        for each in (self._musicbrainz, self._wikidata, self._deezer):
            await each.aclose()

    @property
    def is_over(self) -> bool:
        """Whether no further artist can be decided: links stand above all else that is asked for."""
        return MUSICBRAINZ in self.stopped or self._clock.monotonic() >= self._deadline

    async def gather(self, artists: Sequence[Artist]) -> int:
        """Fill in the evidence; returns how many of the artists there was time for, from the first on.

        Who was begun is finished within `FINISHING_SECONDS` more; who is not by then is left.
        """
        await self._links_of_many(artists)
        begun = await for_each(
            artists, AT_ONCE, self._links, may_begin=lambda: self._clock.monotonic() < self._deadline
        )
        await self._statements([artist for artist in artists[:begun] if not artist.left_by])
        await for_each(artists[:begun], AT_ONCE, self._names)
        return begun

    async def merged_into(self, mbid: str) -> str | None:
        """The MBID that an artist has now; ``None`` if it cannot be asked for."""
        pages = await self._pages(mbid, [])
        return None if pages is None else pages.mbid or mbid

    def _sink(self, upstream: str) -> Sink | None:
        return self._sink_of(f"{self._prefix}{upstream}")

    async def _ask(
        self, upstream: str, artists: Iterable[Artist], request: Coroutine[Any, Any, T]
    ) -> T | None:
        """Ask an upstream, unless it is not asked any more; without an answer the artists are left."""
        try:
            if upstream not in self.stopped:
                answer = await request
                self._in_a_row[upstream] = 0
                self.answered.add(upstream)
                return answer
            request.close()
        except SourceError as error:
            self._failed(upstream, error)
        for artist in artists:
            artist.left_by = upstream if self._clock.monotonic() < self._until else TIME
        return None

    def _failed(self, upstream: str, error: SourceError) -> None:
        if isinstance(error, ObservationStopped):  # our time is over, which says nothing of the upstream
            return
        self.problems.append(str(error))
        self._in_a_row[upstream] += 1
        final = isinstance(error, FINAL)
        if final or self._in_a_row[upstream] >= MOST_IN_A_ROW:
            self.stopped.add(upstream)
        if upstream == WIKIDATA and isinstance(error, NotAllowed):
            self._granted.note(STATEMENTS, allowed=False, reason=str(error)[:200], at=self._clock.now())

    async def _links_of_many(self, artists: Sequence[Artist]) -> None:
        """Ask which artists the watched pages belong to, many pages at once where MusicBrainz can do it."""
        by_service: dict[str, list[Artist]] = {}
        for artist in artists:
            if artist.service in PAGES:
                by_service.setdefault(artist.service, []).append(artist)
        for service, those in by_service.items():
            if len(those) < 2:
                continue
            ids = [artist.artist_id for artist in those]
            found = await self._ask(
                MUSICBRAINZ, those,
                self._musicbrainz.linked_to_many(
                    service, ids, self._sink(MUSICBRAINZ), self._until
                ),
            )  # fmt: skip
            if found is not None:
                for artist in those:
                    artist.candidates = found.get(artist.artist_id, [])

    async def _links(self, artist: Artist) -> None:
        """What MusicBrainz links: the artist of the page that is watched, and that artist's other pages."""
        evidence = artist.evidence
        if artist.service == MUSICBRAINZ:
            artist.candidates = [Candidate(artist.artist_id, "")]
        elif artist.service in PAGES and artist.candidates is None and not artist.left_by:
            artist.candidates = await self._ask(
                MUSICBRAINZ, [artist],
                self._musicbrainz.linked_to(
                    artist.service, artist.artist_id, self._sink(MUSICBRAINZ), self._until
                ),
            )  # fmt: skip
        if not artist.candidates:
            return
        same = [candidate for candidate in artist.candidates if _same(candidate.name, evidence.name)]
        candidates = same[:1] if len(same) == 1 else artist.candidates[:MOST_CANDIDATES]
        evidence.ambiguous = len(candidates) > 1
        evidence.musicbrainz[MUSICBRAINZ] = [candidate.mbid for candidate in candidates]
        evidence.linked_name = candidates[0].name or None
        evidence.name = evidence.name or evidence.linked_name
        if not any(service != MUSICBRAINZ for service in artist.open()) and evidence.name:
            return
        now = []
        for candidate in candidates:
            pages = await self._pages(candidate.mbid, [artist])
            if pages is None:
                return
            now.append(pages.mbid or candidate.mbid)
            evidence.linked_name = evidence.linked_name or pages.name
            evidence.name = evidence.name or pages.name
            for service, ids in pages.ids.items():
                evidence.musicbrainz.setdefault(service, []).extend(ids)
        evidence.musicbrainz[MUSICBRAINZ] = list(dict.fromkeys(now))

    async def _pages(self, mbid: str, artists: Sequence[Artist]) -> Pages | None:
        """An artist's pages; notes where it was merged into another one."""
        pages = await self._ask(
            MUSICBRAINZ, artists,
            self._musicbrainz.pages_of(mbid, self._sink(MUSICBRAINZ), self._until),
        )  # fmt: skip
        if pages is not None and pages.mbid not in {None, mbid}:
            self.merged[mbid] = str(pages.mbid)
        return pages

    async def _statements(self, artists: Sequence[Artist]) -> None:
        """What Wikidata states about who is still open, by the watched id and else by the MBID just found."""
        for service in PROPERTIES:
            known = open_at(service, artists)
            if not known:
                continue
            those = [artist for found in known.values() for artist in found]
            stated = await self._ask(
                WIKIDATA, those,
                self._wikidata.ids_of(service, list(known), self._sink(WIKIDATA), self._until),
            )  # fmt: skip
            self._note_refusal(those, answered=stated is not None)
            for ident, others in (stated or {}).items():
                for artist in known.get(ident, []):
                    for other, ids in others.items():
                        artist.evidence.wikidata.setdefault(other, []).extend(ids)

    def _note_refusal(self, artists: Iterable[Artist], *, answered: bool) -> None:
        """Go on to names where Wikidata has refused for days; forget a refusal once it answers."""
        refusal = self._granted.known().get(STATEMENTS)
        if refusal is None or refusal.allowed:
            return
        if answered:
            self._granted.note(STATEMENTS, allowed=True, reason="answered", at=self._clock.now())
        elif WIKIDATA in self.stopped and self._clock.now() - refusal.since >= GOES_ON_AFTER:
            for artist in artists:
                artist.left_by, artist.evidence.wikidata_refused = "", refusal.since

    async def _names(self, artist: Artist) -> None:
        """What is left: pages of whom only Wikidata names, then artists of exactly the same name."""
        if artist.open() and self._clock.monotonic() >= self._until:
            artist.left_by = artist.left_by or TIME
        if not artist.left_by:
            await self._stated_pages(artist)
        name = artist.evidence.name
        for service in artist.open() if name and not artist.left_by else []:
            await self._named(artist, service, str(name))

    async def _stated_pages(self, artist: Artist) -> None:
        """What MusicBrainz links from the artist that only Wikidata names; no surer than Wikidata is."""
        evidence = artist.evidence
        mbids = evidence.wikidata.get(MUSICBRAINZ, [])
        if evidence.musicbrainz or len(mbids) != 1 or set(artist.open()) <= {MUSICBRAINZ}:
            return
        pages = await self._pages(mbids[0], [artist])
        if pages is None:
            return
        evidence.wikidata = {
            **pages.ids,
            **evidence.wikidata,
            MUSICBRAINZ: [pages.mbid] if pages.mbid else [],
        }
        evidence.linked_name = pages.name
        evidence.name = evidence.name or pages.name

    async def _named(self, artist: Artist, service: str, name: str) -> None:
        """Artists of a name at a service, the most listened to first."""
        if service == DEEZER:
            hits = await self._ask(DEEZER, [artist], self._deezer.search_artists(name))
            same = [hit for hit in hits or [] if _same(str(hit.get("name")), name) and hit.get("id")]
            same.sort(key=lambda hit: -_fans(hit.get("nb_fan")))
            artist.evidence.names[service] = [str(hit["id"]) for hit in same]
        elif service == MUSICBRAINZ:
            found = await self._ask(
                MUSICBRAINZ, [artist],
                self._musicbrainz.search(
                    name, sink=self._sink(MUSICBRAINZ), until=self._until
                ),
            )  # fmt: skip
            artist.evidence.names[service] = [c.mbid for c in found or [] if _same(c.name, name)]


def _same(one: str, other: str | None) -> bool:
    return other is not None and bool(one) and one.casefold().strip() == other.casefold().strip()


def _fans(value: object) -> int:
    return value if isinstance(value, int) else 0
