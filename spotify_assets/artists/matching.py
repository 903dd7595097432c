"""Who is who across sources: concluding an artist's id elsewhere from what was found out.

Order: a link in MusicBrainz, then Wikidata, then the name. Somebody's own correction stands above all of
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from spotify_assets.sources.lastfm.names import id_of

Method = Literal["hand", "answered", "musicbrainz", "wikidata", "name", "not found"]

RETRY_AFTER = timedelta(days=30)
"""What was not found, or by name only, is looked for again after this: links are added every day."""

SURE: Mapping[str, tuple[float, float]] = {
    "musicbrainz": (0.95, 0.6),
    "wikidata": (0.85, 0.5),
    "name": (0.4, 0.2),
}
"""How sure each kind of evidence makes: with one id found, and with several of which the first is taken."""
NAMELESS = "its name is not known"
"""End of the note on an artist whose name could not be looked for; once it is known, no time need pass."""
LINKED_NAME = 0.7
"""Last.fm knows artists by name: how sure the name of an artist makes who was identified in MusicBrainz."""

NAMES_ARE_IDS = frozenset({"lastfm"})
"""Services that know artists by name: another name in an answer is a guess of theirs and joins nothing."""

_NAMESPACES = {
    "spotify": "spotify",
    "simulated": "simulated",
    "listenbrainz": "musicbrainz",
    "deezer": "deezer",
    "lastfm": "lastfm",
}
SIMULATED = "simulated-"
_TITLES = {"spotify": "Spotify", "musicbrainz": "MusicBrainz", "deezer": "Deezer", "lastfm": "Last.fm"}


def namespace_of(source: str) -> str:
    """Whose artist ids a source's keys are; those of simulated sources are kept apart from real ones."""
    if source.startswith(SIMULATED):
        return SIMULATED + _NAMESPACES[source.removeprefix(SIMULATED)]
    return _NAMESPACES[source]


def service_of(namespace: str) -> str:
    """The service whose protocol and kind of ids a namespace has, simulated or not."""
    return "spotify" if namespace == "simulated" else namespace.removeprefix(SIMULATED)


def without_id(artists: int, namespace: str) -> str:
    """Say that so many watched artists have no id at a service."""
    service = service_of(namespace)
    who = "1 watched artist has" if artists == 1 else f"{artists:,} watched artists have"
    return f"{who} no {_TITLES.get(service, service)} id yet"


def in_world_of(namespace: str, service: str) -> str:
    """The namespace of `service` that belongs with `namespace`: both simulated, or both real."""
    if not namespace.startswith("simulated"):
        return service
    return "simulated" if service == "spotify" else SIMULATED + service


@dataclass(frozen=True, slots=True)
class Identity:
    """An artist's id in another namespace.

    Attributes:
        source: Namespace that the artist is watched in.
        artist_id: Its id there.
        target: Another namespace; the same one where the upstream answered with another id.
        target_id: The id there; ``None``: looked for and not found.
        method: How it was found.
        confidence: How sure that is, from 0 to 1; 0 where nothing was found.
        resolved_at: When.
        note: What a person should know, such as further ids that were found.
    """

    source: str
    artist_id: str
    target: str
    target_id: str | None
    method: Method
    confidence: float
    resolved_at: datetime
    note: str = ""


@dataclass(slots=True)
class Evidence:
    """What was found out about one artist: ids by service, the best first.

    Attributes:
        musicbrainz: Through links in MusicBrainz.
        wikidata: Through statements in Wikidata.
        names: Of artists of the same name.
        name: What the artist is called, if known.
        linked_name: What MusicBrainz calls the artist it links to.
        ambiguous: MusicBrainz links the page to several artists, so that none of their ids is sure.
        wikidata_refused: Since when Wikidata refuses to be asked, if names are gone by without it.
    """

    musicbrainz: dict[str, list[str]] = field(default_factory=dict)
    wikidata: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    name: str | None = None
    linked_name: str | None = None
    ambiguous: bool = False
    wikidata_refused: datetime | None = None

    def settles(self, service: str) -> bool:
        """Whether links or statements say the id at `service`, so that no name need be searched for."""
        return bool(self.musicbrainz.get(service) or self.wikidata.get(service))


def conclude(source: str, artist_id: str, target: str, evidence: Evidence, at: datetime) -> Identity:
    """The identity that the evidence speaks for; one that says "not found" where there is none.

    Args:
        source: Namespace that the artist is watched in.
        artist_id: Its id there.
        target: Namespace wanted.
        evidence: What was found out.
        at: Now.
    """
    service = service_of(target)
    kinds: Sequence[tuple[Method, Mapping[str, list[str]]]] = (
        ("musicbrainz", evidence.musicbrainz),
        ("wikidata", evidence.wikidata),
    )
    for method, found in kinds:
        if ids := list(dict.fromkeys(found.get(service, []))):
            found_one = _found(source, artist_id, target, method, ids, at)
            if method == "musicbrainz" and evidence.ambiguous:
                doubt = found_one.note or "MusicBrainz links the page to several artists"
                return replace(found_one, confidence=SURE[method][1], note=doubt)
            return found_one
    found_one = _by_name(source, artist_id, target, evidence, at)
    if evidence.wikidata_refused is None:
        return found_one
    why = f"Wikidata has refused to be asked since {evidence.wikidata_refused:%Y-%m-%d}"
    return replace(found_one, note=f"{why}; {found_one.note}" if found_one.note else why)


def _by_name(source: str, artist_id: str, target: str, evidence: Evidence, at: datetime) -> Identity:
    """What the name speaks for, once neither links nor statements do."""
    service = service_of(target)
    if service == "lastfm" and evidence.linked_name:
        note = f"the name of the artist that MusicBrainz links: {evidence.linked_name}"
        called = id_of(evidence.linked_name)
        return Identity(source, artist_id, target, called, "name", LINKED_NAME, at, note)
    ids = list(dict.fromkeys(evidence.names.get(service, [])))
    if service == "lastfm" and not ids and evidence.name:
        ids = [id_of(evidence.name)]
    if ids:
        return _found(source, artist_id, target, "name", ids, at)
    places = "MusicBrainz" if evidence.wikidata_refused else "MusicBrainz or Wikidata"
    note = f"not in {places}, and " + (
        f"nobody there is called {evidence.name}" if evidence.name else NAMELESS
    )
    return Identity(source, artist_id, target, None, "not found", 0.0, at, note)


def _found(
    source: str, artist_id: str, target: str, method: Method, ids: Sequence[str], at: datetime
) -> Identity:
    one, several = SURE[method]
    others = f"one of {len(ids)}; also found: {', '.join(ids[1:6])}" if len(ids) > 1 else ""
    confidence = one if len(ids) == 1 else several
    return Identity(source, artist_id, target, ids[0], method, confidence, at, others)
