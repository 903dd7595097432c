"""What tomorrow's run will cost on each upstream, told before it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spotify_assets.sources.protocol import Entity, Source

RUN_ORDER: tuple[Entity, ...] = ("artists", "new_releases", "top_tracks")
"""The order in which a run asks."""

WORDS: Mapping[Entity, str] = {
    "artists": "snapshots",
    "new_releases": "new releases",
    "top_tracks": "top tracks",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a full day costs on one source.

    Attributes:
        artists: How many are watched there.
        calls: Calls by entity, as far as known; retries and sign-in not counted.
        budget: Calls of a day that are allowed; ``None`` for no limit.
        covered: Artists whose turn comes within the budget, by entity: one entity is asked after the other,
            and within each the most important artists come first.
        markets_that_fit: Markets whose top tracks fit beside everything else; ``None`` where that does not
            matter.
    """

    artists: int
    calls: dict[Entity, int]
    budget: int | None
    covered: dict[Entity, int]
    markets_that_fit: int | None

    @property
    def total(self) -> int:
        """All calls of a day."""
        return sum(self.calls.values())

    @property
    def fits(self) -> bool:
        """Whether the budget covers everyone."""
        return self.budget is None or self.total <= self.budget

    @property
    def sentence(self) -> str:
        """The outlook in words."""
        if not self.artists:
            return "no artist is known here yet"
        needs = f"{self.artists:,} artist{'s need' if self.artists != 1 else ' needs'} {self.total:,} calls"
        if self.budget is None:
            return f"{needs}; there is no daily limit"
        budget = f"{needs}; your budget is {self.budget:,} a day"
        if self.fits:
            return f"{budget}: it fits"
        if self.markets_that_fit:
            few = f"{self.markets_that_fit} market{'s' if self.markets_that_fit != 1 else ''}"
            return f"{budget}: {few} would fit (SPOTIFY_MARKETS)"
        parts = [
            f"{WORDS[entity]} of {self.covered[entity]:,}" for entity in self.calls if self.calls[entity]
        ]
        return f"{budget}: it covers {', '.join(parts)}; the rest is recorded as missing"


def outlook(source: Source, artists: int, budget: int | None, markets: int = 1) -> Outlook:
    """Work out what observing so many artists on one day costs.

    Args:
        source: Says what its questions cost.
        artists: How many are watched.
        budget: Calls of a day that are allowed; ``None`` for no limit.
        markets: Markets that top tracks are asked for in; 1 where the source knows none.
    """
    calls = {entity: source.cost(entity, artists) for entity in RUN_ORDER if entity in source.entities}
    total = sum(calls.values())
    covered = dict.fromkeys(calls, artists)
    fewer = None
    if budget is not None and total > budget:
        left = budget
        for entity in calls:
            covered[entity] = _most_that_fit(source, entity, artists, left)
            left -= min(left, source.cost(entity, covered[entity]) if covered[entity] else left)
        top_tracks = calls.get("top_tracks", 0)
        if markets > 1 and top_tracks:
            fewer = max(0, (budget - (total - top_tracks)) // -(-top_tracks // markets))
    return Outlook(artists, calls, budget, covered, fewer)


def _most_that_fit(source: Source, entity: Entity, artists: int, budget: int) -> int:
    low, high = 0, artists
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if source.cost(entity, middle) <= budget else (low, middle - 1)
    return low
