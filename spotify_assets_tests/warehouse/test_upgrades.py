"""A database of every earlier version, with data in it, becomes what a fresh one is, and keeps its data."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from spotify_assets.sources.reasons.old_sentences import from_sentence
from spotify_assets.warehouse.migrate import migrate, packaged_migrations
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.oracles.old_reasons import OLD

MIGRATIONS = packaged_migrations()
SCHEMAS = ("snapshots", "ops", "forecasts", "dagster")
# What each version could hold, by the migration that first allows it.
DATA = {
    "0001_snapshots": """
        create table snapshots.artist_snapshots_2026_11 partition of snapshots.artist_snapshots
            for values from ('2026-11-01') to ('2026-12-01');
        insert into snapshots.artist_snapshots
            (snapshot_date, source, artist_id, requested_id, genres, observed_at)
            values ('2026-11-20', 'spotify', 'a', 'a', '{pop,rock}', '2026-11-20 12:00Z');
    """,
    "0002_ops": """
        insert into ops.watchlist (source, artist_id, name, added_by) values ('spotify', 'a', 'A', 'me');
        insert into ops.partition_loads (table_name, source, partition_date, rows_requested, rows_received,
            rows_missing, rows_loaded, rows_quarantined, missing, content_hash, run_id)
            values ('artist_snapshots', 'spotify', '2026-11-20', 2, 1, 1, 1, 0, '{"b": "gone"}', 'x', 'run');
        insert into ops.quarantine (table_name, source, partition_date, raw, reasons, run_id)
            values ('artist_snapshots', 'spotify', '2026-11-20', '{}', '{wrong}', 'run');
    """,
    "0003_dagster": """
        create table dagster.event_logs (id integer);
        insert into dagster.event_logs values (7);
    """,
    "0004_allowances": """
        insert into ops.api_usage (upstream, credential, day, calls)
            values ('spotify', 'x', '2026-11-20', 5);
    """,
    "0005_identities": """
        insert into ops.identities (source, artist_id, target, target_id, method, confidence, resolved_at)
            values ('spotify', 'a', 'deezer', '1', 'hand', 1, now());
    """,
    "0006_users": """
        insert into ops.users (source, user_id, scopes, authorised_at, expires_at, refresh_token)
            values ('spotify', 'u', '{}', '2026-11-01', '2027-05-01', '\\x00');
    """,
    "0007_capabilities": """
        insert into ops.capabilities (upstream, credential, name, allowed, reason, since, checked_at)
            values ('spotify', 'x', 'field: popularity', false, 'left out', now(), now());
    """,
    "0008_catalogue": """
        create table snapshots.track_details_2026_11 partition of snapshots.track_details
            for values from ('2026-11-01') to ('2026-12-01');
        insert into snapshots.track_details (snapshot_date, source, track_id, observed_at)
            values ('2026-11-20', 'spotify', 't', '2026-11-20 12:00Z');
    """,
    "0009_forecasts": """
        insert into forecasts.forecasts (entity, forecast_on, source, metric, entity_id, horizon_days,
            target_date, last_observed_on, last_value, method, value, is_shown, formula_version)
            values ('artist', '2026-11-20', 's', 'popularity', 'a', 14, '2026-12-04', '2026-11-20', 5,
            'drift', 6, true, 1);
    """,
    "0010_operations": """
        insert into ops.removed_raw (table_name, source, partition_date, files)
            values ('artist_snapshots', 'spotify', '2026-11-20', 1);
    """,
    "0011_months": "select ops.ensure_month('top_tracks', '2026-11-20');",
    "0012_managed_objects": """select ops.claim_relations('[["marts", "dim_date"]]');""",
    "0013_replica_identity": "delete from ops.quarantine where source = 'nobody';",
    "0014_attached_to_ours": "create rule quiet as on delete to ops.watchlist do also nothing;",
    "0015_model_builds": """
        insert into ops.model_builds (schema_name, model_name, version, last_load_id, inputs)
            values ('marts', 'dim_date', 'x', 1, '');
    """,
    "0016_reasons": """
        insert into ops.partition_loads (table_name, source, partition_date, rows_requested, rows_received,
            rows_missing, rows_loaded, rows_quarantined, missing, absent, content_hash, run_id)
            values ('artist_snapshots', 'spotify', '2026-11-21', 2, 1, 1, 1, 0, '{"b": {"code": "failed"}}',
                '{"plays": {"code": "not_published"}}', 'x', 'run');
    """,
    "0017_lake_parts": "update ops.partition_loads set lake_parts = 1;",
}
CATALOGUE = {
    "columns": "select table_schema, table_name, column_name, ordinal_position, data_type, is_nullable, "
    "column_default, is_identity from information_schema.columns where table_schema = any(%s)",
    "constraints": "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
    "where connamespace::regnamespace::text = any(%s) and contype <> 'n'",
    "indexes": "select schemaname, indexname, indexdef from pg_indexes where schemaname = any(%s)",
    "views": "select schemaname, viewname, definition from pg_views where schemaname = any(%s)",
    "comments": "select c.oid::regclass::text, d.objsubid, d.description from pg_description as d "
    "join pg_class as c on c.oid = d.objoid where c.relnamespace::regnamespace::text = any(%s)",
    "storage": "select oid::regclass::text, relkind, reloptions::text, relacl::text from pg_class "
    "where relnamespace::regnamespace::text = any(%s)",
    "schemas": "select nspname, nspacl::text from pg_namespace where nspname = any(%s)",
}


@pytest.fixture(scope="module")
def fresh(database_server: DatabaseServer) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """What a fresh database looks like."""
    with database_server.database() as url:
        connection = psycopg2.connect(url)
        migrate(connection)
        yield described(connection)
        connection.close()


def described(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Everything about the schemas but what the data itself has brought."""
    found = {}
    with connection.cursor() as cursor:
        for what, statement in CATALOGUE.items():
            cursor.execute(statement, (list(SCHEMAS),))
            found[what] = sorted(
                (
                    row
                    for row in cursor.fetchall()
                    if "_2026_11" not in str(row) and "event_logs" not in str(row)
                ),
                key=str,
            )
    connection.commit()
    return found


