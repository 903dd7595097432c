"""Finding out who watched artists are in the other sources' ids, within a bounded time.

An artist is concluded only if everything that stands above the method that found it was asked: an upstream
that cannot be reached leaves the artist for the next time, never for a weaker method.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.evidence import EvidenceCollector, Sinks
from spotify_assets.artists.matching import Identity, conclude, in_world_of, namespace_of, service_of
from spotify_assets.artists.musicbrainz.client import ENTITY
from spotify_assets.artists.sought import Artist
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.reasons.reason import ReasonCode
from spotify_assets.sources.state import State
from spotify_assets.warehouse.connection import Warehouse

CHUNK = 50
"""Artists asked about before what was concluded is kept: a killed run loses no more, nor one out of time."""
MORE_ROUNDS = 3
"""How often those come again, at the end, whom an upstream failed to answer about."""
MOST_MERGES_A_DAY = 10
"""MBIDs unknown to ListenBrainz that MusicBrainz is asked about on a day; most are simply not heard."""


@dataclass(slots=True)
class Identified:
    """What looking for identities brought.

    Attributes:
        found: Identities concluded now.
        not_found: What was looked for in vain, to be looked for again after `RETRY_AFTER`.
        left: Artists that there was no time for, or that an upstream could not be asked about.
        problems: Why, one line each.
    """

    found: list[Identity] = field(default_factory=list)
    not_found: list[Identity] = field(default_factory=list)
    left: int = 0
    problems: list[str] = field(default_factory=list)


def targets_of(settings: Settings) -> list[str]:
    """Namespaces whose ids the observed sources need."""
    return list(dict.fromkeys(namespace_of(source) for source in settings.observed_sources))


def identify(
    warehouse: Warehouse,
    settings: Settings,
    memory: State,
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
    memory: State,
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
    only = None if only is None else set(only)
    todo = _due(warehouse, settings, clock, only)
    if not todo and (only is not None or not _perhaps_merged(warehouse, settings, clock)):
        return outcome
    deadline = clock.monotonic() + budget_seconds
    async with AsyncExitStack() as stack:
        asker = EvidenceCollector(
            settings, memory, clock, run_id, _sinks(stack, landing, clock, run_id), deadline
        )
        stack.push_async_callback(asker.aclose)
        left = await _look_for(warehouse, asker, clock, todo, outcome)
        # Bad weather passes: whom an upstream failed to answer about comes again, after all the others.
        for _ in range(MORE_ROUNDS):
            passes = asker.answered - asker.stopped
            again = [artist.anew() for artist in left if artist.left_by in passes]
            others = [artist for artist in left if artist.left_by not in passes]
            left = [*others, *await _look_for(warehouse, asker, clock, again, outcome)]
        outcome.left = len(left)
        if only is None:
            await _follow_merges(warehouse, settings, asker, clock)
    outcome.problems = list(dict.fromkeys(asker.problems))
    return outcome


async def _look_for(
    warehouse: Warehouse, asker: EvidenceCollector, clock: Clock, todo: Sequence[Artist], outcome: Identified
) -> list[Artist]:
    """Ask about artists and keep what is concluded, some at a time; returns those that are left."""
    left: list[Artist] = []
    for start in range(0, len(todo), CHUNK):
        if asker.is_over:
            return [*left, *todo[start:]]
        chunk = todo[start : start + CHUNK]
        begun = await asker.gather(chunk)
        merged = _merged(chunk[:begun], asker, clock)
        concluded = [*_conclude(chunk[:begun], clock), *merged]
        identities.save(warehouse, concluded)
        watchlist.name_nameless(
            warehouse,
            {
                (artist.source, artist.artist_id): artist.evidence.linked_name
                for artist in chunk[:begun]
                if artist.evidence.linked_name and not artist.evidence.ambiguous
            },
        )
        outcome.found += [one for one in concluded if one.target_id is not None]
        outcome.not_found += [one for one in concluded if one.target_id is None]
        left += [*(artist for artist in chunk[:begun] if artist.left_by), *chunk[begun:]]
    return left


def _merged(artists: Iterable[Artist], asker: EvidenceCollector, clock: Clock) -> list[Identity]:
    """Watched MBIDs that turned out to be another artist's now."""
    return [
        _merge(artist.source, artist.artist_id, asker.merged[artist.artist_id], clock)
        for artist in artists
        if artist.service == "musicbrainz" and artist.artist_id in asker.merged
    ]


def _merge(namespace: str, mbid: str, now: str, clock: Clock) -> Identity:
    return Identity(namespace, mbid, namespace, now, "musicbrainz", 1.0, clock.now(), "merged in MusicBrainz")


def _due(
    warehouse: Warehouse, settings: Settings, clock: Clock, only: set[tuple[str, str]] | None
) -> list[Artist]:
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
    found: dict[tuple[str, str], Artist] = {}
    again: set[tuple[str, str]] = set()
    for target, one in missing:
        key = (one.source, one.artist_id)
        known = replace(one, name=one.name or names.get(key))
        if only is None and not known.is_due(clock.now()):
            continue
        artist = found.setdefault(key, Artist(*key))
        artist.targets.append(target)
        artist.evidence.name = known.name
        if one.looked_for_at is not None:
            again.add(key)
    return sorted(found.values(), key=lambda artist: (artist.source, artist.artist_id) in again)


def _perhaps_merged(warehouse: Warehouse, settings: Settings, clock: Clock) -> list[str]:
    """MBIDs that ListenBrainz says nobody listens to: MusicBrainz may have merged them."""
    source = "simulated-listenbrainz" if settings.simulated else "listenbrainz"
    if source not in settings.observed_sources:
        return []
    return identities.unknown_to(
        warehouse, source, namespace_of(source), clock.now(), code=ReasonCode.NO_DATA, most=MOST_MERGES_A_DAY
    )


async def _follow_merges(
    warehouse: Warehouse, settings: Settings, asker: EvidenceCollector, clock: Clock
) -> None:
    """Ask MusicBrainz for the present id of artists that ListenBrainz does not know, and keep it."""
    namespace = in_world_of(settings.upstream, "musicbrainz")
    for mbid in _perhaps_merged(warehouse, settings, clock):
        if asker.is_over:
            return
        now = await asker.merged_into(mbid)
        if now is None:
            continue
        not_merged = Identity(
            namespace, mbid, namespace, None, "not found", 0.0, clock.now(), "not merged"
        )  # fmt: skip
        identities.save(warehouse, [not_merged if now == mbid else _merge(namespace, mbid, now, clock)])


def _conclude(artists: Sequence[Artist], clock: Clock) -> list[Identity]:
    now = clock.now()
    return [
        conclude(artist.source, artist.artist_id, target, artist.evidence, now)
        for artist in artists
        for target in artist.targets
        if not artist.left_by or artist.evidence.musicbrainz.get(service_of(target))
    ]


def _sinks(stack: AsyncExitStack, landing: Landing | None, clock: Clock, run_id: str) -> Sinks:
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


def by_hand(
    source: str, artist_id: str, service: str, target_id: str, clock: Clock = SYSTEM_CLOCK
) -> Identity:
    """What a person says an artist is elsewhere; stands above whatever is found."""
    target = in_world_of(source, service)
    return Identity(source, artist_id, target, target_id, "hand", 1.0, clock.now(), "entered by hand")
