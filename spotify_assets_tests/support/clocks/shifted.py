"""Another time for a database and for the simulated upstream, which both go on from there."""

from __future__ import annotations

from datetime import datetime

import httpx
import psycopg2

_INSTALL = """
create schema if not exists accelerated;
create table if not exists accelerated.clock (ahead interval not null);
insert into accelerated.clock select '0' where not exists (select from accelerated.clock);
create or replace function accelerated.clock_timestamp() returns timestamptz language sql volatile
    as 'select pg_catalog.clock_timestamp() + ahead from accelerated.clock';
create or replace function accelerated.now() returns timestamptz language sql stable
    as 'select pg_catalog.now() + ahead from accelerated.clock';
"""
"""Functions that are found before the server's own of the same names, by sessions of such an address."""


def clocked(database_url: str) -> str:
    """The address of a database by whose clock, once it is installed, sessions go."""
    joint = "&" if "?" in database_url else "?"
    return f"{database_url}{joint}options=-csearch_path%3Daccelerated%2Cpg_catalog%2Cpublic"


def install_database_clock(database_url: str) -> None:
    """Let a database have a clock that can be set."""
    _execute(database_url, _INSTALL)


def set_database_clock(database_url: str, moment: datetime) -> None:
    """Let it be that time for a database with such a clock."""
    _execute(
        database_url,
        "update accelerated.clock set ahead = %s::timestamptz - pg_catalog.clock_timestamp()",
        moment,
    )


def set_upstream_clock(url: str, moment: datetime | None) -> None:
    """Let it be that time for a simulated upstream; the machine's if absent."""
    body = {"now": moment.isoformat()} if moment is not None else {}
    httpx.post(f"{url}/_simulator/day", json=body).raise_for_status()


def _execute(database_url: str, statement: str, *values: object) -> None:
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
        connection.commit()
    finally:
        connection.close()
