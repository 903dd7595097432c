"""Taking an artist out of what the ledger says was missing."""

from __future__ import annotations

from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.erasure.artist import Artist
from spotify_assets.erasure.rows import Rows

LEDGER = "ops.partition_loads"
_MEANT = (
    "(%(source)s::text is null or l.source = %(source)s) "
    "and (%(before)s::date is null or l.partition_date < %(before)s)"
)


def _keys(cursor: PgCursor, rows: Rows) -> list[str]:
    """Keys of the artist, in whatever form; told by the same reader that the lake's are."""
    if rows.artist_id is None:
        return []
    cursor.execute(
        "select distinct m.key from ops.partition_loads as l "  # noqa: S608 - constants
        f"cross join lateral jsonb_object_keys(l.missing) as m (key) where {_MEANT}",
        rows.values(),
    )
    artist = Artist(rows.artist_id)
    return [key for (key,) in cursor.fetchall() if artist.is_key(key)]


def count_missing(cursor: PgCursor, rows: Rows) -> int:
    """How many of the ledger's rows say of an artist that something was missing."""
    cursor.execute(
        "select count(*) from ops.partition_loads as l "  # noqa: S608 - constants
        f"where l.missing ?| %(keys)s::text[] and {_MEANT}",
        {**rows.values(), "keys": _keys(cursor, rows)},
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def forget_missing(cursor: PgCursor, rows: Rows) -> int:
    """Take an artist out of the ledger's lists of what was missing; the counts still add up.

    Returns:
        Ledger rows changed.
    """
    values = {**rows.values(), "keys": _keys(cursor, rows)}
    cursor.execute(
        "update ops.partition_loads as l set missing = l.missing - %(keys)s::text[], "  # noqa: S608 - constants
        "rows_missing = l.rows_missing - mine.gone, "
        "rows_requested = greatest(l.rows_requested - mine.gone, 0) "
        "from (select p.load_id, count(*) as gone from ops.partition_loads as p "
        "cross join lateral jsonb_object_keys(p.missing) as m (key) "
        "where m.key = any(%(keys)s) group by p.load_id) as mine "
        f"where mine.load_id = l.load_id and {_MEANT}",
        values,
    )
    changed = cursor.rowcount
    if rows.unmistakable:
        # A reason may quote the id, as an upstream's message does.
        cursor.execute(
            "update ops.partition_loads as l "  # noqa: S608 - constants
            "set missing = replace(missing::text, %(artist)s, 'purged')::jsonb "
            f"where missing::text like %(within)s and {_MEANT}",
            values,
        )
        changed += cursor.rowcount
    return changed
