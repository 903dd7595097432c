"""A team's warehouse: what stands in a database that is not ours, and a picture of it to compare."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import closing

import psycopg2

from spotify_assets.operations.dump import programs, server_major
from spotify_assets.warehouse.connection import Warehouse

WAREHOUSE = """
create schema marts;
create table marts.dim_date (date_key int primary key, fiscal_year text);
insert into marts.dim_date select g, 'FY' || g from generate_series(1, 50) as g;
create table marts.dim_artist (artist_id text, source text);
insert into marts.dim_artist values ('a', 'spotify'), ('b', 'deezer');
create view marts.v_fiscal as select fiscal_year, count(*) from marts.dim_date group by 1;
grant select on marts.dim_date to public;
create schema staging;
create type staging.kind as enum ('x', 'y');
create table staging.raw_invoices (id serial, kind staging.kind);
create function staging.newest() returns int language sql return 1;
create materialized view staging.kinds as select distinct kind from staging.raw_invoices;
comment on schema staging is 'The team''s own.';
create schema dagster;
create table dagster.runs (id int, run_id text);
insert into dagster.runs values (1, 'theirs');
alter default privileges in schema marts grant select on tables to public;
"""
"""Names that this platform needs, in the hands of others."""

BESIDE = """
create schema sales;
create table sales.orders (order_id int primary key, source text, artist_id text, user_id text, name text);
insert into sales.orders values (1, 'spotify', 'a', 'anna', 'Gone Girl');
create view sales.by_source as select source, count(*) from sales.orders group by 1;
create table public.artist_snapshots (artist_id text, source text);
insert into public.artist_snapshots values ('a', 'spotify');
grant select on sales.orders to public;
create table sales.numbers (
    source int, target json, user_id bigint, artist_id int, track_id uuid, name jsonb, label xml, day int,
    snapshot_date text, played_at bigint, artist_ids text[], artist_names text[]
);
insert into sales.numbers (artist_id, name, artist_ids) values (1, '{}', '{b}');
create materialized view sales.artists as select artist_id from sales.orders;
create materialized view sales.never_filled as select source from sales.orders with no data;
"""
"""What a team has under names that are its own."""

_PASSING = re.compile(r"^(\\(un)?restrict .*|-- Dumped .*|SET .*)$", re.MULTILINE)


def picture(warehouse: Warehouse, *schemas: str) -> str:
    """Some schemas as pg_dump writes them, rows, owners and rights too, and the database's rights."""
    used = programs(server_major(warehouse))
    done = subprocess.run(
        [str(used.folder / "pg_dump"), "--no-password", *(f"--schema={name}" for name in schemas)],
        check=True, capture_output=True, text=True, env={**os.environ, **warehouse.libpq_environment()},
    )  # fmt: skip
    with (
        closing(psycopg2.connect(warehouse.url.get_secret_value())) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select datacl::text, datdba from pg_database where datname = current_database()")
        database = cursor.fetchone()
    return f"{_PASSING.sub('', done.stdout)}\n{database}"
