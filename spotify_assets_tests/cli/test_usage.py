"""Help, settings that cannot be used, and exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from spotify_assets.cli import COMMANDS
from spotify_assets.cli.runtime.errors import explain, user_facing_errors
from spotify_assets.erasure import rows
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.support.command import Done, Installation

Cli = Callable[..., Done]
CALLS = [*([name] for name in COMMANDS), ["watch", "add"], ["watch", "remove"], ["watch", "list"]]
CANARY = "canary-4f1d"


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_command_explains_itself_with_examples(cli: Cli, call: list[str]) -> None:
    done = cli(*call, "--help").succeeded()
    _, _, examples = done.out.partition("Examples:\n")
    assert examples.lstrip().startswith(f"spotify-assets {call[0]}")
    for line in examples.split("Options:")[0].strip().splitlines():
        assert line.strip().startswith("spotify-assets "), "click has wrapped the examples"
    assert "\b" not in done.out
    assert "\\b" not in done.out
    assert cli(*call, "-h").out == done.out


def test_a_lock_of_somebody_else_is_no_defect(warehouse: Warehouse) -> None:
    with warehouse.connect() as theirs, theirs.cursor() as cursor:
        cursor.execute("lock table ops.users")
        with (
            pytest.raises(user_facing_errors()) as caught,
            warehouse.connect(lock_seconds=0.05) as connection,
        ):
            rows.count(connection.cursor(), rows.Table("ops", "users", {"source": "text"}), rows.Rows("x"))
    said = explain(caught.value)
    assert "did not do what it was asked: canceling statement due to lock timeout" in said
    assert '"ops"."users"' in said


SLOW = ("dagster", "dagster_dbt", "dbt", "numpy", "pandas", "pandera", "pyarrow", "sqlalchemy")
"""What takes long to import."""


def test_help_waits_for_nothing_slow() -> None:
    calls = [[*call, "--help"] for call in CALLS]
    code = (
        "import contextlib, io, sys; from spotify_assets.cli import cli\n"
        f"for call in {calls!r}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        cli.main(call, standalone_mode=False)\n"
        "    assert 'Usage:' in out.getvalue(), call\n"
        f"    assert not (slow := set({SLOW!r}) & set(sys.modules)), (call, slow)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_status_waits_for_nothing_slow(installation: Installation, database: str) -> None:
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.partition_loads (table_name, source, partition_date, rows_requested,"
            " rows_received, rows_loaded, rows_missing, rows_quarantined, rows_superseded, missing,"
            " content_hash, run_id)"
            " select 'artist_snapshots', 'simulated', date '2026-11-01' + n, 1, 1, 1, 0, 0, 0, '{}', '', 'r'"
            " from unnest(array[0, 2]) as n"
        )
    code = (
        "import sys; from spotify_assets.cli import main\n"
        "main(['status'])\n"
        f"print(set({SLOW!r}) & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True,
        env=installation.environment(), cwd=installation.home,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "set()", done.stdout + done.stderr
    assert "not loaded yet" in done.stdout


def test_the_list_of_commands(cli: Cli) -> None:
    done = cli("--help").succeeded()
    for name, (_, summary) in COMMANDS.items():
        assert name in done.out
        assert " ".join(summary.split()[:3]) in done.out
    assert "spotify-assets demo" in done.out
    assert cli().text.startswith("Usage: spotify-assets")


def test_the_installed_command_knows_its_version_and_ends_with_its_exit_codes(
    installation: Installation,
) -> None:
    assert installation.run("--version").succeeded().out.startswith("spotify-assets, version ")
    wrong = installation.run("no-such-command")
    assert (wrong.code, wrong.out) == (2, "")
    assert "No such command 'no-such-command'" in wrong.err
    failed = installation.run("status", SPOTIFY_MARKETS="USA")
    assert (failed.code, failed.out) == (1, "")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "DATABASE_URL",
            f"mysql://user:{CANARY}@host/database",
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        ("DATABASE_URL", f"postgresql://user:{CANARY}@host", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("DATABASE_URL", f"postgresql://user:{CANARY}/x@host/database", "percent-encoded"),
        (
            "DATABASE_URL",
            f"postgresql://user:{CANARY}@127.0.0.1:1/database",
            "Check host and port in DATABASE_URL",
        ),
        ("SPOTIFY_CLIENT_ID", CANARY, "SPOTIFY_CLIENT_SECRET is missing"),
        ("SPOTIFY_CLIENT_SECRET", CANARY, "SPOTIFY_CLIENT_ID is missing"),
        ("SPOTIFY_MARKETS", "USA", "two-letter country codes"),
        ("SPOTIFY_MARKETS", ",", "two-letter country codes"),
        ("SPOTIFY_ASSETS_START_DATE", "2024-13-01", "SPOTIFY_ASSETS_START_DATE"),
        ("SPOTIFY_ASSETS_START_DATE", "1999-01-01", "2006-01-01"),
        ("SPOTIFY_API_URL", "http://127.0.0.1:1/v1", "SPOTIFY_CLIENT_ID"),
        ("SPOTIFY_API_URL", f"http://user:{CANARY}@127.0.0.1:1/v1", "without user name and password"),
        ("SPOTIFY_ACCOUNTS_URL", "ftp://127.0.0.1", "http or https"),
        ("SPOTIFY_CONCURRENCY", "0", "an integer from 1 to 64"),
        ("SPOTIFY_ASSETS_SCHEDULE_HOUR", "noon", "an integer from 0 to 23"),
        ("LAKE_URL", f"gopher://user:{CANARY}@host/lake", "Expected a folder"),
    ],
)
def test_a_wrong_setting_is_named_and_a_secret_never_shown(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setattr(open_warehouse, "__kwdefaults__", {"connect_seconds": 0.2})
    monkeypatch.setenv(name, value)
    done = cli("status")
    assert done.code == 1
    assert done.out == ""
    assert name in done.err
    assert expected in done.err
    assert CANARY not in done.text
    assert "Traceback" not in done.err


def test_a_home_that_cannot_be_used_is_named(
    cli: Cli, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = installation.home / "occupied"
    occupied.write_text("")
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(occupied))
    done = cli("status")
    assert done.code == 1
    assert "SPOTIFY_ASSETS_HOME" in done.err
    assert "Traceback" not in done.err


def test_keys_in_the_lake_url_are_not_shown(
    cli: Cli, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_URL", f"s3://key:{CANARY}@bucket/lake?region=eu-north-1")
    for done in (cli("status"), cli("status", "--json")):
        assert done.code == 0
        assert "bucket/lake" in done.out
        assert CANARY not in done.text


@pytest.mark.parametrize(
    "call",
    [
        ["materialize", "--day", "yesterday"],
        ["materialize", "--day", "2026-02-30"],
        ["materialize", "--day", "2999-01-01"],
        ["materialize", "--day", "2023-12-31"],
        ["materialize", "--select", "snapshots/no_such_table"],
        ["backfill"],
        ["backfill", "--from", "2026-11-03", "--to", "2026-11-01"],
        ["backfill", "--from", "2026-11-03", "--to", "2999-01-01"],
        ["backfill", "--from", "2006-01-01", "--to", "2026-11-01"],
        ["import", "artist-snapshots", "no-such-file.csv", "--source", "x"],
        ["import", "nothing", __file__, "--source", "x"],
        ["import", "artist-snapshots"],
        ["watch", "add"],
        ["watch", "remove"],
        ["sql"],
        ["sql", "select 1", "--csv", "--json"],
        ["sql", "select 1", "--limit", "0"],
        ["demo", "--days", "1"],
        ["simulate", "--pace", "0"],
        ["simulate", "--port", "65536"],
        ["up", "--port", "99999"],
        ["up", "--docs-port", "0"],
        ["docs", "--port", "-1"],
        ["webserver", "--port", "99999"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_with_code_2(cli: Cli, call: list[str], tmp_path: Path) -> None:
    done = cli(*call)
    assert done.code == 2, done.text
    assert done.out == ""
    assert "Error:" in done.err
    assert "Traceback" not in done.err


def test_a_range_error_says_what_to_do(cli: Cli) -> None:
    assert "the range is empty" in cli("backfill", "--from", "2026-11-03", "--to", "2026-11-01").err
    assert "has not come yet" in cli("backfill", "--from", "2026-11-03", "--to", "2999-01-01").err
    early = cli("backfill", "--from", "2010-01-01", "--to", "2026-11-01").err
    assert "set SPOTIFY_ASSETS_START_DATE=2010-01-01" in early
    assert "snapshots/artist_snapshots" in cli("materialize", "--select", "x").err
    near = cli("materialize", "--select", "snapshots/artist_snapshot").err
    assert "Did you mean snapshots/artist_snapshots" in near
    assert "landing" not in near
    assert "Did you mean" not in cli("marts").err
