"""Viral starts of the offline simulator, which are known, against the breakouts that the marts find."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from spotify_assets.simulator.catalogue.lists import Catalogue, ViralStart
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data

DAY = timedelta(days=1)
HISTORY = 35
"""Days of observation before anything can be judged: what was usual needs 28 of them, momentum 35."""
WITHIN = 3
SOURCE = "simulated"


def snapshots(catalogue: Catalogue, first: date, last: date) -> Iterator[dict[str, Any]]:
    """What would be observed of every artist on every day, with all the oddities of the service."""
    for index in range(catalogue.size):
        life = catalogue.life(index)
        for day in data.days(first, last):
            # an id that was merged answers as somebody else
            merged = life.merged_on is not None and day.toordinal() >= life.merged_on
            if not (merged or life.absent(day.toordinal())):
                popularity, followers = catalogue.artist_values(index, day.toordinal())
                yield data.artist(
                    SOURCE,
                    catalogue.artist_id(index),
                    day,
                    popularity=popularity,
                    followers=followers,
                    name=catalogue.name(index),
                )


def build(
    project: Project, catalogue: Catalogue, first: date, last: date, lost: Collection[date] = ()
) -> None:
    """Load what would be observed on all days but the lost ones, and build the breakouts from it."""
    project.load(
        "artist_snapshots",
        (row for row in snapshots(catalogue, first, last) if row["snapshot_date"] not in lost),
    )
    project.dbt("run", "--select", "+artist_breakouts")


@dataclass(frozen=True)
class Judgement:
    """How well breakouts match viral starts.

    Attributes:
        true: How many starts there were to find.
        hits: How many of them were found; no breakout is taken for two.
        missed: The others.
        false_alarms: Breakouts that are no hit.
    """

    true: int
    hits: int
    missed: tuple[ViralStart, ...]
    false_alarms: tuple[Mapping[str, Any], ...]

    @property
    def precision(self) -> float:
        """Share of the breakouts that are hits."""
        found = self.hits + len(self.false_alarms)
        return self.hits / found if found else 0.0

    @property
    def recall(self) -> float:
        """Share of the starts that were found."""
        return self.hits / self.true if self.true else 0.0

    def __str__(self) -> str:
        """Say both, with what they are shares of."""
        found = self.hits + len(self.false_alarms)
        return (
            f"precision {self.precision:.3f} ({self.hits} of {found}), "
            f"recall {self.recall:.3f} ({self.hits} of {self.true})"
        )


def judge(
    breakouts: Iterable[Mapping[str, Any]],
    starts: Iterable[ViralStart],
    first: date,
    last: date,
    *,
    by: str = "detected_on",
) -> Judgement:
    """Compare breakouts of one metric with the true starts.

    By ``detected_on``, the strict way, a start is found if a breakout of that artist was *known* on the
    start's day or up to three days later. By ``started_on`` it is found if the breakout is said to have
    started at most three days off. Every other breakout is a false alarm. Starts without 35 days of
    history before them, or three days after them, are not judged, nor are the breakouts they made.
    """
    first_judged, last_judged = first + HISTORY * DAY, last - WITHIN * DAY
    starts = list(starts)
    judged = [start for start in starts if first_judged <= start.start <= last_judged]
    aside = [start for start in starts if start not in judged]
    left = [breakout for breakout in breakouts if breakout["started_on"] >= first_judged]
    missed = []
    for start in judged:
        earliest = 0 if by == "detected_on" else -WITHIN
        hit = next(
            (
                breakout
                for breakout in left
                if breakout["artist_id"] == start.artist_id
                and earliest <= (breakout[by] - start.start).days <= WITHIN
            ),
            None,
        )
        if hit is None:
            missed.append(start)
        else:
            left.remove(hit)
    false_alarms = [
        breakout
        for breakout in left
        if not any(
            start.artist_id == breakout["artist_id"]
            and 0 <= (breakout["started_on"] - start.start).days <= WITHIN
            for start in aside
        )
    ]
    return Judgement(len(judged), len(judged) - len(missed), tuple(missed), tuple(false_alarms))
