"""Whether a restore may drop what stands: only what the platform made goes."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.warehouse.errors import ForeignObjects
from spotify_assets.warehouse.migrate import pending_migrations
from spotify_assets.warehouse.ownership import foreign, has_ledger, is_recorded, schemas_taken, some


def check_replaceable(connection: PgConnection, schemas: Sequence[str]) -> list[str]:
    """Before a restore: make sure that schemas can be dropped without taking along what is somebody else's.

    Where the installation is from before the record, what is its own is found out without changing anything.

    Args:
        connection: A connection without an open transaction.
        schemas: Schemas that the restore makes.

    Returns:
        Those of them that stand there, to be dropped.

    Raises:
        ForeignObjects: One is not the platform's, holds what the platform did not make, or something of
            others outside of it stands on what it holds.
    """
    try:
        if not is_recorded(connection):
            pending = pending_migrations(connection)
            with connection.cursor() as cursor:
                for migration in pending if has_ledger(connection) else ():
                    cursor.execute(migration.sql)
        return _droppable(connection, schemas)
    finally:
        connection.rollback()


def _droppable(connection: PgConnection, schemas: Sequence[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select nspname from pg_namespace where nspname = any(%s)", (list(schemas),))
        standing = {name for (name,) in cursor.fetchall()}
        if not standing:
            return []
        if not is_recorded(connection):
            raise schemas_taken(connection, sorted(standing))
        cursor.execute("select schema_name from ops.managed_objects where object_name = ''")
        if not_ours := standing - {name for (name,) in cursor.fetchall()}:
            raise schemas_taken(connection, sorted(not_ours))
    if found := foreign(connection):
        raise ForeignObjects(
            f"Restoring would drop what Spotify Assets did not make: {some(found)}. Nothing was changed. "
            "Move it to a schema of its own, or drop it and make it again afterwards; then try again."
        )
    return sorted(standing)
