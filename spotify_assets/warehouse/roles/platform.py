"""Users of a PostgreSQL server, each with no more rights than it needs.

=======  ====================  =====================================================================
owner    `DATABASE_OWNER_URL`  owns what migrations make; migrates, restores, makes the other two
loader   `DATABASE_URL`        what runs every day: reads and writes rows, owns what dbt and Dagster make
reader   `DATABASE_READER_URL` reads marts, forecasts, snapshots and the books, but nothing about users
=======  ====================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from psycopg2.extensions import encrypt_password

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import RolesRefused, first_line
from spotify_assets.warehouse.migrate import migrate
from spotify_assets.warehouse.ownership import BUILT, others

READABLE = ("snapshots", "forecasts", "marts")
"""Schemas that a reader sees all of."""
LOADED = ("snapshots", "ops", "forecasts")
"""Schemas whose tables migrations make."""
READABLE_BOOKS = (
    "partition_loads", "current_partition_loads", "quarantine", "watchlist", "identities", "capabilities",
    "api_usage", "cooldowns", "removed_raw", "model_builds", "schema_migrations",
)  # fmt: skip
"""Of `ops`, what a reader sees: by name, so that a table that is added later is not seen by accident."""
_SHOWN_BOOKS = {("ops", name) for name in READABLE_BOOKS}

_CLOSE = "revoke all on database {database} from public"
_GRANT_LOADER = """
grant connect, temporary on database {database} to {loader};
grant usage on schema snapshots, ops, forecasts, dagster to {loader};
grant create on schema dagster to {loader};
grant select, insert, update, delete on {loaded} to {loader};
revoke insert, update, delete on ops.schema_migrations from {loader};
grant select on sequence {sequences} to {loader};
grant execute on function {functions} to {loader};
alter default privileges for role {owner} in schema snapshots, ops, forecasts
    grant select, insert, update, delete on tables to {loader};
alter default privileges for role {owner} in schema ops grant select on sequences to {loader};
alter default privileges for role {owner} in schema ops grant execute on functions to {loader};
"""
_GRANT_READER = """
grant connect on database {database} to {reader};
grant usage on schema ops, {readable} to {reader};
grant select on {shown} to {reader};
alter default privileges for role {owner} in schema snapshots, forecasts grant select on tables to {reader};
alter default privileges for role {loader} in schema marts grant select on tables to {reader};
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('spotify_assets reader', 0))"
_LACKING = """
select exists (
    select from ops.managed_relations as r
    where (r.schema_name = any(%(readable)s) or r.schema_name = 'ops' and r.relation_name = any(%(books)s))
        and not (
            has_schema_privilege(%(reader)s, r.schema_name, 'usage')
            and has_table_privilege(%(reader)s, r.relation_id, 'select')
        )
)
"""
"""Whether a reader lacks a right on what stands there."""


def set_up(owner: Warehouse, loader: Warehouse, reader: Warehouse | None) -> tuple[list[str], list[str]]:
    """Migrate, make the users that are not there yet, and give each its rights; again changes nothing.

    Returns:
        The users made now (one that was there keeps its password), and what of others stands in the database.

    Raises:
        RolesRefused: The owner may not do so, or the URLs do not fit together.
    """
    check_fit(owner, loader, reader)
    with owner.connect() as connection:
        migrate(connection)
        try:
            made = [
                role.user
                for role, extra in ((loader, ""), (reader, "noinherit"))
                if role is not None and make_role(connection, role, extra)
            ]
            if reader is not None and reader.user in made:
                with connection.cursor() as cursor:
                    role_name = sql.Identifier(reader.user)
                    cursor.execute(
                        sql.SQL("alter role {} set default_transaction_read_only = on").format(role_name)
                    )
            connection.commit()
        except psycopg2.errors.InsufficientPrivilege as error:
            connection.rollback()
            raise RolesRefused(
                f"{owner.user} may not make users ({first_line(error)}). As a superuser, run: ALTER ROLE "
                f'"{owner.user}" CREATEROLE; or make them yourself (CREATE ROLE … LOGIN PASSWORD …). Then '
                "try again."
            ) from None
    return made, grant(owner, loader, reader)


