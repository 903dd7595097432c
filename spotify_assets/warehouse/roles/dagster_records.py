"""Users of a PostgreSQL server who know Dagster's own records only.

======  ======================  ===================================================================
keeper  `DATABASE_DAGSTER_URL`  owns what Dagster makes in schema `dagster`: web UI, daemon and runs
viewer  `DATABASE_VIEWER_URL`   reads it: a web UI in which nothing can be changed
======  ======================  ===================================================================
"""

from __future__ import annotations

import psycopg2
from psycopg2 import sql

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import RolesRefused, first_line
from spotify_assets.warehouse.roles.platform import check_fit, make_role

# Runs keep records too, and prune them: what the keeper may do, the loader may.
_GRANT_KEEPER = """
grant {keeper} to {owner}, {loader};
grant connect on database {database} to {keeper};
grant usage, create on schema dagster to {keeper};
"""
_GRANT_VIEWER = """
grant connect on database {database} to {viewer};
grant usage on schema dagster to {viewer};
grant select on all tables in schema dagster to {viewer};
alter default privileges for role {keeper} in schema dagster grant select on tables to {viewer};
"""
# What the web UI writes also where nothing can be changed: what it has counted of partitions, and a name for
# these records, made at the first page that is opened.
_WRITTEN = {
    "dagster.asset_keys": "grant update (cached_status_data) on dagster.asset_keys to {viewer}",
    "dagster.instance_info": "insert into dagster.instance_info (run_storage_id) select gen_random_uuid() "
    "where not exists (select from dagster.instance_info)",
}


def set_up_records(
    owner: Warehouse, loader: Warehouse, keeper: Warehouse, viewer: Warehouse | None
) -> list[str]:
    """Make the users that are not there yet, and give each its rights; again changes nothing.

    Returns:
        The users made now. One that was there keeps its password.

    Raises:
        RolesRefused: The owner may not do so, or the URLs do not fit together.
    """
    check_fit(owner, loader, keeper, viewer)
    names = {
        "owner": sql.Identifier(owner.user),
        "loader": sql.Identifier(loader.user),
        "keeper": sql.Identifier(keeper.user),
        "database": sql.Identifier(owner.database),
    }
    with owner.connect() as connection:
        try:
            wanted = [role for role in (keeper, viewer) if role is not None]
            made = [role.user for role in wanted if make_role(connection, role)]
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(_GRANT_KEEPER).format(**names))
                cursor.execute(
                    "select relname from pg_class where relnamespace = 'dagster'::regnamespace "
                    "and relkind in ('r', 'p', 'v') and pg_get_userbyid(relowner) <> %s",
                    (keeper.user,),
                )
                for (relation,) in cursor.fetchall():
                    cursor.execute(
                        sql.SQL("alter table {} owner to {keeper}").format(
                            sql.Identifier("dagster", relation), **names
                        )
                    )
                if viewer is not None:
                    names["viewer"] = sql.Identifier(viewer.user)
                    cursor.execute(sql.SQL(_GRANT_VIEWER).format(**names))
                    for table, statement in _WRITTEN.items():
                        cursor.execute("select to_regclass(%s) is not null", (table,))
                        if (cursor.fetchone() or (False,))[0]:
                            cursor.execute(sql.SQL(statement).format(**names))
            connection.commit()
        except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedObject) as error:
            connection.rollback()
            raise RolesRefused(
                f"{owner.user} cannot give {keeper.user} its rights ({first_line(error)}); nothing was "
                "changed."
            ) from None
    return made
