"""What lies in the home is for nobody else on the machine, and no folder of the user's is opened for it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from spotify_assets.warehouse.embedded import server
from spotify_assets.warehouse.embedded.location import SYSTEM_FOLDER, cluster_folder
from spotify_assets.warehouse.errors import EmbeddedServerError
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.command import Done, Installation

AS_ROOT = os.geteuid() == 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(short_tmp: Path) -> Iterator[Path]:
    """An open home, as an earlier version made it, below a folder that is closed."""
    closed = short_tmp / "closed"
    closed.mkdir(mode=0o700)
    made = closed / "home"
    made.mkdir()
    made.chmod(0o755)
    yield made
    server.release(made)
    remove_home(made)


def test_an_open_home_is_closed(installation: Installation, cli: Callable[..., Done]) -> None:
    for name in ("lake", "logs", "imports"):
        (installation.home / name).mkdir()
        (installation.home / name).chmod(0o755)
    key = installation.home / "key"
    key.touch(0o644)
    installation.home.chmod(0o755)
    assert cli("status").code == 0
    assert {mode(installation.home / name) for name in (".", "lake", "logs", "imports")} == {0o700}
    assert mode(key) == 0o600


def test_a_home_below_a_closed_folder_opens_nothing(home: Path) -> None:
    done = Installation(home, {"SIMULATOR_URL": "http://127.0.0.1:9"}).run("status").succeeded()
    assert mode(home.parent.parent) == mode(home.parent) == mode(home) == 0o700
    folder = cluster_folder(home.resolve())
    assert f"under {folder}" in done.out
    assert folder.is_relative_to(SYSTEM_FOLDER if AS_ROOT else home)
    assert mode(folder / "data") == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="the files of an ordinary user's server never lay elsewhere")
def test_files_in_the_old_place_go_on_being_used(short_tmp: Path) -> None:
    url = server.ensure_running(short_tmp)
    change = psycopg2.connect(url)
    with change, change.cursor() as cursor:
        cursor.execute("create table kept (n integer); insert into kept values (7)")
    change.close()
    server.release(short_tmp)
    elsewhere = cluster_folder(short_tmp.resolve())
    (elsewhere / "data").rename(short_tmp / "postgres" / "data")
    (short_tmp / "postgres" / "location").unlink()
    shutil.rmtree(elsewhere)
    try:
        again = psycopg2.connect(server.ensure_running(short_tmp))
        with again.cursor() as cursor:
            cursor.execute("select n from kept")
            assert cursor.fetchall() == [(7,)]
        again.close()
        assert cluster_folder(short_tmp.resolve()) == short_tmp.resolve() / "postgres"
        assert mode(short_tmp) == 0o710, "its account passes, nobody else does"
    finally:
        server.release(short_tmp)


@pytest.mark.skipif(not AS_ROOT, reason="the files of an ordinary user's server are copied with the home")
def test_a_copied_home_does_not_share_the_database_and_a_moved_one_keeps_it(home: Path) -> None:
    server.ensure_running(home)
    server.release(home)
    folder = cluster_folder(home)
    copied = shutil.copytree(home, home.with_name("copied"), symlinks=True)
    with pytest.raises(EmbeddedServerError, match=f"is a copy of {home}"):
        server.ensure_running(copied)
    shutil.rmtree(home)
    server.ensure_running(copied)
    server.release(copied)
    assert cluster_folder(copied) == folder
    copied.rename(home)
    server.ensure_running(home)
    assert cluster_folder(home) == folder


def test_secrets_that_all_can_read_are_remarked(installation: Installation, short_tmp: Path) -> None:
    file = short_tmp / "settings of mine.env"
    file.write_text("LASTFM_API_KEY=canary-7f3a\n")
    file.chmod(0o644)
    place = installation.changed(SPOTIFY_ASSETS_ENV_FILE=str(file))
    said = place.run("doctor", "--no-probe").succeeded().text
    assert f"chmod 600 '{file}'" in said
    assert "canary" not in said
    file.chmod(0o600)
    assert "chmod" not in place.run("doctor", "--no-probe").succeeded().text
