"""A dump is restored with the rights of the platform's own user, and can start no program."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from spotify_assets.operations.dump import dump, programs, restore, schemas, server_major
from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import DumpFailed
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.support.strangers import BESIDE
from spotify_assets_tests.support.warehouse import artists, load


@pytest.fixture
def embedded_warehouse(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """The embedded default, as a user has it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return open_warehouse(load_settings(spotify_assets_home=short_tmp, database_url=None))


def change(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def one(warehouse: Warehouse, query: str) -> object:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        (row,) = cursor.fetchall()
    return row[0]


@pytest.fixture
def proof(short_tmp: Path) -> Path:
    """A file that only a program started by a restore would make; every account may."""
    folder = short_tmp / "open"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    short_tmp.chmod(0o755)
    return folder / "proof"


def test_a_dump_that_needs_a_superuser_is_refused_whole(
    embedded_warehouse: Warehouse, database_url: str, proof: Path, tmp_path: Path
) -> None:
    load(embedded_warehouse, artists(["a"]))
    theirs = Warehouse(SecretStr(database_url))
    change(
        theirs,
        "create function ops.run(text) returns boolean language plpgsql as "
        f"$$ begin execute 'copy (select 1) to program ''touch {proof}'''; return true; end $$",
        "create table ops.rows (name text check (ops.run(name)))",
        "insert into ops.rows values ('x')",
    )
    proof.unlink()  # made where the dump comes from
    file = tmp_path / "dump"
    dump(theirs, file)
    version = server_major(embedded_warehouse)
    with pytest.raises(DumpFailed, match="pg_execute_server_program"):
        restore(embedded_warehouse, file, written_by=version, instead_of=list(schemas(theirs)))
    assert not proof.exists()
    assert one(embedded_warehouse, "select count(*) from snapshots.artist_snapshots") == 1


def test_a_dump_that_holds_a_command_of_psql_is_refused_whole(
    warehouse: Warehouse, empty_database_url: str, proof: Path, tmp_path: Path
) -> None:
    load(warehouse, artists(["a"]))
    harmless = "COMMENT ON SCHEMA ops IS '" + "x" * 100 + "';"
    change(warehouse, harmless)
    file = tmp_path / "dump"
    dump(warehouse, file)
    forged = f"\\! touch {proof}\n--".ljust(len(harmless), "x")
    data = file.read_bytes()
    assert harmless.encode() in data
    file.write_bytes(data.replace(harmless.encode(), forged.encode()))
    target = Warehouse(SecretStr(empty_database_url))
    with pytest.raises(DumpFailed, match="restrict"):
        restore(target, file, written_by=server_major(target))
    assert not proof.exists()
    assert one(target, "select count(*) from pg_namespace where nspname = 'snapshots'") == 0


def test_a_dump_holds_nothing_of_others(
    warehouse: Warehouse, empty_database_url: str, tmp_path: Path
) -> None:
    load(warehouse, artists(["a"]))
    change(warehouse, BESIDE, 'create schema "Marts"', 'create table "Marts".theirs (n int)')
    ours = schemas(warehouse)
    assert set(ours) == {
        "snapshots",
        "ops",
        "forecasts",
        "dagster",
        "seeds",
        "staging",
        "intermediate",
        "marts",
    }
    file = tmp_path / "dump"
    dump(warehouse, file)
    target = Warehouse(SecretStr(empty_database_url))
    restore(target, file, written_by=server_major(target))
    assert one(target, "select count(*) from snapshots.artist_snapshots") == 1
    others = "nspname in ('sales', 'Marts') or relname = 'orders' or nspname = 'public' and relkind = 'r'"
    find = "select count(*) from pg_namespace as n left join pg_class as c on c.relnamespace = n.oid where "
    assert one(warehouse, find + others) != 0
    assert one(target, find + others) == 0
    assert schemas(target) == ours


def test_programs_that_cannot_close_a_script_are_not_used_to_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = programs(18)
    old = tmp_path / "old"
    old.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        script = old / name
        script.write_text(f'#!/bin/sh\n[ "$1" = --help ] && exit\nexec {found.folder / name} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old}:/usr/bin:/bin")
    assert programs(18, restricted=True).folder == found.folder
