"""Finding out, before a purge, what else it is about: names, other ids, partitions."""

from __future__ import annotations

from datetime import date

from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.erasure.rows import Rows, Table, meant, shared, tables


def known_sources(connection: PgConnection) -> list[str]:
    """Every source that the ledger, the watchlist, the identities or a sign-in speak of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select source from ops.partition_loads union select source from ops.watchlist "
            "union select source from ops.users union select source from ops.identities "
            "union select target from ops.identities order by 1"
        )
        return [source for (source,) in cursor.fetchall()]


def known_names(connection: PgConnection, artist_id: str, source: str | None) -> dict[str, set[str]]:
    """What tables call an artist, by source; a table says so if it has a source, an artist id and a name."""
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        for table in tables(connection):
            is_track = (
                "track_id" in table.columns or "position" in table.columns or "song_id" in table.columns
            )
            if not {"source", "artist_id", "name"} <= table.columns.keys() or is_track:
                continue
            cursor.execute(
                sql.SQL(
                    "select distinct {source}, {name} from {table} where {artist} = %(artist)s "
                    "and {name} <> '' and (%(source)s::text is null or {source} = %(source)s)"
                ).format(
                    table=table.identifier,
                    source=table.text("source"),
                    name=table.text("name"),
                    artist=table.text("artist_id"),
                ),
                {"artist": artist_id, "source": source},
            )
            for where, name in cursor.fetchall():
                found.setdefault(where, set()).add(name)
    return found


def namesakes(cursor: PgCursor, table: Table, rows: Rows) -> int:
    """How many rows hold one of the names without being about what is meant, in any column."""
    if not rows.names:
        return 0
    own = meant(table, rows) or sql.SQL("false")
    cursor.execute(
        sql.SQL(
            "select count(*) from {} as t where exists (select from unnest(%(names)s::text[]) as n (n) "
            "where position(n.n in t::text) > 0) and ({}) is not true"
        ).format(table.identifier, own),
        rows.values(),
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def linked(connection: PgConnection, artist_id: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The artist's ids elsewhere, as `ops.identities` has them.

    Returns:
        Pairs of namespace and id: those that are known to be the same artist, and those that only share a
        name.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "with recursive same as (select %(artist)s::text as id, null::text as namespace "
            "union select case when i.artist_id = s.id then i.target_id else i.artist_id end, "
            "case when i.artist_id = s.id then i.target else i.source end "
            "from same as s join ops.identities as i on s.id in (i.artist_id, i.target_id) "
            "where i.target_id is not null and i.method <> 'name') "
            "select distinct namespace, id from same where namespace is not null and id <> %(artist)s "
            "order by 1, 2",
            {"artist": artist_id},
        )
        known = cursor.fetchall()
        cursor.execute(
            "select distinct target, target_id from ops.identities where artist_id = any(%s) "
            "and target_id is not null and method = 'name' and target_id <> all(%s) order by 1, 2",
            ([artist_id, *(ident for _, ident in known)],) * 2,
        )
        return known, cursor.fetchall()


def touched_partitions(cursor: PgCursor, rows: Rows) -> set[tuple[str, str, date]]:
    """Which (table, source, day) of the loaded tables hold rows that are meant, also in quarantine."""
    found: set[tuple[str, str, date]] = set()
    for table in (table for table in tables(cursor.connection) if table.managed):
        day = "snapshot_date" if table.schema == "snapshots" else "partition_date"
        if table.schema != "snapshots" and table.called != "ops.quarantine":
            continue
        name = sql.Literal(table.name) if table.schema == "snapshots" else sql.Identifier("table_name")
        either = [one for one in (meant(table, rows), shared(table, rows)) if one is not None]
        if not either:
            continue
        cursor.execute(
            sql.SQL("select distinct {name}::text, source, {day} from {table} where {condition}").format(
                name=name,
                day=sql.Identifier(day),
                table=table.identifier,
                condition=sql.SQL(" or ").join(sql.SQL("({})").format(one) for one in either),
            ),
            rows.values(),
        )
        found |= set(cursor.fetchall())
    return found
