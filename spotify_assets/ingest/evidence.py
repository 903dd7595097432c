"""Asking for evidence of who an artist is elsewhere, weaker kinds only where stronger ones say nothing.

Belongs here: the order of asking, and what a failure means for it. Does not belong here: what evidence is
worth (`sources.identities`), the calls (`sources.musicbrainz`, `sources.wikidata`), or whom to ask about
(`identify`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from spotify_assets.settings import Settings
from spotify_assets.sources.base import BudgetSpent, CooldownRequired, NotAllowed, SourceError
from spotify_assets.sources.clock import Clock
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.exchange import Sink
from spotify_assets.sources.identities import Evidence, service_of
from spotify_assets.sources.memory import Memory
from spotify_assets.sources.musicbrainz import PAGES, Candidate, MusicBrainz
from spotify_assets.sources.observing import contact
from spotify_assets.sources.wikidata import PROPERTIES, Wikidata

MOST_PROBLEMS = 5
"""Failures after which an upstream is taken to be away."""
MOST_CANDIDATES = 3
"""Artists of one page whose own pages are asked for; there is rarely more than one."""

FINISHING_SECONDS = 10.0
"""How long after the time given artists that were begun are still finished: something comes of every run."""


@dataclass(slots=True)
class Artist:
    """A watched artist with what is wanted and what is known so far."""

    source: str
    artist_id: str
    targets: list[str] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    undecided: bool = False

    @property
    def service(self) -> str:
        """The service whose id is watched."""
        return service_of(self.source)

    def open(self) -> list[str]:
        """Services whose ids neither links nor statements say yet."""
        services = [service_of(target) for target in self.targets]
        return [service for service in services if not self.evidence.settles(service)]


class Sinks(Protocol):
    """Where answers land, by upstream."""

    def __call__(self, name: str) -> Sink | None:
        """The sink of an upstream's answers, if they are kept."""