def grant_reader(owner: Warehouse, reader: Warehouse) -> None:
    """Give a reader its rights on what one user owns, as in the embedded server; again changes nothing.

    Marts that are built later are readable by themselves. So nothing is granted where nothing is lacking: it
    would meet whoever grants too, or builds, at the same moment.
    """
    with owner.connect() as connection:
        with connection.cursor() as cursor:
            cursor.execute(_ONE_AT_A_TIME)
            cursor.execute(
                _LACKING,
                {"reader": reader.user, "readable": list(READABLE), "books": list(READABLE_BOOKS)},
            )
            (lacking,) = cursor.fetchone() or (True,)
        if not lacking:
            return
        shown = [one for one in _managed(connection, LOADED) if one in _SHOWN_BOOKS]
        names = {
            "owner": sql.Identifier(owner.user),
            "loader": sql.Identifier(owner.user),
            "database": sql.Identifier(owner.database),
            "readable": sql.SQL(", ").join(map(sql.Identifier, READABLE)),
            "shown": _listed([*_managed(connection, READABLE), *shown]),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(_GRANT_READER).format(reader=sql.Identifier(reader.user), **names))
        connection.commit()


def grant(owner: Warehouse, loader: Warehouse, reader: Warehouse | None) -> list[str]:
    """Give loader and reader their rights, in one transaction; again changes nothing.

    Only what the platform made is touched. Where something of others stands in the database, everybody may
    go on connecting to it.

    Returns:
        What of others stands there.

    Raises:
        RolesRefused: The owner may not do so.
    """
    with owner.connect() as connection:
        try:
            found = others(connection)
            _hand_over(connection, owner.user, loader.user)
            loaded = _managed(connection, LOADED)
            names = {
                "owner": sql.Identifier(owner.user),
                "loader": sql.Identifier(loader.user),
                "database": sql.Identifier(owner.database),
                "readable": sql.SQL(", ").join(map(sql.Identifier, READABLE)),
                "loaded": _listed(loaded),
                "shown": _listed(
                    [*_managed(connection, READABLE), *(one for one in loaded if one in _SHOWN_BOOKS)]
                ),
                "sequences": _listed(_sequences(connection)),
                "functions": _functions(connection),
            }
            with connection.cursor() as cursor:
                for statement in (_GRANT_LOADER, *([] if found else [_CLOSE])):
                    cursor.execute(sql.SQL(statement).format(**names))
                if reader is not None:
                    cursor.execute(sql.SQL(_GRANT_READER).format(reader=sql.Identifier(reader.user), **names))
            connection.commit()
        except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedObject) as error:
            connection.rollback()
            raise RolesRefused(
                f"{owner.user} cannot give {loader.user} its rights ({first_line(error)}); nothing was "
                f"changed. {owner.user} has to own the database and what is in it (as a superuser: ALTER "
                f'DATABASE "{owner.database}" OWNER TO "{owner.user}"), and to have run `roles`.'
            ) from None
    return found


def _managed(connection: PgConnection, schemas: Sequence[str]) -> list[tuple[str, str]]:
    """Tables, their partitions, and views that the platform made in some schemas."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select n.nspname::text, relation_name from ops.managed_relations "
            "join pg_class as c on c.oid = relation_id join pg_namespace as n on n.oid = c.relnamespace "
            "where schema_name = any(%s) order by 1, 2",
            (list(schemas),),
        )
        return cursor.fetchall()


def _sequences(connection: PgConnection) -> list[tuple[str, str]]:
    """Sequences that belong to columns of the platform's tables in `ops`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select n.nspname::text, c.relname::text from ops.managed_relations as r "
            "join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = r.relation_id "
            "join pg_class as c on d.classid = 'pg_class'::regclass and c.oid = d.objid and c.relkind = 'S' "
            "join pg_namespace as n on n.oid = c.relnamespace "
            "where r.schema_name = 'ops' and d.deptype in ('a', 'i') order by 1, 2"
        )
        return cursor.fetchall()


