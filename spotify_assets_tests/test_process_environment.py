"""Whatever another project's variables say, each connection is the one that was asked for."""

from __future__ import annotations

import os

import pytest

from spotify_assets.process_environment import NO_PASSWORD_FILE, clean_environment, provide
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.foreign_environment import (
    WRONG,
    dbt_variables,
    libpq_variables,
    somebody_elses_server,
)

SESSION = (
    "select current_database(), current_user, inet_server_port(), "
    "(select string_agg(name || '=' || setting, ' ' order by name) from pg_settings "
    "where source in ('client', 'user', 'database user'))"
)


def session(warehouse: Warehouse) -> list[object]:
    """Where both drivers come to, and all that was set on the way."""
    found: list[object] = []
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(SESSION)
        found.append(cursor.fetchone())
    with warehouse.adbc() as adbc, adbc.cursor() as cursor:
        cursor.execute(SESSION)
        found.append(cursor.fetchone())
    return found


def test_the_libraries_tell_their_variables() -> None:
    assert {
        "PGHOSTADDR",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
        "PGTZ",
        "PGCONNECT_TIMEOUT",
        "PGREQUIREAUTH",
    } <= set(libpq_variables())
    assert {"DBT_TARGET", "DBT_PROFILES_DIR", "DBT_ENGINE_TARGET", "DBT_FULL_REFRESH"} <= set(dbt_variables())


def test_no_variable_of_libpq_moves_a_connection(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, told = session(warehouse), warehouse.dbt_environment()
    with somebody_elses_server() as (port, knocks):
        for name in libpq_variables():
            with monkeypatch.context() as patch:
                patch.setenv(name, str(port) if name == "PGPORT" else WRONG.get(name, "nonsense"))
                assert session(warehouse) == usual, name
                assert warehouse.dbt_environment() == told, name
        assert knocks == []


def test_no_variable_of_dbt_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment()
    usual = dict(os.environ)
    for name in [*dbt_variables(), *libpq_variables()]:
        monkeypatch.setenv(name, WRONG.get(name, "nonsense"))
        clean_environment()
        assert dict(os.environ) == usual, name
    assert set(usual) >= set(NO_PASSWORD_FILE)


def test_what_we_tell_dbt_ourselves_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLMODE", "DBT_ENV_SECRET_PG_PASSWORD"):
        monkeypatch.setenv(name, "of others")
    provide({"PGSSLMODE": "prefer", "DBT_ENV_SECRET_PG_PASSWORD": "ours"})
    clean_environment()
    assert (os.environ["PGSSLMODE"], os.environ["DBT_ENV_SECRET_PG_PASSWORD"]) == ("prefer", "ours")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    clean_environment()
    assert "PGSSLMODE" not in os.environ


def test_names_that_people_give_to_their_own_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_PASSWORD_OF_OURS", "x")
    monkeypatch.setenv("DAGSTER_WEB_URL", "http://127.0.0.1:3000")
    monkeypatch.setenv("DAGSTER_HOME", "/of/others")
    clean_environment()
    assert os.environ["DAGSTER_HOME"] == "/of/others", "Dagster starts code servers with it"
    clean_environment(dagster=True)
    assert "DAGSTER_HOME" not in os.environ
    assert os.environ["PG_PASSWORD_OF_OURS"] == "x"
    assert os.environ["DAGSTER_WEB_URL"] == "http://127.0.0.1:3000"