def rows(connection: Any, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """All rows of tables, of these columns only."""
    found = {}
    with connection.cursor() as cursor:
        for table, names in columns.items():
            cursor.execute(f"select ({', '.join(names)})::text from {table} as t")
            found[table] = sorted(text for (text,) in cursor.fetchall())
    return found


def tables(connection: Any) -> dict[str, list[str]]:
    """The columns of every table."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select format('%%I.%%I', table_schema, table_name),
                array_agg(quote_ident(column_name) order by ordinal_position)::text[]
            from information_schema.columns
            inner join information_schema.tables using (table_schema, table_name)
            where table_schema = any(%s) and table_type = 'BASE TABLE'
            group by 1
            """,
            (list(SCHEMAS),),
        )
        return dict(cursor.fetchall())


def test_every_version_is_known() -> None:
    assert list(DATA) == [migration.name for migration in MIGRATIONS], "say what the new version can hold"


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS)))
def test_from_every_earlier_version(
    number: int, empty_database_url: str, fresh: dict[str, list[tuple[Any, ...]]]
) -> None:
    connection = psycopg2.connect(empty_database_url)
    migrate(connection, MIGRATIONS[:number])
    with connection.cursor() as cursor:
        for name in list(DATA)[:number]:
            cursor.execute(DATA[name])
    connection.commit()
    columns = tables(connection)
    del columns["ops.schema_migrations"]
    # reasons are rewritten: see below
    for name in {"missing", "absent"} & set(columns.get("ops.partition_loads", ())):
        columns["ops.partition_loads"].remove(name)
    before = rows(connection, columns)
    assert {table for table, found in before.items() if found} >= {"snapshots.artist_snapshots"}
    assert migrate(connection) == [migration.name for migration in MIGRATIONS[number:]]
    assert described(connection) == fresh
    after = rows(connection, columns)
    made = after.pop("ops.managed_objects", [])  # later versions make more
    assert set(made) >= set(before.pop("ops.managed_objects", []))
    assert after == before
    connection.close()


BEGINNINGS = (
    "this app may not see it", "its id at deezer is not known", "its id at", "not found",
    "unknown to the upstream", "no answer", "HTTP 403", "spotify tells nothing about", "ListenBrainz gives",
)  # fmt: skip


def test_reasons_of_before_become_codes(empty_database_url: str) -> None:
    chance = random.Random(15)
    odd = [
        "".join(chance.choices(["(", ")", ": ", " ", "x", "\n", *BEGINNINGS], k=chance.randrange(5)))
        for _ in range(400)
    ]
    sentences = [*OLD, *(f"{chance.choice(BEGINNINGS)}{rest}" for rest in odd), *odd]
    connection = psycopg2.connect(empty_database_url)
    number = [migration.name for migration in MIGRATIONS].index("0016_reasons")
    migrate(connection, MIGRATIONS[:number])
    insert = (
        "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, rows_received, "
        "rows_missing, rows_loaded, rows_quarantined, missing, absent, content_hash, run_id) "
        "values ('top_tracks', 'spotify', '2026-11-20', 2, 0, 2, 0, 0, %s, %s, 'x', 'run')"
    )
    with connection.cursor() as cursor:
        cursor.execute(insert, ("{}", "{}"))
        for sentence in sentences:
            said = {"a": sentence, "b": "in no answer of this day"}
            cursor.execute(insert, (json.dumps(said), json.dumps(said)))
    migrate(connection)
    with connection.cursor() as cursor:
        cursor.execute("select missing, absent from ops.partition_loads order by load_id")
        (nothing, *found) = cursor.fetchall()
    assert nothing == ({}, {})
    for sentence, (missing, absent) in zip(sentences, found, strict=True):
        expected = OLD.get(sentence) or from_sentence("spotify", sentence).as_json()
        assert missing == absent == {"a": expected, "b": {"code": "not_told"}}, sentence
    connection.close()
