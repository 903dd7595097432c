"""`import`: files that cannot be used say why, and rows that cannot be placed are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spotify_assets_tests.support.command import Done, Installation, query

Cli = Callable[..., Done]
HEAD = "ts_utc,artist_id,name,popularity,followers\n"


@pytest.mark.parametrize(
    ("text", "source", "options", "expected"),
    [
        ("", "mine", [], "is empty"),
        ("a,b\n1,2\n", "mine", [], "No column holds observed_at"),
        (HEAD, "Mine!", [], "cannot name a source"),
        (HEAD, "simulated", [], "kept for the simulated upstream"),
        (HEAD, "mine", ["--map", "nonsense"], "Write FIELD=COLUMN"),
        (HEAD, "mine", [], "no row of"),
        (HEAD, "mine", ["--save-layout", "../x", "--dry-run"], "'../x' cannot name a layout"),
        (HEAD + "2010-05-01,x,X,1,1\n", "mine", [], "SPOTIFY_ASSETS_START_DATE=2010-05-01"),
        (HEAD + "2999-05-01,x,X,1,1\n", "mine", [], "no row of"),
    ],
)
def test_a_file_that_cannot_be_used(
    cli: Cli, installation: Installation, text: str, source: str, options: list[str], expected: str
) -> None:
    file = installation.home / "history.csv"
    file.write_text(text)
    done = cli("import", "artist-snapshots", str(file), "--source", source, *options)
    assert done.code == 1
    assert expected in done.err
    assert "Traceback" not in done.err
    assert not list(installation.home.glob("lake/raw/*"))


def test_bad_rows_are_named_set_aside_and_the_rest_is_loaded(
    installation: Installation, database: str
) -> None:
    file = installation.home / "history.csv"
    head = HEAD.replace("name", "Name").replace("followers", "FOLLOWERS,monthly_listeners")
    file.write_text(
        head + "2026-11-01T10:00:00Z,aaa,First,50,1000,7\n2026-11-01T11:00:00Z,aaa,First again,51,1001,7\n"
        "2026-11-02,bbb,[bold]Second[/bold],101,5,7\nyesterday,ccc,Third,1,1,7\n2026-11-03,aaa,First,52,,7\n"
    )  # fmt: skip
    call = ("import", "artist-snapshots", str(file), "--source", "mine")
    report = json.loads(installation.run(*call, "--dry-run", "--json").succeeded().out)
    (told,) = report["files"]
    assert (told["columns"]["popularity"], told["columns"]["followers"]) == ("popularity", "FOLLOWERS")
    assert (told["not_used"], told["would"]["loaded"]) == (["monthly_listeners"], 2)
    assert [row["line"] for row in told["not_imported"]] == [5]
    done = installation.run(*call)
    assert "not used: monthly_listeners\n" in done.out
    assert "name = Name, popularity = popularity, followers = FOLLOWERS" in done.out
    assert "line 5: not imported" in done.out
    assert "4 of 5 rows, 3 days from 2026-11-01 to 2026-11-03" in done.out
    assert done.code == 0
    assert "1 row does not fit and was set aside" in done.out
    assert query(database, "select partition_date::text, reasons from ops.quarantine") == [
        ("2026-11-02", ["popularity: must be at most 100, got 101"])
    ]
    assert query(
        database,
        "select snapshot_date::text, name, popularity, followers from snapshots.artist_snapshots order by 1",
    ) == [("2026-11-01", "First again", 51, 1001), ("2026-11-03", "First", 52, None)]
    counts = "select metric, count(*) from marts.artist_popularity_trend group by 1 order by 1"
    assert query(database, counts) == [("followers", 3), ("popularity", 3)]


def test_the_path_of_an_absent_file_is_told(cli: Cli, tmp_path: Path) -> None:
    done = cli("import", "artist-snapshots", str(tmp_path / "absent.csv"), "--source", "mine")
    assert done.code == 2
    assert "absent.csv" in done.err


def test_a_folder_is_called_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("import", "artist-snapshots", str(tmp_path), "--source", "mine")
    assert done.code == 2
    assert "is a folder: name its files" in done.err
    assert "does not exist" not in done.err
