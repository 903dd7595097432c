"""A backup restores everything elsewhere; a broken one, or one over something, changes nothing."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2
import pytest

from spotify_assets.ingest.load import load
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.exchange import Exchange
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.command import Done, Installation, change, contents, eventually, query

DAY = "2026-11-01"
SCHEMAS = ("snapshots", "ops", "dagster", "seeds", "intermediate", "marts", "forecasts")
INGEST = ("--select", "landing/raw_artists", "--select", "snapshots/artist_snapshots")
MATERIALIZED = """
import dagster as dg, json
from spotify_assets.cli.runtime.environment import export_dagster, open_environment
export_dagster(open_environment())
with dg.DagsterInstance.get() as instance:
    print(json.dumps({
        key.to_user_string(): sorted(instance.get_materialized_partitions(key))
        for key in instance.all_asset_keys()
    }))
"""

Cli = Callable[..., Done]


@pytest.fixture
def elsewhere(tmp_path: Path, database_server: DatabaseServer, simulator: str) -> Iterator[Installation]:
    """An empty home and an empty database to restore into."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    with database_server.database() as url:
        yield Installation(home, {"DATABASE_URL": url, "SIMULATOR_URL": simulator})


@pytest.fixture
def there(cli: Cli, elsewhere: Installation, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in this process, elsewhere."""

    def run(*arguments: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setenv("SPOTIFY_ASSETS_HOME", str(elsewhere.home))
            patch.setenv("DATABASE_URL", url(elsewhere))
            return cli(*arguments)

    return run


def url(installation: Installation) -> str:
    return installation.variables["DATABASE_URL"]


def lake(installation: Installation) -> dict[str, bytes]:
    root = installation.home / "lake"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def everything(installation: Installation) -> tuple[dict[str, list[str]], dict[str, bytes], list[str]]:
    """All rows, all files of the lake, and what else lies in the home."""
    return (
        contents(url(installation), *SCHEMAS, "public"),
        lake(installation),
        sorted(path.name for path in installation.home.iterdir()),
    )


def observe(installation: Installation, day: str, artist: str = "a") -> None:
    """Land and load one artist."""
    settings = load_settings(spotify_assets_home=installation.home, database_url=url(installation))
    landing, warehouse = Landing(settings.effective_lake_url), open_warehouse(settings)
    body = json.dumps({"artists": [{"id": artist, "name": artist, "popularity": 5}]})
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)
    exchange = Exchange("spotify", "artists", "GET", "/v1/artists", 200, noon, "run", body, {"ids": [artist]})
    landing.put("spotify", "artists", date.fromisoformat(day), artist, [exchange])
    load("artist_snapshots", date.fromisoformat(day), landing, warehouse, "run")


def materialized(installation: Installation) -> dict[str, list[str]]:
    """Which partitions Dagster says are materialized, of each asset."""
    done = subprocess.run(
        [sys.executable, "-c", MATERIALIZED],
        check=True, capture_output=True, text=True, env=installation.environment(),
    )  # fmt: skip
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def rewrite(
    archive: Path, target: Path, changes: Mapping[str, bytes | None], extra: str | None = None
) -> Path:
    """The archive with some members changed or left out, or one more."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            wanted = changes.get(member.name, stream.read())
            if wanted is None:
                continue
            member.size = len(wanted)
            new.addfile(member, io.BytesIO(wanted))
        if extra is not None:
            info = tarfile.TarInfo(extra)
            info.size = 1
            new.addfile(info, io.BytesIO(b"x"))
    return target


@pytest.mark.slow
def test_everything_is_back_elsewhere_and_a_rerun_changes_nothing(
    installation: Installation, elsewhere: Installation
) -> None:
    installation.run("watch", "add", *Catalogue(artists=200).artist_ids(8)).succeeded()
    installation.run("materialize", "--day", DAY).succeeded()
    (installation.home / "layouts").mkdir()
    (installation.home / "layouts" / "mine.toml").write_text("x = 1\n")
    (installation.home / "user-tokens.key").write_text("the key\n")
    folder = installation.home / "backups"
    folder.mkdir()
    made = installation.run("backup", str(folder), "--json").succeeded().json()
    file = Path(made["file"])
    assert file.parent == folder
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"the key" not in file.read_bytes()
    assert made["lake_files"] == len(lake(installation)) > 0
    before, known = contents(url(installation), *SCHEMAS), materialized(installation)
    assert known["snapshots/artist_snapshots"] == [DAY]

    assert "Restored. See what is there:" in elsewhere.run("restore", str(file)).succeeded().out
    assert contents(url(elsewhere), *SCHEMAS) == before
    assert {name for name, rows in before.items() if rows} >= {
        "marts.artist_leaderboard", "dagster.event_logs", "ops.partition_loads",
    }  # fmt: skip
    assert lake(elsewhere) == lake(installation)
    assert (elsewhere.home / "layouts" / "mine.toml").read_text() == "x = 1\n"
    assert not (elsewhere.home / "user-tokens.key").exists()
    assert materialized(elsewhere) == known
    described = "select count(*) from pg_description where objsubid > 0"
    assert query(url(elsewhere), described) == query(url(installation), described)
    elsewhere.run("materialize", "--day", DAY).succeeded()
    again = {name: rows for name, rows in contents(url(elsewhere)).items() if "data_quality" not in name}
    assert again == {name: before[name] for name in again}


def test_a_backup_during_a_load_is_whole(
    installation: Installation, elsewhere: Installation, there: Cli
) -> None:
    installation.run("watch", "add", *Catalogue(artists=200).artist_ids(8)).succeeded()
    log, file = installation.home / "log", installation.home / "meanwhile.tar"
    loads = "select count(*) from ops.partition_loads"
    with log.open("w") as output:
        running = installation.start("backfill", "--from", DAY, "--to", "2026-11-20", *INGEST, output=output)
    try:
        # a run lands all of its days before it loads the first
        reached = eventually(lambda: query(url(installation), loads)[0][0] or running.poll() is not None)
        assert reached, log.read_text()
        installation.run("backup", str(file)).succeeded()
    finally:
        running.kill()
        running.wait(60)
    there("restore", str(file)).succeeded()
    booked = query(
        url(elsewhere), "select partition_date, rows_loaded from ops.current_partition_loads order by 1"
    )
    assert booked
    rows = "select snapshot_date, count(*) from snapshots.artist_snapshots group by 1 order by 1"
    assert query(url(elsewhere), rows) == booked
    days = {path.split("/")[3] for path in lake(elsewhere)}
    assert days >= {day.isoformat() for day, _ in booked}, "the lake holds all that was loaded from it"


def test_a_broken_archive_changes_nothing(
    installation: Installation, elsewhere: Installation, cli: Cli, there: Cli, tmp_path: Path
) -> None:
    observe(installation, DAY)
    good = tmp_path / "good.tar"
    cli("backup", str(good)).succeeded()
    part = f"lake/{next(iter(lake(installation)))[len('raw/') :]}"
    whole = good.read_bytes()
    broken = {
        tmp_path / "cut.tar": (whole[: len(whole) // 2], "cannot be read to its end"),
        tmp_path / "bit.tar": (whole.replace(b"PGDMP", b"PGDMQ", 1), "damaged: warehouse.dump is not what"),
        tmp_path / "text.tar": (b"something else", "no backup of Spotify Assets, or not whole"),
        rewrite(good, tmp_path / "a.tar", {part: None}): (None, f"damaged: {part} is not what"),
        rewrite(good, tmp_path / "b.tar", {"manifest.json": None}): (None, "its last part is missing"),
        rewrite(good, tmp_path / "c.tar", {}, "lake/../../../escaped"): (None, "it holds 'lake/../../../esc"),
        rewrite(good, tmp_path / "d.tar", {}, part): (None, "goes on after its end"),
    }
    observe(elsewhere, "2026-11-05", "b")
    before = everything(elsewhere)
    for file, (data, said) in broken.items():
        if data is not None:
            file.write_bytes(data)
        done = there("restore", str(file), "--replace", "--yes")
        assert (done.code, said in done.err) == (1, True), (file, done.text)
        assert everything(elsewhere) == before


def test_a_restore_that_fails_in_the_database_changes_nothing(
    installation: Installation, elsewhere: Installation, cli: Cli, there: Cli, tmp_path: Path
) -> None:
    observe(installation, DAY)
    # what the backup holds of others stands on what it does not hold
    change(url(installation), "create table public.mine as select 1 as n")
    change(url(installation), "create view marts.of_mine as select n from public.mine")
    cli("backup", str(tmp_path / "good.tar")).succeeded()
    observe(elsewhere, "2026-11-05", "b")
    before = everything(elsewhere)
    done = there("restore", str(tmp_path / "good.tar"), "--replace", "--yes")
    assert done.code == 1
    assert "could not be restored, and was left as it was" in done.err
    assert 'relation "public.mine" does not exist' in done.err
    assert everything(elsewhere) == before
    assert sorted(path.name for path in (elsewhere.home / "lake").iterdir()) == ["raw"]


def test_what_is_there_is_replaced_only_on_request(
    installation: Installation, elsewhere: Installation, cli: Cli, there: Cli, tmp_path: Path
) -> None:
    observe(installation, DAY)
    file = str(tmp_path / "good.tar")
    cli("backup", file).succeeded()
    again = cli("backup", file)
    assert (again.code, "exists already" in again.err) == (1, True)
    observe(elsewhere, "2026-11-05", "b")
    theirs = everything(elsewhere)
    refused = there("restore", file)
    assert refused.code == 1
    assert "The target is not empty" in refused.err
    unanswered = there("restore", file, "--replace")
    assert (unanswered.code, "Nobody is here to answer" in unanswered.err) == (2, True)
    dry = there("restore", file, "--dry-run", "--json").succeeded().json()
    assert (dry["restored"], len(dry["would_replace"])) == (False, 2)
    assert everything(elsewhere) == theirs
    there("restore", file, "--replace", "--yes").succeeded()
    assert everything(elsewhere)[:2] == everything(installation)[:2]


def test_a_backup_of_a_newer_version_is_refused(
    elsewhere: Installation, cli: Cli, there: Cli, tmp_path: Path
) -> None:
    cli("backup", str(tmp_path / "this.tar")).succeeded()
    with tarfile.open(tmp_path / "this.tar") as tar:
        stream = tar.extractfile("manifest.json")
        assert stream is not None
        manifest = json.loads(stream.read())
    manifest["migrations"].append("9999_later")
    told = {"manifest.json": json.dumps(manifest).encode()}
    done = there("restore", str(rewrite(tmp_path / "this.tar", tmp_path / "newer.tar", told)))
    assert done.code == 1
    assert "newer than this version of Spotify Assets: it has 9999_later" in done.err
    assert query(url(elsewhere), "select from pg_namespace where nspname = 'ops'") == []


def test_nobody_may_use_the_database_meanwhile(installation: Installation, cli: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "this.tar")
    cli("backup", file).succeeded()
    connection = psycopg2.connect(url(installation), application_name="a-daemon")
    try:
        done = cli("restore", file, "--replace", "--yes")
    finally:
        connection.close()
    assert (done.code, "a-daemon is connected to" in done.err) == (1, True)
    cli("restore", file, "--replace", "--yes").succeeded()
