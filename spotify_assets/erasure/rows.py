"""Removing rows about a source, an artist or a user from every table, and counting what is there.

The books of calls (`ops.api_usage`, `ops.cooldowns`, `ops.api_pace`) are no content and stay: forgetting a
cooldown would hurt the app.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import date

from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

_DAY_COLUMNS = ("snapshot_date", "partition_date", "forecast_on", "played_on", "day")
_TIME_COLUMNS = ("observed_at", "played_at", "added_at")
_DAY_TYPES = ("date", "timestamp with time zone", "timestamp without time zone")
_ARTIST_COLUMNS = ("artist_id", "requested_id", "primary_artist_id", "target_id", "canonical_id")
_RAW_PATHS = (
    "$.**.artist_id",
    "$.**.requested_id",
    "$.**.artist.id",
    "$.**.artist_ids[*]",
    "$.request.ids[*]",
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table that may hold rows to be removed.

    Attributes:
        schema: Its schema.
        name: Its name.
        columns: Type by column.
        managed: Whether the platform made it. What stands in others is counted, and left.
        alone: Whether tables of others may inherit from it, whose rows then are not meant.
    """

    schema: str
    name: str
    columns: dict[str, str]
    managed: bool = True
    alone: bool = False

    @property
    def called(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Composable:
        """The table in a statement."""
        name = sql.Identifier(self.schema, self.name)
        return sql.SQL("only {}").format(name) if self.alone else name

    def text(self, column: str) -> sql.Composable:
        """A column as text: others may number what is a text to us."""
        name = sql.Identifier(column)
        return name if self.columns[column] == "text" else sql.SQL("{}::text").format(name)


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows are meant.

    Attributes:
        source: Only of this source.
        artist_id: Only about this artist.
        unmistakable: Whether the artist's id, where it stands, can be nothing else.
        names: What the artist is called.
        works: Ids of albums and tracks that are the artist's as well, as far as the lake knows: what was
            computed from them goes. (What was loaded from them is loaded anew.)
        user_id: Only brought by this user.
        before: Only of days before this one; a row without a day is then left alone.
    """

    source: str | None = None
    artist_id: str | None = None
    unmistakable: bool = False
    names: Sequence[str] = field(default_factory=tuple)
    works: Set[str] = field(default_factory=frozenset)
    user_id: str | None = None
    before: date | None = None

    def values(self) -> dict[str, object]:
        """Parameters of the statements."""
        ident = self.artist_id or ""
        return {
            "source": self.source,
            "artist": self.artist_id,
            "within": f"%{_literal(ident)}%",
            "names": [name for name in self.names if name.strip()],
            "works": sorted(self.works),
            "user": self.user_id,
            "before": self.before,
        }


def _literal(text: str) -> str:
    """Text that stands for itself in LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def tables(connection: PgConnection) -> list[Table]:
    """Every table that we may read but Dagster's and PostgreSQL's, partitions counted with their parents.

    Of others also materialized views, which hold rows of their own.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select n.nspname, c.relname, json_object_agg(a.attname, format_type(a.atttypid, null)), "
            "exists (select from ops.managed_relations as m where m.relation_id = c.oid), c.relkind = 'r' "
            "from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            "join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
            "where c.relkind in ('r', 'p', 'm') and c.relispopulated and not c.relispartition "
            "and c.relpersistence <> 't' "
            "and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'dagster') "
            "and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') "
            "group by 1, 2, c.oid order by 1, 2"
        )
        return [Table(*row) for row in cursor.fetchall()]


def meant(table: Table, rows: Rows) -> sql.Composable | None:
    """The condition for the rows that go whole; ``None`` if the table can hold none."""
    conditions: list[sql.Composable] = []
    if rows.source is not None:
        if (own := _of_source(table)) is None:
            return None
        conditions.append(own)
    if rows.user_id is not None:
        if "user_id" not in table.columns:
            return None
        conditions.append(sql.SQL("{} = %(user)s").format(table.text("user_id")))
    if rows.artist_id is not None:
        if (about := _about_artist(table, rows)) is None:
            return None
        conditions.append(about)
    if rows.before is not None:
        days = (*_DAY_COLUMNS, *_TIME_COLUMNS)
        day = next((name for name in days if table.columns.get(name) in _DAY_TYPES), None)
        if day is None or (table.schema, table.name) == ("ops", "watchlist"):
            return None
        conditions.append(sql.SQL("{} < %(before)s").format(sql.Identifier(day)))
    return sql.SQL(" and ").join(conditions) if conditions else None


def _of_source(table: Table) -> sql.Composable | None:
    if {"source", "target"} <= table.columns.keys():
        return sql.SQL("({} = %(source)s or {} = %(source)s)").format(
            table.text("source"), table.text("target")
        )
    if "source" in table.columns:
        return sql.SQL("{} = %(source)s").format(table.text("source"))
    if (table.schema, table.name) == ("ops", "capabilities"):
        return sql.SQL("upstream = %(source)s")
    return None


def _about_artist(table: Table, rows: Rows) -> sql.Composable | None:
    """The condition for rows about an artist; of an album of several, only if it names the artist."""
    if (table.schema, table.name) == ("ops", "partition_loads"):
        return None
    either: list[sql.Composable] = [
        sql.SQL("{} = %(artist)s").format(table.text(name))
        for name in _ARTIST_COLUMNS
        if name in table.columns
    ]
    if table.columns.get("artist_ids") == "text[]":
        alone = sql.SQL("artist_ids <@ array[%(artist)s]::text[]")
        titles = [name for name in ("name", "label") if name in table.columns]
        named = [
            sql.SQL("exists (select from unnest(%(names)s::text[]) as n (n) where {} ~* ('\\y' || "
                    "regexp_replace(n.n, '([^[:alnum:][:space:]])', '\\\\\\1', 'g') || '\\y'))").format(
                table.text(title)
            )
            for title in titles
        ]  # fmt: skip
        either.append(
            sql.SQL("(%(artist)s = any(artist_ids) and ({}))").format(sql.SQL(" or ").join([alone, *named]))
        )
    nameless = (table.schema, table.name) == ("snapshots", "audio_features")  # loaded, but names no artist
    if rows.works and (nameless or table.schema not in {"snapshots", "ops"}):
        either += [
            sql.SQL("{} = any(%(works)s)").format(table.text(name))
            for name in ("track_id", "album_id")
            if name in table.columns
        ]
        if table.columns.get("track_ids") == "text[]":
            either.append(sql.SQL("track_ids && %(works)s::text[]"))
    if table.columns.get("raw") == "jsonb":
        either += list(_in_raw(rows))
    return sql.SQL("({})").format(sql.SQL(" or ").join(either)) if either else None


def _in_raw(rows: Rows) -> Iterator[sql.Composable]:
    """Conditions for what was set aside as it came: by id, and by name where no id stands beside it."""
    if rows.unmistakable:
        yield sql.SQL("raw::text like %(within)s")
    for path in _RAW_PATHS:
        yield sql.SQL(
            "exists (select from jsonb_path_query(raw, {}) as found where found #>> '{{}}' = %(artist)s)"
        ).format(sql.Literal(path))
    yield sql.SQL(
        "(coalesce(raw ->> 'artist_id', raw #>> '{piece,id}') is null "
        "and coalesce(raw ->> 'name', raw #>> '{piece,name}') = any(%(names)s))"
    )


def shared(table: Table, rows: Rows) -> sql.Composable | None:
    """The condition for rows about several artists of whom only one is meant."""
    both = table.columns.get("artist_ids") == table.columns.get("artist_names") == "text[]"
    if rows.artist_id is None or not both or (rows.source is not None and "source" not in table.columns):
        return None
    conditions: list[sql.Composable] = [sql.SQL("%(artist)s = any(artist_ids)")]
    if rows.source is not None:
        conditions.append(sql.SQL("{} = %(source)s").format(table.text("source")))
    if rows.before is not None:
        if table.columns.get("snapshot_date") not in _DAY_TYPES:
            return None
        conditions.append(sql.SQL("snapshot_date < %(before)s"))
    return sql.SQL(" and ").join(conditions)


_PEELED = sql.SQL(
    "update {table} set "
    "artist_ids = array(select u.i from unnest(artist_ids) with ordinality as u (i, n) "
    "where u.i is distinct from %(artist)s order by u.n), "
    "artist_names = array(select u.a from unnest(artist_ids, artist_names) with ordinality as u (i, a, n) "
    "where u.i is distinct from %(artist)s order by u.n) where {condition}"
)


def remove(cursor: PgCursor, table: Table, rows: Rows) -> int:
    """Delete the rows that are meant, and take the artist out of rows about several.

    Returns:
        Rows deleted or changed; none of a table that the platform did not make.
    """
    changed = 0
    if not table.managed:
        return changed
    if (condition := meant(table, rows)) is not None:
        cursor.execute(sql.SQL("delete from {} where {}").format(table.identifier, condition), rows.values())
        changed += cursor.rowcount
    if (condition := shared(table, rows)) is not None:
        cursor.execute(_PEELED.format(table=table.identifier, condition=condition), rows.values())
        changed += cursor.rowcount
    return changed


def count(cursor: PgCursor, table: Table, rows: Rows) -> int:
    """How many rows are about what is meant.

    An id that can be nothing else is looked for in the whole text of every row, whatever the columns are
    called.
    """
    if rows.artist_id is not None and rows.unmistakable and rows.before is None:
        conditions: list[sql.Composable] = [sql.SQL("t::text like %(within)s")]
        if rows.source is not None and "source" in table.columns:
            conditions.append(sql.SQL("{} = %(source)s").format(table.text("source")))
        either: list[sql.Composable] = [sql.SQL("({})").format(sql.SQL(" and ").join(conditions))]
    else:
        either = [one for one in (shared(table, rows),) if one is not None]
    if (condition := meant(table, rows)) is not None:
        either.append(sql.SQL("({})").format(condition))
    if not either:
        return 0
    cursor.execute(
        sql.SQL("select count(*) from {} as t where {}").format(
            table.identifier, sql.SQL(" or ").join(either)
        ),
        rows.values(),
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0
