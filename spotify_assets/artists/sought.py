"""A watched artist whose ids elsewhere are looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from spotify_assets.artists.matching import Evidence, service_of
from spotify_assets.artists.musicbrainz.parse import Candidate
from spotify_assets.artists.wikidata import PROPERTIES

TIME = "time"
"""What stands for an upstream where an artist was left because the time was over."""


@dataclass(slots=True)
class Artist:
    """A watched artist with what is wanted and what is known so far.

    Attributes:
        source: Namespace that it is watched in.
        artist_id: Its id there.
        targets: Namespaces whose ids are wanted.
        evidence: What was found out.
        candidates: The artists whose page at MusicBrainz' links this is; ``None``: not asked yet.
        left_by: The upstream that could not be asked about it, or `TIME`; then nothing weaker is concluded.
    """

    source: str
    artist_id: str
    targets: list[str] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    candidates: list[Candidate] | None = None
    left_by: str = ""

    @property
    def service(self) -> str:
        """The service whose id is watched."""
        return service_of(self.source)

    def open(self) -> list[str]:
        """Services whose ids neither links nor statements say yet."""
        services = [service_of(target) for target in self.targets]
        return [service for service in services if not self.evidence.settles(service)]

    def anew(self) -> Artist:
        """The same artist with nothing found out yet."""
        return Artist(self.source, self.artist_id, self.targets, Evidence(name=self.evidence.name))


def open_at(service: str, artists: Iterable[Artist]) -> dict[str, list[Artist]]:
    """Artists of whom Wikidata may state what is still open, by their ids at a service."""
    known: dict[str, list[Artist]] = {}
    for artist in artists:
        mbids = artist.evidence.musicbrainz.get("musicbrainz", []) if service == "musicbrainz" else []
        if any(wanted in PROPERTIES for wanted in artist.open()):
            for ident in [artist.artist_id] if artist.service == service else mbids[:1]:
                known.setdefault(ident, []).append(artist)
    return known
