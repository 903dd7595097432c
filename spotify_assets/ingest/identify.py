"""Finding out who watched artists are in the other sources' ids, within a bounded time.

Belongs here: whom to look for, in which order to ask, and keeping what was concluded. Does not belong here:
what evidence is worth (`sources.identities`), or the calls (`sources.musicbrainz`, `sources.wikidata`, the
sources).

An artist is concluded only if everything that stands above the method that found it was asked: an upstream
that cannot be reached leaves the artist for the next time, never for a weaker method.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.base import BudgetSpent, CooldownRequired, NotAllowed, SourceError
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.identities import (
    Evidence,
    Identity,
    conclude,
    in_world_of,
    namespace_of,
    service_of,
)
from spotify_assets.sources.memory import Memory
from spotify_assets.sources.musicbrainz import ENTITY, PAGES, Candidate, MusicBrainz
from spotify_assets.sources.observing import contact
from spotify_assets.sources.wikidata import PROPERTIES, Wikidata
from spotify_assets.warehouse import identities, watchlist
from spotify_assets.warehouse.connection import Warehouse

CHUNK = 50
"""Artists asked about before what was concluded is kept: a killed run loses no more."""
MOST_PROBLEMS = 5
"""Failures after which an upstream is taken to be away."""
MOST_CANDIDATES = 3
"""Artists of one page whose own pages are asked for; there is rarely more than one."""


@dataclass(slots=True)
class Identified:
    """What looking for identities brought.

    Attributes:
        found: Identities concluded now.
        not_found: What was looked for in vain, to be looked for again after `RETRY_AFTER`.
        left: Artists that there was no time for, or an upstream could not be asked about.
        problems: Why, one line each.
    """

    found: list[Identity] = field(default_factory=list)
    not_found: list[Identity] = field(default_factory=list)
    left: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Artist:
    """A watched artist with what is wanted and what is known so far."""

    source: str
    artist_id: str
    targets: list[str] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    undecided: bool = False

    @property
    def service(self) -> str:
        return service_of(self.source)

    def open(self) -> list[str]:
        """Services whose ids neither links nor statements say yet."""
        services = [service_of(target) for target in self.targets]
        return [service for service in services if not self.evidence.settles(service)]


def targets_of(settings: Settings) -> list[str]:
    """Namespaces whose ids the observed sources need."""
    return list(dict.fromkeys(namespace_of(source) for source in settings.observed_sources))


def identify(
    warehouse: Warehouse,
    settings: Settings,
    memory: Memory,
    clock: Clock = SYSTEM_CLOCK,
    budget_seconds: float = 300.0,
    *,
    only: Iterable[tuple[str, str]] | None = None,
    landing: Landing | None = None,
    run_id: str = "",
) -> Identified:
    """Look for the ids that the observed sources need and nobody knows yet; see `identify_async`."""
    return asyncio.run(
        identify_async(
            warehouse, settings, memory, clock, budget_seconds, only=only, landing=landing, run_id=run_id
        )
    )


async def identify_async(
    warehouse: Warehouse,
    settings: Settings,
    memory: Memory,
    clock: Clock = SYSTEM_CLOCK,
    budget_seconds: float = 300.0,
    *,
    only: Iterable[tuple[str, str]] | None = None,
    landing: Landing | None = None,
    run_id: str = "",
) -> Identified:
    """Look for the ids that the observed sources need and nobody knows yet.

    Those never looked for come first, by the watchlist's own order; those looked for in vain or found by name
    only are looked for again after `RETRY_AFTER`.

    Args:
        warehouse: The database.
        settings: Which sources are observed, and where identities are asked for.
        memory: Leave to call.
        clock: Time and waiting.
        budget_seconds: No artist is begun after this; one takes about two seconds at MusicBrainz's pace.
        only: Namespace and id of the artists to look for, due or not; everyone if absent.
        landing: Keeps the raw answers (entity ``identities``), if given.
        run_id: Kept with them.

    Returns:
        What was found, what was not, and what is left; a problem with an upstream is no error here.

    Raises:
        SettingsError: The simulated upstream is observed and none is running.
    """
    outcome = Identified()
    todo = _due(warehouse, settings, clock, None if only is None else set(only))
    if not todo:
        return outcome
    deadline = clock.monotonic() + budget_seconds
    async with AsyncExitStack() as stack:
        asker = _Asker(settings, memory, clock, run_id, _sinks(stack, landing, clock, run_id))
        stack.push_async_callback(asker.aclose)
        for start in range(0, len(todo), CHUNK):
            chunk = todo[start : start + CHUNK]
            asked = await asker.gather(chunk, deadline)
            concluded = _conclude(chunk[:asked], clock)
            identities.save(warehouse, concluded)
            watchlist.name_nameless(
                warehouse,
                {
                    (artist.source, artist.artist_id): artist.evidence.linked_name
                    for artist in chunk[:asked]
                    if artist.evidence.linked_name and not artist.evidence.ambiguous
                },
            )
            outcome.found += [one for one in concluded if one.target_id is not None]
            outcome.not_found += [one for one in concluded if one.target_id is None]
            outcome.left += sum(artist.undecided for artist in chunk[:asked])
            if asked < len(chunk) or asker.stopped:
                outcome.left += len(todo) - start - asked
                break
    outcome.problems = list(dict.fromkeys(asker.problems))
    return outcome


def _due(
    warehouse: Warehouse, settings: Settings, clock: Clock, only: set[tuple[str, str]] | None
) -> list[_Artist]:
    missing = [
        (target, one)
        for target in targets_of(settings)
        for one in identities.unresolved(warehouse, target, weak=True)
        if only is None or (one.source, one.artist_id) in only
    ]
    names: dict[tuple[str, str], str] = {}
    for source in {one.source for _, one in missing}:
        nameless = [one.artist_id for _, one in missing if one.source == source and one.name is None]
        seen = identities.names_of(warehouse, source, nameless) if nameless else {}
        names |= {(source, artist_id): name for artist_id, name in seen.items()}
    found: dict[tuple[str, str], _Artist] = {}
    again: set[tuple[str, str]] = set()
    for target, one in missing:
        key = (one.source, one.artist_id)
        known = replace(one, name=one.name or names.get(key))
        if only is None and not known.is_due(clock.now()):
            continue
        artist = found.setdefault(key, _Artist(*key))
        artist.targets.append(target)
        artist.evidence.name = known.name
        if one.looked_for_at is not None:
            again.add(key)
    return sorted(found.values(), key=lambda artist: (artist.source, artist.artist_id) in again)


def _conclude(artists: Sequence[_Artist], clock: Clock) -> list[Identity]:
    now = clock.now()
    return [
        conclude(artist.source, artist.artist_id, target, artist.evidence, now)
        for artist in artists
        for target in artist.targets
        if not artist.undecided or artist.evidence.musicbrainz.get(service_of(target))
    ]


class _Sinks(Protocol):
    def __call__(self, name: str) -> Sink | None: ...


def _sinks(stack: AsyncExitStack, landing: Landing | None, clock: Clock, run_id: str) -> _Sinks:
    """Opens a writer for an upstream when its first answer lands, for the day on which that was."""
    writers: dict[tuple[str, object], Sink] = {}

    def sink_of(name: str) -> Sink | None:
        if landing is None:
            return None

        def sink(exchange: Exchange) -> None:
            day = clock.now().date()
            if (name, day) not in writers:
                writers[name, day] = stack.enter_context(landing.writer(name, ENTITY, day, run_id))
            writers[name, day](exchange)

        return sink

    return sink_of


class _Asker:
    """Asks for evidence, weaker kinds only where stronger ones say nothing."""

    def __init__(
        self, settings: Settings, memory: Memory, clock: Clock, run_id: str, sink_of: _Sinks
    ) -> None:
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
        for each in (self._musicbrainz, self._wikidata, self._deezer):
            await each.aclose()

    async def gather(self, artists: Sequence[_Artist], deadline: float) -> int:
        """Fill in the evidence; returns how many of the artists there was time for, from the first on."""
        asked = 0
        for artist in artists:
            if self._clock.monotonic() >= deadline or self.stopped:
                break
            await self._links(artist)
            asked += 1
        todo = [artist for artist in artists[:asked] if not artist.undecided]
        await self._statements(todo)
        for artist in todo:
            if not artist.undecided and artist.open():
                await self._names(artist)
        return asked

    def _failed(self, error: SourceError, artists: Iterable[_Artist]) -> None:
        """Leave artists for the next time; an upstream that wants to be left alone ends the looking."""
        nameless = isinstance(error, NotAllowed) and not self._contact
        hint = ". It may want to know whom to write to: set SPOTIFY_ASSETS_CONTACT" if nameless else ""
        self.problems.append(f"{error}{hint}")
        final = isinstance(error, CooldownRequired | NotAllowed | BudgetSpent)
        self.stopped = self.stopped or final or len(self.problems) >= MOST_PROBLEMS
        for artist in artists:
            artist.undecided = True

    async def _links(self, artist: _Artist) -> None:
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

    async def _statements(self, artists: Sequence[_Artist]) -> None:
        """What Wikidata states about who is still open, by the watched id and else by the MBID just found."""
        for service in PROPERTIES:
            known: dict[str, list[_Artist]] = {}
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

    async def _names(self, artist: _Artist) -> None:
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


def by_hand(
    source: str, artist_id: str, service: str, target_id: str, clock: Clock = SYSTEM_CLOCK
) -> Identity:
    """What a person says an artist is elsewhere; stands above whatever is found."""
    target = in_world_of(source, service)
    return Identity(source, artist_id, target, target_id, "hand", 1.0, clock.now(), "entered by hand")
