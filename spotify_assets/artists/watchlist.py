"""The watchlist: which artists are tracked on which source, since when, by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from psycopg2.extras import execute_values

from spotify_assets.artists.matching import namespace_of
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import execute, fetch_all

_ADD = """
insert into ops.watchlist as w (source, artist_id, name, added_by)
select distinct on (v.source, v.artist_id) v.source, v.artist_id, v.name, v.added_by
from (values %s) as v (source, artist_id, name, added_by)
order by v.source, v.artist_id
on conflict (source, artist_id) do update set
    name = coalesce(excluded.name, w.name),
    added_at = case when w.removed_at is null then w.added_at else now() end,
    added_by = case when w.removed_at is null then w.added_by else excluded.added_by end,
    removed_at = null
where w.removed_at is not null or (excluded.name is not null and excluded.name is distinct from w.name)
returning artist_id, added_at = now()
"""


@dataclass(frozen=True, slots=True)
class WatchedArtist:
    """One artist on the watchlist; `removed_at` is None while it is tracked."""

    source: str
    artist_id: str
    name: str | None
    added_at: datetime
    added_by: str
    removed_at: datetime | None
    priority: int = 0


def add(
    warehouse: Warehouse,
    source: str,
    artist_id: str,
    name: str | None = None,
    added_by: str = "cli",
    priority: int | None = None,
) -> bool:
    """Track one artist.

    Returns:
        Whether it was not tracked before. An artist removed earlier is tracked again from now on.
    """
    return bool(add_many(warehouse, source, [(artist_id, name)], added_by, priority))


def add_many(
    warehouse: Warehouse,
    source: str,
    artists: Iterable[tuple[str, str | None]],
    added_by: str = "cli",
    priority: int | None = None,
) -> list[str]:
    """Track several artists in one transaction.

    Args:
        warehouse: The database.
        source: Their source.
        artists: Pairs of id and name; without a name, one known earlier is kept.
        added_by: Who asked for it.
        priority: Who comes first where a day's calls do not suffice: higher before lower; ``None`` leaves it
            as it is, which is 0 for whoever is new.

    Returns:
        The ids that were not tracked before, in the order given.
    """
    wanted = dict(artists)
    if not wanted:
        return []
    with warehouse.connect() as connection, connection.cursor() as cursor:
        rows = [(source, artist_id, name, added_by) for artist_id, name in wanted.items()]
        found = execute_values(
            cursor,
            _ADD,
            rows,
            template="(%s::text, %s::text, %s::text, %s::text)",
            page_size=10_000,
            fetch=True,
        )
        if priority is not None:
            cursor.execute(
                "update ops.watchlist set priority = %s where source = %s and artist_id = any(%s)",
                (priority, source, list(wanted)),
            )
        connection.commit()
    new = {artist_id for artist_id, is_new in found if is_new}
    return [artist_id for artist_id in wanted if artist_id in new]


def name_nameless(warehouse: Warehouse, names: Mapping[tuple[str, str], str]) -> None:
    """Name artists who were added by id alone; a name that is there stays.

    Args:
        warehouse: The database.
        names: What they are called, by source and id.
    """
    if not names:
        return
    rows = [(source, artist_id, name.replace("\x00", "")) for (source, artist_id), name in names.items()]
    with warehouse.connect() as connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            "update ops.watchlist as w set name = v.name from (values %s) as v (source, artist_id, name) "
            "where w.source = v.source and w.artist_id = v.artist_id and w.name is null",
            rows,
            template="(%s::text, %s::text, %s::text)",
        )
        connection.commit()


def remove(warehouse: Warehouse, source: str, artist_id: str) -> bool:
    """Stop tracking an artist; its row stays, saying until when it was tracked.

    Returns:
        Whether it was tracked.
    """
    statement = (
        "update ops.watchlist set removed_at = now() "
        "where source = %s and artist_id = %s and removed_at is null"
    )
    return execute(warehouse, statement, (source, artist_id)) == 1


def tracked_anywhere(warehouse: Warehouse, *, simulated: bool) -> list[WatchedArtist]:
    """Return who is tracked now, whichever namespace the ids are of; simulated artists or real ones.

    Ordered by priority, highest first, then by when they were added, then by id.
    """
    statement = """
        select source, artist_id, name, added_at, added_by, removed_at, priority from ops.watchlist
        where starts_with(source, 'simulated') = %(simulated)s and removed_at is null
        order by priority desc, added_at, artist_id
    """
    return [WatchedArtist(*row) for row in fetch_all(warehouse, statement, {"simulated": simulated})]


def with_names(warehouse: Warehouse, artists: Sequence[WatchedArtist]) -> list[WatchedArtist]:
    """The same artists, those without a name with the one under which they were last observed."""
    nameless = [artist.artist_id for artist in artists if not artist.name]
    if not nameless:
        return list(artists)
    statement = """
        select distinct on (source, requested_id) source, requested_id, name
        from snapshots.artist_snapshots
        where requested_id = any(%(ids)s) and name <> ''
        order by source, requested_id, snapshot_date desc
    """
    seen = {
        (namespace_of(source), artist_id): name
        for source, artist_id, name in fetch_all(warehouse, statement, {"ids": nameless})
    }
    return [replace(one, name=one.name or seen.get((one.source, one.artist_id))) for one in artists]


def change_mark(warehouse: Warehouse) -> str:
    """A text that is another one after any change of who is tracked.

    The count stands beside the newest time because transactions do not end in the order of their times: of
    two that add artists, the earlier one may become visible later.
    """
    statement = """
        select count(*) filter (where removed_at is null), count(*), max(added_at), max(removed_at)
        from ops.watchlist
    """
    ((tracked_now, ever, added, removed),) = fetch_all(warehouse, statement)
    times = [f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%f}" if at else "never" for at in (added, removed)]
    return f"{tracked_now} of {ever}, {', '.join(times)}"


def asked_on(warehouse: Warehouse, source: str, day: date) -> set[str]:
    """Ids of artists whom a source was asked about on a day, whatever it said; in the source's namespace."""
    statement = """
        select requested_id from snapshots.artist_snapshots
        where source = %(source)s and snapshot_date = %(day)s
        union
        select jsonb_object_keys(missing) from ops.current_partition_loads
        where table_name = 'artist_snapshots' and source = %(source)s and partition_date = %(day)s
    """
    return {row[0] for row in fetch_all(warehouse, statement, {"source": source, "day": day})}
