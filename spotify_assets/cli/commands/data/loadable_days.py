"""Which days of a range a run can load: a live upstream only knows today.

A run that is asked for a lost day fails, as it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.contracts.tables import TABLES
from spotify_assets.defs.ingestion.keys import raw_key, snapshot_key
from spotify_assets.sources.protocol import ARTIST_ENTITIES

Span = tuple[date, date]


def possible_spans(
    environment: Environment, first: date, last: date, selection: Sequence[dg.AssetKey], today: date
) -> tuple[list[Span], list[date]]:
    """Split a range at its lost days.

    Args:
        environment: Where to look.
        first: First day asked for.
        last: Last day asked for.
        selection: Assets asked for; all when empty.
        today: The day that can still be observed.

    Returns:
        Spans without a lost day, oldest first, and the lost days.
    """
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    landed = [
        {
            day
            for source in environment.settings.observed_sources
            for day in environment.landing.days(source, table.entity)
        }
        for table in TABLES.values()
        # Charts and what is asked once may be absent: nothing was to be asked, or it is asked another day.
        if table.entity in ARTIST_ENTITIES
        and not environment.simulated
        and (not selection or {raw_key(table), snapshot_key(table)} & set(selection))
    ]
    lost = [day for day in days if day < today and not all(day in known for known in landed)]
    spans: list[Span] = []
    for day in sorted(set(days) - set(lost)):
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans, lost
