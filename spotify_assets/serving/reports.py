"""Answers for people, read from the marts: who is rising, since when, by how much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from spotify_assets.serving.attribution import artist_link
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all

_RISING = """
with
newest as (
    select max(snapshot_date) as snapshot_date
    from marts.artist_popularity_trend
    where source = %(source)s
),

risers as (
    select
        trend.*,
        following.change_28_days_percent as followers_change_28_days_percent
    from marts.artist_popularity_trend as trend
    inner join newest on trend.snapshot_date = newest.snapshot_date
    left join marts.artist_popularity_trend as following
        on
            trend.source = following.source
            and trend.artist_id = following.artist_id
            and following.metric = 'followers'
            and trend.snapshot_date = following.snapshot_date
    where trend.source = %(source)s and trend.metric = 'popularity' and trend.change_28_days > 0
    order by
        trend.change_28_days desc,
        followers_change_28_days_percent desc nulls last,
        trend.artist_id
    limit %(limit)s
)

select
    risers.artist_id,
    coalesce(risers.name, latest.name, risers.artist_id) as name,
    risers.snapshot_date,
    cast(risers.value as integer) as popularity,
    cast(risers.change_28_days as integer) as change,
    risers.followers_change_28_days_percent,
    risers.rank,
    risers.rank_change_28_days,
    history.series,
    coalesce(history.still_level + 1, history.first_above) as since
from risers
cross join lateral (
    select
        array_agg(
            case when not past.is_suspect then cast(past.value as integer) end
            order by past.snapshot_date
        ) as series,
        -- The climb is the unbroken run of days that stood above the level of 28 days before.
        max(past.snapshot_date) filter (where past.change_28_days <= 0) as still_level,
        min(past.snapshot_date) filter (where past.change_28_days > 0) as first_above
    from marts.artist_popularity_trend as past
    where
        past.source = %(source)s
        and past.artist_id = risers.artist_id
        and past.metric = 'popularity'
        and past.snapshot_date > risers.snapshot_date - 90
) as history
left join lateral (
    select named.name
    from marts.artist_popularity_trend as named
    where
        named.source = %(source)s
        and named.artist_id = risers.artist_id
        and named.metric = 'popularity'
        and named.name <> ''
    order by named.snapshot_date desc
    limit 1
) as latest on true
order by
    risers.change_28_days desc,
    risers.followers_change_28_days_percent desc nulls last,
    risers.artist_id
"""


@dataclass(frozen=True, slots=True)
class Riser:
    """An artist whose popularity has grown over 28 days.

    Attributes:
        artist_id: Their id in the series' source.
        name: What they are called.
        day: Newest day of the series.
        popularity: Index 0–100 on that day, None if the day was not observed.
        change: Points in 28 days.
        followers_change: Percent in 28 days, if followers are known.
        rank: Place among the artists observed on that day.
        rank_change: Places climbed among the artists observed on both days.
        series: Popularity of the last 90 days, oldest first, None where it was not observed.
        since: First day of the climb: of the unbroken run of days, in those 90, that stood above the level
            of 28 days before.
        link: Address of their page at the source, where there is one.
    """

    artist_id: str
    name: str
    day: date
    popularity: int | None
    change: int
    followers_change: float | None
    rank: int | None
    rank_change: int | None
    series: list[int | None]
    since: date | None
    link: str | None = None


def rising(warehouse: Warehouse, source: str, limit: int = 10) -> list[Riser]:
    """Who has risen most in popularity over 28 days, as of the newest day.

    Args:
        warehouse: The database; the marts must have been built.
        source: Series to look at; sources are never compared with each other.
        limit: Artists at most.
    """
    return [
        replace(Riser(*row), link=artist_link(source, row[0]))
        for row in fetch_all(warehouse, _RISING, {"source": source, "limit": limit})
    ]
