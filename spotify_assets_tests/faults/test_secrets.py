"""A canary in each secret, through runs that succeed and runs that fail: found nowhere afterwards.

The secrets come from files, so that even the environment of a process holds none.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import psycopg2
import pytest

from spotify_assets.settings import PROJECT_ROOT
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.cli.artists.test_login import free_redirect, login
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.faults.conftest import INGEST, Platform
from spotify_assets_tests.support.command import Done, query
from spotify_assets_tests.support.simulator_server import running

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400, func_only=True)]

CLIENT, SECRET, PASSWORD = "the-client-id", "canary-client-secret-7d1e", "canary/password@9c4b"
CANARIES = {
    name: text.encode()
    for name, text in {
        "secret": SECRET,
        "secret in base64": base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode(),
        "password": PASSWORD,
        "password in a URL": quote(PASSWORD, safe=""),
        "a token": "Bearer ",
        "a user's refresh token": "simulated-refresh-",
    }.items()
}


def with_password(url: str) -> str:
    """The same database; a server that trusts us does not look at the password, but everyone has it."""
    parts = urlsplit(url)
    netloc = f"{parts.username or 'postgres'}:{quote(PASSWORD, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


@pytest.fixture
def upstream() -> Iterator[str]:
    with running(SimulatorConfig(artists=200, quirks=False)) as url:
        yield url


@pytest.fixture
def live(
    tmp_path: Path, short_tmp: Path, database_server: DatabaseServer, upstream: str
) -> Iterator[Platform]:
    if database_server.kind == "server":
        pytest.skip("the server looks at the password, so it cannot be a canary")
    with database_server.database(database_server.template) as url:
        # Not in the home, where nothing of them may be found afterwards.
        secrets = {"DATABASE_URL": with_password(url), "SPOTIFY_CLIENT_SECRET": SECRET}
        for name, value in secrets.items():
            (short_tmp / name).write_text(f"{value}\n")
        variables = {
            "SPOTIFY_API_URL": f"{upstream}/v1", "SPOTIFY_ACCOUNTS_URL": upstream,
            "SPOTIFY_CLIENT_ID": CLIENT, "SPOTIFY_REQUESTS_PER_SECOND": "100",
            **{f"{name}_FILE": str(short_tmp / name) for name in secrets},
        }  # fmt: skip
        made = Platform(tmp_path, variables, url)
        made.track(5)
        yield made


def fail_the_sign_in(live: Platform, upstream: str) -> Done:
    rule = {"fault": "invalid_client", "path": "/api/token"}
    httpx.post(f"{upstream}/_simulator/faults", json=rule).raise_for_status()
    # With an empty lake there is nothing that could stand in for an answer.
    done = live.run("materialize", *INGEST, LAKE_URL=str(live.home / "other-lake"))
    httpx.delete(f"{upstream}/_simulator/faults").raise_for_status()
    return done


def found_in(data: bytes, *codes: str) -> list[str]:
    return [name for name, canary in CANARIES.items() if canary in data] + [
        "a code" for code in codes if code.encode() in data
    ]


def test_no_secret_is_left_anywhere(live: Platform, upstream: str) -> None:
    said = [live.run("watch", "add", "Qqqxyzzy Nobody"), live.run("materialize").succeeded()]
    done, codes = login(live.changed(SPOTIFY_REDIRECT_URL=free_redirect()))
    said.append(done.succeeded())
    said.append(fail_the_sign_in(live, upstream))
    assert said[-1].code == 1
    # dbt fails in the middle of a mart …
    change(live.url, "alter table marts.artist_popularity_trend add check (formula_version < 0) not valid")
    said.append(live.run("materialize"))
    assert said[-1].code == 1
    # … and the database is not there at all.
    gone = with_password(live.url).replace(urlsplit(live.url).path, "/no_such_database", 1)
    said.append(live.run("status", DATABASE_URL=gone, DATABASE_URL_FILE=""))
    assert said[-1].code == 1
    assert "no_such_database" in said[-1].err
    # Two ways to say a secret, and a file of secrets that is not there, are refused without saying any.
    said.append(live.run("status", DATABASE_URL=gone))
    assert "DATABASE_URL and DATABASE_URL_FILE are both set" in said[-1].err
    said.append(live.run("status", SPOTIFY_CLIENT_SECRET_FILE="/no/such/file"))
    assert "SPOTIFY_CLIENT_SECRET_FILE: /no/such/file cannot be used" in said[-1].err
    said.append(live.run("doctor"))
    assert f"SPOTIFY_CLIENT_SECRET  from file {live.variables['SPOTIFY_CLIENT_SECRET_FILE']}" in said[-1].out
    said += [live.run("status"), live.run("status", "--json"), live.run("sql", "select * from ops.watchlist")]
    for done in said:
        assert found_in(done.text.encode(), *codes) == [], done.text

    looked_at = 0
    folders = [live.home, PROJECT_ROOT / "dbt_project" / "target", PROJECT_ROOT / "dbt_project" / "logs"]
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        looked_at += 1
        assert found_in(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data, *codes) == [], path
    assert looked_at > 8

    tables = query(
        live.url,
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')",
    )
    assert ("dagster.event_logs",) in tables
    events = 0
    for (table,) in tables:
        for (row,) in query(live.url, f"select t::text from {table} as t"):
            events += table == "dagster.event_logs"
            assert found_in(row.encode(), *codes) == [], table
    assert events > 200


def change(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
