"""Migrations: numbered SQL files, applied in order, once, under a lock.

A file is never changed once it was released: its checksum is kept in the database, and a difference is an
error, because two databases would otherwise differ while claiming to be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.abc import Traversable

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.warehouse import ownership
from spotify_assets.warehouse.errors import ForeignObjects, MigrationError, first_line

_LOCK = "select pg_advisory_lock(hashtextextended('spotify_assets migrations', 0))"
_UNLOCK = "select pg_advisory_unlock(hashtextextended('spotify_assets migrations', 0))"
# What stands already where a migration makes something: whoever made it, it was no migration.
_TAKEN = (
    psycopg2.errors.DuplicateTable,
    psycopg2.errors.DuplicateObject,
    psycopg2.errors.DuplicateSchema,
    psycopg2.errors.DuplicateFunction,
)
_BOOKS = """
create schema if not exists ops;
create table if not exists ops.schema_migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: its name, such as ``0001_snapshots``, and its SQL."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, with line ends as on every system."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def packaged_migrations(folder: Traversable | None = None) -> list[Migration]:
    """Return the migrations that this version of the code has, in order.

    Args:
        folder: Where to look; by default the package's own files.

    Raises:
        MigrationError: Two files have the same number.
    """
    folder = folder or resources.files("spotify_assets.warehouse") / "migrations"
    found = [
        Migration(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    found.sort(key=lambda migration: migration.name)
    numbers = [migration.name.split("_", 1)[0] for migration in found]
    if len(set(numbers)) != len(numbers):
        raise MigrationError(f"Two migrations have the same number: {', '.join(m.name for m in found)}")
    return found


def migrate(connection: PgConnection, migrations: list[Migration] | None = None) -> list[str]:
    """Bring the database to this version's schema.

    Processes that do so at once wait for each other; each file is applied in a transaction of its own,
    together with its record.

    Args:
        connection: A connection without an open transaction.
        migrations: What to apply; by default the package's own files.

    Returns:
        The names of the migrations applied now, in order; empty when there was nothing to do.

    Raises:
        ForeignObjects: Somebody else's schemas or relations bear the names of what is to be made.
        MigrationError: An applied file was changed since, the database is newer than the code, or a
            statement failed (that file is then rolled back whole).
    """
    wanted = packaged_migrations() if migrations is None else migrations
    try:
        if not _pending(_applied(connection), wanted):
            return []
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = 0")  # whoever holds the lock is doing our work
            cursor.execute(_LOCK)
            connection.commit()
        try:
            return _apply(connection, wanted)
        finally:
            connection.rollback()
            with connection.cursor() as cursor:
                cursor.execute(_UNLOCK)
                cursor.execute("reset lock_timeout")
            connection.commit()
    except psycopg2.errors.InsufficientPrivilege as error:
        connection.rollback()
        raise MigrationError(
            f"The database user may not create the platform's schemas ({first_line(error)}). As the "
            "database's owner, run: GRANT CREATE ON DATABASE <database> TO <user>; then try again. Or, with "
            "users of their own for migrating and for loading, set DATABASE_OWNER_URL."
        ) from None


def applied_migrations(connection: PgConnection) -> list[str]:
    """Names of the migrations that the database has, in order."""
    return sorted(_applied(connection))


def pending_migrations(connection: PgConnection) -> list[Migration]:
    """What this version would apply to the database.

    Raises:
        MigrationError: The database is that of a newer version.
    """
    return _pending(_applied(connection), packaged_migrations())


def is_current(connection: PgConnection) -> bool:
    """Whether the database has this version's schema, as far as this user may see it.

    Raises:
        MigrationError: It is that of another version.
    """
    try:
        return not _pending(_applied(connection), packaged_migrations())
    except psycopg2.errors.InsufficientPrivilege:
        connection.rollback()
        return False


def check_known(names: Iterable[str]) -> None:
    """Make sure that a database with these migrations is none of a newer version.

    Raises:
        MigrationError: It is.
    """
    _refuse_newer(names, packaged_migrations())


def _refuse_newer(names: Iterable[str], wanted: Sequence[Migration]) -> None:
    newer = sorted(set(names) - {migration.name for migration in wanted})
    if newer:
        raise MigrationError(
            f"The database is newer than this version of Spotify Assets: it has {', '.join(newer)}, which "
            "this version does not know. Upgrade Spotify Assets, or use another database (DATABASE_URL)."
        )


def _apply(connection: PgConnection, wanted: list[Migration]) -> list[str]:
    applied = _applied(connection)
    pending = _pending(applied, wanted)
    ownership.check_schemas(
        connection, [m.sql for m in wanted if m.name in applied], [migration.sql for migration in pending]
    )
    done = []
    for migration in pending:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_BOOKS)
                _execute(cursor, migration)
                cursor.execute(
                    "insert into ops.schema_migrations (name, checksum) values (%s, %s)",
                    (migration.name, migration.checksum),
                )
            connection.commit()
        except psycopg2.errors.InsufficientPrivilege:
            raise
        except _TAKEN as error:
            connection.rollback()
            raise ForeignObjects(
                f"Migration {migration.name} was undone: {first_line(error)}, and Spotify Assets did not "
                "make it. Rename it or move it to a schema of its own; then try again."
            ) from None
        except psycopg2.Error as error:
            connection.rollback()
            raise MigrationError(
                f"Migration {migration.name} failed and was undone: {first_line(error)}"
            ) from error
        done.append(migration.name)
    return done


def _execute(cursor: PgCursor, migration: Migration) -> None:
    """Apply a migration and note what it makes as the platform's own."""
    recorded = ownership.is_recorded(cursor.connection)
    if recorded:
        ownership.record(cursor, ((name, "") for name in ownership.created_schemas([migration.sql])))
        before = set(ownership.foreign_objects(cursor.connection))
    cursor.execute(migration.sql)
    if recorded:
        made = set(ownership.foreign_objects(cursor.connection)) - before
        ownership.record(cursor, ((schema, name) for schema, name, _ in made))


def _applied(connection: PgConnection) -> dict[str, str]:
    """Return checksum by name of what the database has."""
    with connection.cursor() as cursor:
        applied: dict[str, str] = {}
        if ownership.has_ledger(connection):
            cursor.execute("select name, checksum from ops.schema_migrations")
            applied = dict(cursor.fetchall())
    connection.commit()
    return applied


def _pending(applied: dict[str, str], wanted: list[Migration]) -> list[Migration]:
    """Return what is still to be applied, after checking that the rest is what the database has."""
    known = {migration.name: migration for migration in wanted}
    _refuse_newer(applied, wanted)
    changed = [name for name, checksum in applied.items() if known[name].checksum != checksum]
    if changed:
        raise MigrationError(
            f"Migration {', '.join(sorted(changed))} was changed after it had been applied to this database. "
            "Restore the file and put the change into a new, higher-numbered migration."
        )
    pending = [migration for migration in wanted if migration.name not in applied]
    if pending and applied and pending[0].name < max(applied):
        raise MigrationError(
            f"Migration {pending[0].name} comes before {max(applied)}, which this database already has. "
            "Give it a higher number."
        )
    return pending
