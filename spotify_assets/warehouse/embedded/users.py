"""The users of the embedded server: what runs is no superuser, and who asks by `sql` may only read.

=====================  =====================================================================================
postgres               makes the other two when the server starts, and is used for nothing else
spotify_assets         owns the database and all in it: runs, dbt, Dagster, backup and restore
spotify_assets_reader  reads; its rights are given by `roles.grant_reader`
=====================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable

from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.warehouse.embedded.cluster import DATABASE

OWNER = "spotify_assets"
READER = "spotify_assets_reader"

# The server has made these in older clusters as postgres. Sequences of columns follow their tables.
_HAND_OVER = f"""
do $$
declare item record;
begin
    for item in
        select format('schema %I', n.nspname) as what
        from pg_namespace as n
        where n.nspowner = 'postgres'::regrole and n.nspname !~ '^pg_'
            and n.nspname not in ('information_schema', 'public')
        union all
        select format('table %s', c.oid::regclass)
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relowner = 'postgres'::regrole and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            and c.relkind in ('r', 'p', 'v', 'm', 'S') and not exists (
                select from pg_depend as d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
                    and c.relkind = 'S')
        union all
        select format('routine %s', p.oid::regprocedure)
        from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
        where p.proowner = 'postgres'::regrole and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        union all
        select format('type %s', t.oid::regtype)
        from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
        where t.typowner = 'postgres'::regrole and t.typtype in ('d', 'e', 'r')
            and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    loop
        execute format('alter %s owner to {OWNER}', item.what);
    end loop;
end
$$
"""  # noqa: S608 - only names of our own


def set_up(connect: Callable[[str], PgConnection]) -> None:
    """Make the two users and the platform's database, unless they are there. Call with the start lock held.

    Args:
        connect: Gives a connection of the superuser to a database by name.
    """
    admin = connect("postgres")
    try:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute("select rolname from pg_roles where rolname in (%s, %s)", (OWNER, READER))
            known = {name for (name,) in cursor.fetchall()}
            if OWNER not in known:
                cursor.execute(f"create role {OWNER} login")
            if READER not in known:
                cursor.execute(f"create role {READER} login noinherit connection limit 20")
                cursor.execute(f"alter role {READER} set default_transaction_read_only = on")
            cursor.execute(
                "select datdba = %s::regrole from pg_database where datname = %s", (OWNER, DATABASE)
            )
            found = cursor.fetchone()
            if found is None:
                cursor.execute(f'create database "{DATABASE}" owner {OWNER}')
            elif not found[0]:
                _hand_over(connect)
                cursor.execute(f'alter database "{DATABASE}" owner to {OWNER}')
    finally:
        admin.close()


def _hand_over(connect: Callable[[str], PgConnection]) -> None:
    connection = connect(DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_HAND_OVER)
        connection.commit()
    finally:
        connection.close()
