"""Who is who across sources, kept in ``ops.identities``, and the watchlist in a source's own ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extras import execute_values

from spotify_assets.artists.matching import NAMELESS, NAMES_ARE_IDS, RETRY_AFTER, Identity, service_of
from spotify_assets.sources.reasons.reason import ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all

NOT_YET = "not looked for yet: spotify-assets watch identify"

_COLUMNS = "source, artist_id, target, target_id, method, confidence, resolved_at, note"

# What was found stays found: a later search in vain only says when it was. A person's word stands above all.
_SAVE = f"""
insert into ops.identities as i ({_COLUMNS}) values %s
on conflict (source, artist_id, target) do update set
    target_id = case when excluded.target_id is null then i.target_id else excluded.target_id end,
    method = case when excluded.target_id is null then i.method else excluded.method end,
    confidence = case when excluded.target_id is null then i.confidence else excluded.confidence end,
    note = case when excluded.target_id is null and i.target_id is not null then i.note
        else excluded.note end,
    resolved_at = excluded.resolved_at
where i.method <> 'hand' or excluded.method = 'hand'
"""  # noqa: S608 - only names of our own

_MOVED = """
insert into ops.identities as i (source, artist_id, target, target_id, method, confidence, resolved_at, note)
select source, artist_id, target, target_id, 'answered', 1, resolved_at, 'the upstream said so'
from (values %s) as said (source, artist_id, target, target_id, resolved_at)
on conflict (source, artist_id, target) do update set
    target_id = excluded.target_id, method = excluded.method, confidence = excluded.confidence,
    resolved_at = excluded.resolved_at, note = excluded.note
where i.method <> 'hand' and (i.method <> 'answered' or i.resolved_at <= excluded.resolved_at)
"""

# The row stays, without an id: it tells the series that were joined by it that they are not any longer.
_BACK = """
update ops.identities
set target_id = null, confidence = 0, resolved_at = %(at)s, note = 'the upstream answers as itself again'
where source = %(namespace)s and target = %(namespace)s and artist_id = any(%(ids)s)
    and method = 'answered' and target_id is not null and resolved_at <= %(at)s
"""

_TRACKED = """
with known as (
    select artist_id as id, priority, added_at
    from ops.watchlist where source = %(namespace)s and removed_at is null
    union all
    select i.target_id, w.priority, w.added_at
    from ops.watchlist as w join ops.identities as i using (source, artist_id)
    where i.target = %(namespace)s and i.source <> i.target and i.target_id is not null
        and w.removed_at is null
),

-- Where the upstream itself goes on from an old id to the new one, the old one is asked for as before.
current_ids as (
    select coalesce(i.target_id, known.id) as id, known.priority, known.added_at
    from known left join ops.identities as i
        on i.source = %(namespace)s and i.target = %(namespace)s and i.artist_id = known.id
        and i.method <> 'answered'
)

select id from current_ids group by id order by max(priority) desc, min(added_at), id
"""

# What the newest load of a source missed for a reason, unless it was looked into lately; a few on a day.
_UNKNOWN = """
select missing.key
from (
    select missing from ops.current_partition_loads
    where source = %(source)s and table_name = 'artist_snapshots' order by partition_date desc limit 1
) as newest
cross join lateral jsonb_each(newest.missing) as missing (key, reason)
left join ops.identities as i
    on i.source = %(namespace)s and i.artist_id = missing.key and i.target = %(namespace)s
where missing.reason ->> 'code' = %(code)s
    and (i.artist_id is null or i.target_id is null and i.resolved_at < %(before)s)
order by missing.key
limit greatest(0, %(most)s - (
    select count(*) from ops.identities
    where source = %(namespace)s and target = %(namespace)s and method in ('not found', 'musicbrainz')
        and resolved_at >= %(today)s
))
"""

# Simulated and real artists are two worlds: nobody of one is looked for in the other.
_UNRESOLVED = """
select w.source, w.artist_id, w.name, i.resolved_at, coalesce(i.note, ''), i.target_id is not null
from ops.watchlist as w
left join ops.identities as i
    on i.source = w.source and i.artist_id = w.artist_id and i.target = %(target)s
where w.removed_at is null and w.source <> %(target)s
    and starts_with(w.source, 'simulated') = starts_with(%(target)s, 'simulated')
    and (i.target_id is null or %(weak)s and i.method = 'name')
order by w.priority desc, w.added_at, w.artist_id
"""

_NAMES = """
select distinct on (artist_id) artist_id, name from snapshots.artist_snapshots
where source = %(source)s and artist_id = any(%(ids)s) and name <> ''
    and snapshot_date > current_date - 60
