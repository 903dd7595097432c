"""In a shell full of another project's variables the embedded default works and touches nothing else."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from spotify_assets_tests.support.command import Done, Installation, command
from spotify_assets_tests.support.foreign_environment import hostile_variables, somebody_elses_server


def test_a_whole_run_in_a_shell_of_others(short_tmp: Path) -> None:
    before = datetime.now(UTC).date()
    with somebody_elses_server() as (port, knocks):
        shell = Installation(short_tmp / "home").changed(**hostile_variables(port))
        (short_tmp / "home").mkdir()
        done = shell.run("demo", "--artists", "2", "--days", "2", seconds=280).succeeded()
        assert "the embedded PostgreSQL" in done.out
        assert "failed:" not in done.text
        marts = (
            "select max(snapshot_date) as day, count(*) as n from artist_popularity_trend "
            "where metric = 'popularity'"
        )
        (row,) = shell.run("sql", marts, "--json", TZ="Nowhere/Land").succeeded().json()
        assert row["n"] == 4
        assert before <= date.fromisoformat(row["day"]) <= datetime.now(UTC).date(), "a day is a day in UTC"
        assert knocks == []


@pytest.mark.parametrize(
    ("redirection", "says"),
    [(">/dev/full", "No space left on device"), (">&-", ""), ("<&- >&- 2>&-", ""), ("| head -1", "")],
)
def test_output_that_goes_nowhere_ends_no_command_in_a_traceback(
    installation: Installation, redirection: str, says: str
) -> None:
    asked = shlex.join([*command(), "sql", "select n from generate_series(1, 50000) as g (n)", "--csv"])
    done = subprocess.run(
        ["bash", "-c", f"{asked} {redirection}"],
        check=False, capture_output=True, text=True, env=installation.environment(),
    )  # fmt: skip
    assert done.returncode == (1 if says else 0)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_removed_folder_is_said_to_be(installation: Installation, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    asked = shlex.join([*command(), "status"])
    done = subprocess.run(
        ["bash", "-c", f"mkdir {gone} && cd {gone} && rmdir {gone} && {asked}"],
        check=False, capture_output=True, text=True, env=installation.environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr.startswith("Error: The current folder was removed")) == (1, True)


def test_unknown_names_are_told_beside_what_scripts_read(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTIFY_CLIENTID", "x")
    for _ in range(2):
        listed = cli("watch", "list", "--json").succeeded()
        assert listed.json() == []
        assert listed.err == (
            "Warning: SPOTIFY_CLIENTID in the environment is not a setting: did you mean SPOTIFY_CLIENT_ID?\n"
        )
    assert cli("watch", "--help").succeeded().err == ""

    monkeypatch.setenv("PGHOST", "elsewhere.example")
    monkeypatch.setenv("DBT_TARGET", "prod")
    report = cli("doctor", "--no-probe", "--json").succeeded().json()
    assert "did you mean SPOTIFY_CLIENT_ID?" in report["not_settings"][0]
    assert report["advice"][0] == report["not_settings"][0]
    assert {"PGHOST", "DBT_TARGET"} <= set(report["variables_set_aside"])


def test_doctor_names_a_proxy_that_cannot_be_used(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES", "deezer")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1/128,fe80::/10")
    assert cli("doctor", "--json").succeeded().json()["problems"] == []
    monkeypatch.setenv("HTTPS_PROXY", "http://me:canary@[nonsense")
    told = cli("doctor", "--json")
    assert told.code == 1
    (problem,) = told.json()["problems"]
    assert "HTTPS_PROXY cannot be used" in problem
    assert "canary" not in told.text
