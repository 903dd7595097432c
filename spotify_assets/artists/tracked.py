"""Whom a source is asked about: the watchlist, in the ids that the source knows.

Finding identities out stands in `resolve`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.matching import namespace_of
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Tracked:
    """Whom to observe on one source.

    Attributes:
        ids: Artist ids in the source's namespace, the most important first: by priority, then by how long
            they have been watched. When a day's calls do not suffice, the first ones are observed.
        unidentified: Watched artists whose id there is not known, with the reason.
        merged: Which ids are known to be another id's, by id.
    """

    ids: Sequence[str]
    unidentified: Mapping[str, Reason] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)


def tracked_artists(warehouse: Warehouse, namespace: str) -> Tracked:
    """Everyone on the watchlist, in the ids of a namespace."""
    return Tracked(
        identities.tracked_ids(warehouse, namespace),
        {
            one.key: Reason(ReasonCode.UNIDENTIFIED, one.reason)
            for one in identities.unresolved(warehouse, namespace)
        },
        identities.merged_ids(warehouse, namespace),
    )


def not_asked_yet(warehouse: Warehouse, sources: Iterable[str], day: date) -> int:
    """How many watched artists no source was asked about on a day, of those whose id it knows."""
    return sum(
        len(
            set(identities.tracked_ids(warehouse, namespace_of(source)))
            - watchlist.asked_on(warehouse, source, day)
        )
        for source in sources
    )