order by artist_id, snapshot_date desc
"""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A watched artist whose id in another namespace is not known.

    Attributes:
        source: Namespace that the artist is watched in.
        artist_id: Its id there.
        name: What it is called, if known.
        looked_for_at: When it was last looked for in vain; ``None``: never.
        reason: Why it is not known, for people.
        nameless: It was looked for when its name was not known.
    """

    source: str
    artist_id: str
    name: str | None
    looked_for_at: datetime | None
    reason: str
    nameless: bool = False

    @property
    def key(self) -> str:
        """Its name among the missing of another source: where it is watched, and as what."""
        return f"{self.source}:{self.artist_id}"

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to look for it (again): after a while, or when a name has become known."""
        if self.nameless and self.name:
            return True
        return self.looked_for_at is None or now - self.looked_for_at >= RETRY_AFTER


def save(warehouse: Warehouse, identities: Iterable[Identity]) -> None:
    """Keep identities in one transaction.

    What a person entered is replaced by a person only. What was found earlier outlives a search in vain.
    """
    rows = {
        (one.source, one.artist_id, one.target): (
            one.source, one.artist_id, one.target, one.target_id, one.method, one.confidence,
            one.resolved_at, one.note.replace("\x00", ""),
        )
        for one in identities
    }  # fmt: skip
    if not rows:
        return
    with warehouse.connect() as connection, connection.cursor() as cursor:
        execute_values(cursor, _SAVE, list(rows.values()), page_size=1000)
        connection.commit()


def identities_of(
    warehouse: Warehouse, artists: Sequence[tuple[str, str]] | None = None
) -> dict[tuple[str, str], list[Identity]]:
    """All that is known of who is who, by (source, artist_id), targets in name order.

    Args:
        warehouse: The database.
        artists: Of whom; ``None`` for everyone.
    """
    condition = "" if artists is None else "where (source, artist_id) in %s"
    if artists is not None and not artists:
        return {}
    statement = f"select {_COLUMNS} from ops.identities {condition} order by source, artist_id, target"  # noqa: S608
    found: dict[tuple[str, str], list[Identity]] = {}
    for row in fetch_all(warehouse, statement, None if artists is None else (tuple(artists),)):
        found.setdefault((row[0], row[1]), []).append(Identity(*row))
    return found


def tracked_ids(warehouse: Warehouse, namespace: str) -> list[str]:
    """Everyone who is watched, in the ids of a namespace, each id once.

    Returns:
        Those watched in it and those identified in it, the most important first: by priority, then by how
        long they have been watched.
    """
    return [row[0] for row in fetch_all(warehouse, _TRACKED, {"namespace": namespace})]


def unresolved(warehouse: Warehouse, target: str, *, weak: bool = False) -> list[Unresolved]:
    """Who is watched elsewhere and has no known id in a namespace, the most important first.

    Args:
        warehouse: The database.
        target: The namespace.
        weak: Also those who were found by name only.
    """
    rows = fetch_all(warehouse, _UNRESOLVED, {"target": target, "weak": weak})
    return [
        Unresolved(source, artist_id, name, at, _reason(at, note, by_name=found), note.endswith(NAMELESS))
        for source, artist_id, name, at, note, found in rows
    ]


def _reason(at: datetime | None, note: str, *, by_name: bool) -> str:
    if at is None:
        return NOT_YET
    if by_name:
        return "found by name only"
    again = (at + RETRY_AFTER).astimezone(UTC)
    looked = f"looked for on {at.astimezone(UTC):%Y-%m-%d}, again from {again:%Y-%m-%d} on"
    return f"{note or 'not found'} ({looked})"


def unknown_to(
    warehouse: Warehouse, source: str, namespace: str, now: datetime, *, code: ReasonCode, most: int
) -> list[str]:
    """Ids that the newest load of a source missed and that nobody looked into since `RETRY_AFTER`.

    Args:
        warehouse: The database.
        source: Series name.
        namespace: Whose ids they are.
        now: The time.
        code: Why they are missing; those missing for another reason are left out.
        most: How many are looked into on a UTC day.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    values = {
        "source": source, "namespace": namespace, "before": now - RETRY_AFTER, "today": today,
        "code": code, "most": most,
    }  # fmt: skip
    return [row[0] for row in fetch_all(warehouse, _UNKNOWN, values)]


def names_of(warehouse: Warehouse, source: str, ids: Sequence[str]) -> Mapping[str, str]:
    """What artists are called according to their newest snapshots of the last weeks, by id."""
    return dict(fetch_all(warehouse, _NAMES, {"source": source, "ids": list(ids)}))


def merged_ids(warehouse: Warehouse, namespace: str) -> dict[str, str]:
    """The artist that each id is another id of, in one namespace: merged there, or said by hand."""
    return dict(
        fetch_all(
            warehouse,
            "select artist_id, target_id from ops.identities "
            "where source = %s and target = source and target_id is not null",
            (namespace,),
        )
    )


def record_aliases(
    warehouse: Warehouse, namespace: str, pairs: Iterable[tuple[str, str]], at: datetime | None = None
) -> int:
    """Keep whom an upstream merged or replaced, by how it answered on one day.

    An id that it answered another for is that other from now on, unless that one was asked for as well: two
    who were asked for together and got one answer may be one odd answer. An id that was answered as itself is
    no alias (any longer). Nothing is concluded where ids are names, and nothing against what a person said or
    what a later answer showed.

    Args:
        warehouse: The database.
        namespace: Namespace of both ids.
        pairs: Each id asked for with the id answered; all of the day, equal ones too. An id that got
            no answer stands with an empty one.
        at: When it answered; now if absent.

    Returns:
        How many ids are another's.
    """
    pairs = list(pairs)
    if service_of(namespace) in NAMES_ARE_IDS or not pairs:
        return 0
    moment = at or datetime.now(UTC)
    asked = {one for one, _ in pairs}
    itself = sorted({one for one, other in pairs if one == other})
    moved = {one: other for one, other in pairs if other and one not in itself and other not in asked}
    with warehouse.connect() as connection, connection.cursor() as cursor:
        if itself:
            cursor.execute(_BACK, {"namespace": namespace, "ids": itself, "at": moment})
        if moved:
            rows = [(namespace, one, namespace, other, moment) for one, other in sorted(moved.items())]
            execute_values(cursor, _MOVED, rows, page_size=1000)
        connection.commit()
    return len(moved)