def _functions(connection: PgConnection) -> sql.Composable:
    """The platform's functions in `ops`, with their arguments as PostgreSQL writes them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select 'ops.' || object_name from ops.managed_objects "
            "where schema_name = 'ops' and object_name like '%(%' order by 1"
        )
        return sql.SQL(", ").join(sql.SQL(name) for (name,) in cursor.fetchall())


def _listed(names: Iterable[tuple[str, str]]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(*name) for name in names)


def make_role(connection: PgConnection, role: Warehouse, extra: str = "") -> bool:
    """Make a user unless it is there; the server is told a hash of the password, never itself."""
    with connection.cursor() as cursor:
        cursor.execute("select from pg_roles where rolname = %s", (role.user,))
        if cursor.fetchone() is not None:
            return False
        password: sql.Composable = sql.SQL("null")
        if role.password is not None:
            hashed = encrypt_password(
                role.password.get_secret_value(), role.user, scope=connection, algorithm="scram-sha-256"
            )
            password = sql.Literal(hashed)
        cursor.execute(
            sql.SQL("create role {} login nosuperuser nocreatedb nocreaterole {} password {}").format(
                sql.Identifier(role.user), sql.SQL(extra), password
            )
        )
    return True


def _hand_over(connection: PgConnection, owner: str, loader: str) -> None:
    """Let the loader own what dbt and Dagster make, also what they have made as somebody else before."""
    with connection.cursor() as cursor:
        # Only a member may give something away to a role, or say what its future tables grant.
        cursor.execute(sql.SQL("grant {} to {}").format(sql.Identifier(loader), sql.Identifier(owner)))
        for name in BUILT:
            cursor.execute(
                "select exists (select from ops.managed_objects where schema_name = %s and object_name = '')",
                (name,),
            )
            if (cursor.fetchone() or (False,))[0]:
                place = {"schema": sql.Identifier(name), "loader": sql.Identifier(loader)}
                cursor.execute(sql.SQL("create schema if not exists {schema}").format(**place))
                cursor.execute(sql.SQL("alter schema {schema} owner to {loader}").format(**place))
        # The loader has to be allowed to make something where it is to own something.
        cursor.execute(sql.SQL("grant usage, create on schema dagster to {}").format(sql.Identifier(loader)))
        cursor.execute(
            "select r.schema_name, r.relation_name from ops.managed_relations as r "
            "join pg_class as c on c.oid = r.relation_id where r.schema_name = any(%s) "
            "and not pg_has_role(%s, c.relowner, 'member')",
            ([*BUILT, "dagster"], loader),
        )
        for schema, relation in cursor.fetchall():  # views too: ALTER TABLE takes them all
            cursor.execute(
                sql.SQL("alter table {} owner to {}").format(
                    sql.Identifier(schema, relation), sql.Identifier(loader)
                )
            )


def check_fit(*users: Warehouse | None) -> None:
    """Make sure that URLs name different users of one database.

    Raises:
        RolesRefused: They do not.
    """
    roles = [role for role in users if role is not None]
    if len({role.user for role in roles}) < len(roles) or not all(role.user for role in roles):
        raise RolesRefused(
            "Each URL has to name another user: "
            + ", ".join(f"{role.setting} names {role.user or 'none'}" for role in roles)
        )
    if len({role.where.rpartition(" (")[0] for role in roles}) > 1:
        raise RolesRefused(
            f"The URLs have to name the same database: {'; '.join(role.where for role in roles)}"
        )
