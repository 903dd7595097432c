"""In a shell full of another project's variables the embedded default works and touches nothing else."""

from __future__ import annotations

from pathlib import Path

from spotify_assets_tests.cli.command import Installation
from spotify_assets_tests.hostile import hostile_variables, somebody_elses_server


def test_a_whole_run_in_a_shell_of_others(short_tmp: Path) -> None:
    with somebody_elses_server() as (port, knocks):
        shell = Installation(short_tmp / "home").changed(**hostile_variables(port))
        (short_tmp / "home").mkdir()
        done = shell.run("demo", "--artists", "2", "--days", "2").succeeded()
        assert "the embedded PostgreSQL" in done.out
        assert "failed:" not in done.text
        marts = "select count(*) as n from artist_popularity_trend where metric = 'popularity'"
        assert shell.run("sql", marts, "--json").succeeded().json() == [{"n": 4}]
        assert knocks == []
