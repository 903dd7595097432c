"""What is new in the marts: milestones, breakouts, and new releases of watched artists."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import psycopg2

from spotify_assets.serving.attribution import artist_link
from spotify_assets.warehouse.connection import Warehouse

MOST = 1_000
"""News of a kind that are looked at."""

_BREAKOUTS = """
select source, artist_id, metric, detected_on, coalesce(name, artist_id), started_on, usual_value, peak_value,
    gain_percent
from marts.artist_breakouts
where source = any(%(sources)s) and detected_on >= %(since)s and is_corroborated
order by gain_percent desc nulls last, gain desc, source, artist_id, metric
limit %(most)s
"""
_MILESTONES = """
select source, artist_id, metric, reached_on, coalesce(name, artist_id), milestone = 'record', threshold,
    value
from marts.artist_milestones
where source = any(%(sources)s) and reached_on >= %(since)s
order by threshold desc, source, artist_id, metric, milestone
limit %(most)s
"""
# A release comes under several album ids and stays on the list for days; it is news once, on its first day.
_RELEASES = """
select * from (
    select distinct on (source, release_id)
        source, release_id, first_seen_on, name, artist_names, album_type,
        case when release_date_precision = 'day' then release_date end, popularity
    from marts.new_release_radar
    where source = any(%(sources)s) and snapshot_date >= %(since)s and first_seen_on >= %(since)s
        and is_watched_artist
    order by source, release_id, snapshot_date desc, album_id
) as news (source, release_id, first_seen_on, name, artist_names, album_type, released, popularity)
order by first_seen_on desc, popularity desc nulls last, source, release_id
limit %(most)s
"""
_NEWEST = """
select max(snapshot_date) from marts.artist_popularity_trend where source = any(%(sources)s)
"""


@dataclass(frozen=True, slots=True)
class Breakout:
    """An artist who breaks out, known since `day`."""

    source: str
    artist_id: str
    metric: str
    day: date
    name: str
    since: date
    usual: float
    peak: float
    gain_percent: float | None

    @property
    def key(self) -> str:
        """The same as long as it is the same news."""
        return _key("breakout", self.source, self.artist_id, self.metric, self.since.isoformat())

    @property
    def link(self) -> str | None:
        """The artist's page at the source."""
        return artist_link(self.source, self.artist_id)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A threshold, or a record, that an artist reached on `day`."""

    source: str
    artist_id: str
    metric: str
    day: date
    name: str
    record: bool
    threshold: float
    value: float

    @property
    def key(self) -> str:
        """The same as long as it is the same news."""
        what = "record" if self.record else "threshold"
        return _key(
            what, self.source, self.artist_id, self.metric, f"{self.threshold:g}", self.day.isoformat()
        )

    @property
    def link(self) -> str | None:
        """The artist's page at the source."""
        return artist_link(self.source, self.artist_id)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a watched artist, first seen on `day`."""

    source: str
    release_id: str
    day: date
    name: str
    artists: Sequence[str]
    kind: str | None
    released: date | None
    popularity: int | None

    @property
    def key(self) -> str:
        """The same as long as it is the same news."""
        return _key("release", self.source, self.release_id)

    @property
    def link(self) -> str | None:
        """None: a release has no page in common between sources."""
        return None


Item = Breakout | Milestone | Release


def news_since(warehouse: Warehouse, sources: Sequence[str], since: date) -> list[Item]:
    """What is new since a day, that day included; nothing where the marts were never built.

    Args:
        warehouse: The database.
        sources: Series to look at.
        since: First day.
    """
    values = {"sources": list(sources), "since": since, "most": MOST}
    items: list[Item] = []
    with warehouse.connect() as connection, connection.cursor() as cursor:
        try:
            cursor.execute(_BREAKOUTS, values)
            items += [Breakout(*row) for row in cursor.fetchall()]
            cursor.execute(_MILESTONES, values)
            items += [Milestone(*row) for row in cursor.fetchall()]
            cursor.execute(_RELEASES, values)
            items += [Release(*row) for row in cursor.fetchall()]
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            return []
    return items


def newest_day(warehouse: Warehouse, sources: Sequence[str]) -> date | None:
    """The newest day that the marts show of some series; none where they were never built."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        try:
            cursor.execute(_NEWEST, {"sources": list(sources)})
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
            return None
        row = cursor.fetchone()
    return row[0] if row is not None else None


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]
