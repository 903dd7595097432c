"""What in the database is the platform's own, so that nothing of somebody else's is altered or dropped.

What was made stands in `ops.managed_objects`, which migrations fill by themselves and dbt's relations are
claimed in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.warehouse.errors import ForeignObjects, first_line

BUILT = ("seeds", "staging", "intermediate", "marts")
"""Schemas whose tables and views dbt makes."""
CLAIM_REFUSED = "SA001"
_SHOWN = 10
_CREATED_SCHEMA = re.compile(r"^\s*create schema (?:if not exists )?(\w+)", re.IGNORECASE | re.MULTILINE)
_LEDGER = {("name", "text"), ("checksum", "text"), ("applied_at", "timestamp with time zone")}
WAY_OUT = (
    "Nothing was changed. Give Spotify Assets a database of its own: createdb spotify_assets, and name it in "
    "DATABASE_URL."
)


def created_schemas(statements: Iterable[str]) -> set[str]:
    """Schemas that migrations make."""
    return {name for text in statements for name in _CREATED_SCHEMA.findall(text)}


def has_ledger(connection: PgConnection) -> bool:
    """Whether our table of migrations stands in the database; reads the catalog only, so needs no rights.

    Raises:
        ForeignObjects: Another table of that name does, or a schema `ops` without it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.attname::text, format_type(a.atttypid, a.atttypmod) from pg_class as c "
            "join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
            "where c.relnamespace = (select oid from pg_namespace where nspname = 'ops') "
            "and c.relname = 'schema_migrations' and c.relkind = 'r'"
        )
        columns = set(cursor.fetchall())
    if columns and columns != _LEDGER:
        raise schemas_taken(connection, ["ops"])
    return bool(columns)


def check_schemas(connection: PgConnection, applied: Iterable[str], pending: Iterable[str]) -> None:
    """Before migrations: make sure that the schemas they make are free, or were made by those applied.

    Args:
        connection: A connection.
        applied: SQL of the migrations that the database has.
        pending: SQL of those to be applied.

    Raises:
        ForeignObjects: Somebody else's schemas bear these names.
    """
    applied = list(applied)
    made = created_schemas(applied) | ({"ops"} if has_ledger(connection) else set())
    if applied:  # dbt has made these in installations from before they were a migration's
        made |= set(BUILT)
    wanted = sorted(({"ops"} | created_schemas(pending)) - made)
    with connection.cursor() as cursor:
        cursor.execute("select nspname from pg_namespace where nspname = any(%s) order by 1", (wanted,))
        taken = [name for (name,) in cursor.fetchall()]
    if taken:
        raise schemas_taken(connection, taken)


def foreign_objects(connection: PgConnection) -> list[tuple[str, str, str]]:
    """Schema, name and description of what stands in the platform's schemas and is not its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select schema_name, object_name, object_type || ' ' || identity from ops.foreign_objects "
            "where object_name <> '' order by 1, 2, 3"
        )
        return cursor.fetchall()


def record(cursor: PgCursor, objects: Iterable[tuple[str, str]]) -> None:
    """Note what the platform has made, as pairs of schema and name."""
    for pair in objects:
        cursor.execute("insert into ops.managed_objects values (%s, %s) on conflict do nothing", pair)


def is_recorded(connection: PgConnection) -> bool:
    """Whether the database has the record yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            "where n.nspname = 'ops' and c.relname = 'managed_objects')"
        )
        return bool((cursor.fetchone() or (False,))[0])


def claim_models(connection: PgConnection, manifest: Path) -> None:
    """Before a build: claim the names of all that dbt makes. Commits.

    Raises:
        ForeignObjects: Somebody else's relations, types or schemas bear such names.
    """
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    names = [[node["schema"], node["alias"]] for node in nodes if node["resource_type"] in {"model", "seed"}]
    try:
        with connection.cursor() as cursor:
            cursor.execute("select ops.claim_relations(%s)", (json.dumps(names),))
        connection.commit()
    except psycopg2.Error as error:
        connection.rollback()
        if error.pgcode != CLAIM_REFUSED:
            raise
        raise ForeignObjects(first_line(error)) from None


def foreign(connection: PgConnection) -> list[str]:
    """What others have made within the platform's schemas, or outside on what stands in them."""
    within = [what for _, _, what in foreign_objects(connection)]
    with connection.cursor() as cursor:
        cursor.execute("select * from ops.foreign_dependents()")
        return within + [what for (what,) in cursor.fetchall() if what not in within]


def others(connection: PgConnection) -> list[str]:
    """What else stands in the database: schemas and objects that the platform did not make."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select 'schema ' || nspname from pg_namespace as n "
            "where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') and not exists "
            "(select from ops.managed_objects where schema_name = nspname and object_name = '') "
            "union select o.type || ' ' || o.identity from pg_depend as d "
            "cross join lateral pg_identify_object(d.classid, d.objid, 0) as o "
            "where d.refclassid = 'pg_namespace'::regclass and d.refobjid = 'public'::regnamespace "
            "and d.classid <> 'pg_default_acl'::regclass and not exists (select from pg_depend as e "
            "where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e') "
            "order by 1"
        )
        return [name for (name,) in cursor.fetchall()] + [what for _, _, what in foreign_objects(connection)]


def schemas_taken(connection: PgConnection, schemas: Sequence[str]) -> ForeignObjects:
    """The error that schemas of ours stand already and somebody else made them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select n.nspname || '.' || c.relname from pg_class as c join pg_namespace as n "
            "on n.oid = c.relnamespace where n.nspname = any(%s) and c.relkind not in ('i', 'I', 't') "
            "and not c.relispartition order by 1 limit %s",
            (list(schemas), _SHOWN + 1),
        )
        held = [name for (name,) in cursor.fetchall()]
    one = len(schemas) == 1
    named = f"{'Schema' if one else 'Schemas'} {', '.join(schemas)}"
    holding = f" ({some(held)})" if held else ""
    return ForeignObjects(
        f"{named}{holding} {'stands' if one else 'stand'} in the database already, and Spotify Assets did "
        f"not make {'it' if one else 'them'}. {WAY_OUT}"
    )


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