class Asker:
    """Asks the upstreams that belong with what is observed.

    Attributes:
        problems: What went wrong, one line each.
        stopped: Nothing more is to be asked.
    """

    def __init__(self, settings: Settings, memory: Memory, clock: Clock, run_id: str, sink_of: Sinks) -> None:
        """Prepare; nothing is sent before something is asked.

        Raises:
            SettingsError: The simulated upstream is observed and none is running.
        """
        self._clock = clock
        self._musicbrainz = MusicBrainz.from_settings(settings, memory, clock=clock, run_id=run_id)
        self._wikidata = Wikidata.from_settings(settings, memory, clock=clock, run_id=run_id)
        prefix = "simulated-" if settings.simulated else ""
        self._deezer = DeezerSource.from_settings(
            settings, memory, name=f"{prefix}deezer", clock=clock, run_id=run_id
        )
        self._sink_of = sink_of
        self._prefix = prefix
        self._contact = contact(settings)
        self.problems: list[str] = []
        self.stopped = False

    async def aclose(self) -> None:
        """Give up connections."""
        for each in (self._musicbrainz, self._wikidata, self._deezer):
            await each.aclose()

    async def gather(self, artists: Sequence[Artist], deadline: float) -> int:
        """Fill in the evidence; returns how many of the artists there was time for, from the first on.

        Who was begun is finished within `FINISHING_SECONDS` more; who is not by then is undecided.
        """
        asked = 0
        for artist in artists:
            if self._clock.monotonic() >= deadline or self.stopped:
                break
            await self._links(artist)
            asked += 1
        todo = [artist for artist in artists[:asked] if not artist.undecided]
        await self._statements(todo)
        for artist in todo:
            if artist.open() and self._clock.monotonic() >= deadline + FINISHING_SECONDS:
                artist.undecided = True
            if not artist.undecided:
                await self._stated_pages(artist)
            if not artist.undecided and artist.open():
                await self._names(artist)
        return asked

    def _failed(self, error: SourceError, artists: Iterable[Artist]) -> None:
        """Leave artists for the next time; an upstream that wants to be left alone ends the looking."""
        nameless = isinstance(error, NotAllowed) and not self._contact
        hint = ". It may want to know whom to write to: set SPOTIFY_ASSETS_CONTACT" if nameless else ""
        self.problems.append(f"{error}{hint}")
        final = isinstance(error, CooldownRequired | NotAllowed | BudgetSpent)
        self.stopped = self.stopped or final or len(self.problems) >= MOST_PROBLEMS
        for artist in artists:
            artist.undecided = True

    async def merged_into(self, mbid: str) -> str | None:
        """The MBID that an artist has now; ``None`` if it cannot be asked for."""
        try:
            pages = await self._musicbrainz.pages_of(mbid, self._sink_of(f"{self._prefix}musicbrainz"))
        except SourceError as error:
            self._failed(error, [])
            return None
        return pages.mbid or mbid

    async def _links(self, artist: Artist) -> None:
        """What MusicBrainz links: the artist of the page that is watched, and that artist's other pages."""
        sink, evidence = self._sink_of(f"{self._prefix}musicbrainz"), artist.evidence
        try:
            if artist.service == "musicbrainz":
                candidates = [Candidate(artist.artist_id, "")]
            elif artist.service in PAGES:
                candidates = await self._musicbrainz.linked_to(artist.service, artist.artist_id, sink)
            else:
                return
            if not candidates:
                return
            same = [candidate for candidate in candidates if _same(candidate.name, evidence.name)]
            candidates = same[:1] if len(same) == 1 else candidates[:MOST_CANDIDATES]
            evidence.ambiguous = len(candidates) > 1
            evidence.musicbrainz["musicbrainz"] = [candidate.mbid for candidate in candidates]
            evidence.linked_name = candidates[0].name or None
            evidence.name = evidence.name or evidence.linked_name
            if any(service != "musicbrainz" for service in artist.open()) or not evidence.name:
                for candidate in candidates:
                    pages = await self._musicbrainz.pages_of(candidate.mbid, sink)
                    evidence.linked_name = evidence.linked_name or pages.name
                    evidence.name = evidence.name or pages.name
                    for service, ids in pages.ids.items():
                        evidence.musicbrainz.setdefault(service, []).extend(ids)
        except SourceError as error:
            self._failed(error, [artist])

    async def _statements(self, artists: Sequence[Artist]) -> None:
        """What Wikidata states about who is still open, by the watched id and else by the MBID just found."""
        for service in PROPERTIES:
            known: dict[str, list[Artist]] = {}
            for artist in artists:
                if not any(wanted in PROPERTIES for wanted in artist.open()):
                    continue
                mbids = artist.evidence.musicbrainz.get("musicbrainz", [])
                own = [artist.artist_id] if artist.service == service else []
                for ident in own or (mbids[:1] if service == "musicbrainz" else []):
                    known.setdefault(ident, []).append(artist)
            if not known:
                continue
            try:
                sink = self._sink_of(f"{self._prefix}wikidata")
                stated = await self._wikidata.ids_of(service, list(known), sink)
            except SourceError as error:
                self._failed(error, [artist for artists in known.values() for artist in artists])
                continue
            for ident, others in stated.items():
                for artist in known.get(ident, []):
                    for other, ids in others.items():
                        artist.evidence.wikidata.setdefault(other, []).extend(ids)

    async def _stated_pages(self, artist: Artist) -> None:
        """What MusicBrainz links from the artist that only Wikidata names; no surer than Wikidata is."""
        evidence = artist.evidence
        mbids = evidence.wikidata.get("musicbrainz", [])
        if evidence.musicbrainz or len(mbids) != 1 or set(artist.open()) <= {"musicbrainz"}:
            return
        try:
            pages = await self._musicbrainz.pages_of(mbids[0], self._sink_of(f"{self._prefix}musicbrainz"))
        except SourceError as error:
            self._failed(error, [artist])
            return
        evidence.wikidata = {**pages.ids, **evidence.wikidata}
        evidence.linked_name = pages.name
        evidence.name = evidence.name or pages.name

    async def _names(self, artist: Artist) -> None:
        """Artists of exactly the same name, the most listened to first."""
        name = artist.evidence.name
        if not name:
            return
        try:
            for service in artist.open():
                if service == "deezer":
                    hits = await self._deezer.search_artists(name)
                    same = [hit for hit in hits if _same(str(hit.get("name")), name) and hit.get("id")]
                    same.sort(key=lambda hit: -_fans(hit.get("nb_fan")))
                    artist.evidence.names[service] = [str(hit["id"]) for hit in same]
                elif service == "musicbrainz":
                    sink = self._sink_of(f"{self._prefix}musicbrainz")
                    found = await self._musicbrainz.search(name, sink=sink)
                    artist.evidence.names[service] = [c.mbid for c in found if _same(c.name, name)]
        except SourceError as error:
            self._failed(error, [artist])


def _same(one: str, other: str | None) -> bool:
    return other is not None and bool(one) and one.casefold().strip() == other.casefold().strip()


def _fans(value: object) -> int:
    return value if isinstance(value, int) else 0
