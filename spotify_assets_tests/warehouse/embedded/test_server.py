"""The embedded server: started once, shared, stopped after its last user, whatever happens to them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg2
import pytest
from pydantic import SecretStr

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import cluster, shutdown_watcher
from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets.warehouse.errors import EmbeddedServerError
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.warehouse import line, start

USER = """
import sys
from pathlib import Path
from spotify_assets.warehouse.embedded import server as embedded
print(embedded.ensure_running(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""


def files_of(home: Path) -> Path:
    return cluster_folder(home.resolve())


def socket_of(home: Path) -> Path:
    return cluster.prepare(home.resolve()).socket_file


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    return process.communicate("\n", timeout=60)


def test_four_processes_start_it_at_once_and_the_last_one_stops_it(short_tmp: Path) -> None:
    users = [start(USER, str(short_tmp)) for _ in range(4)]
    urls = {line(user) for user in users}
    assert len(urls) == 1
    url = urls.pop()
    for user in users[:3]:
        assert end(user) == ("", "")
        connection = psycopg2.connect(url)
        connection.close()
    assert end(users[3]) == ("", "")
    assert not shutdown_watcher.is_listening(socket_of(short_tmp))
    assert not (files_of(short_tmp) / "data" / "postmaster.pid").exists()
    log = (files_of(short_tmp) / "server.log").read_text()
    assert log.count("starting PostgreSQL") == 1
    assert "database system is shut down" in log


def test_a_program_that_takes_a_users_place_goes_on_using_it(short_tmp: Path) -> None:
    taker = "import sys; print('taken', flush=True); sys.stdin.readline()"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from spotify_assets.warehouse.embedded import server as embedded\n"
        "home = Path(sys.argv[1]); print(embedded.ensure_running(home), flush=True)\n"
        f"embedded.outlive_exec(home); os.execv(sys.executable, [sys.executable, '-c', {taker!r}])"
    )
    user = start(code, str(short_tmp))
    url = line(user)
    assert line(user) == "taken"
    time.sleep(0.3)  # in which a keeper that saw its last user go would have stopped it
    psycopg2.connect(url).close()
    assert end(user) == ("", "")
    assert eventually(lambda: not shutdown_watcher.is_listening(socket_of(short_tmp)))


def test_a_killed_user_does_not_keep_it_alive_and_it_stops_cleanly(short_tmp: Path) -> None:
    user = start(USER, str(short_tmp))
    line(user)
    user.kill()
    user.communicate()
    assert eventually(lambda: not shutdown_watcher.is_listening(socket_of(short_tmp)))
    data = files_of(short_tmp) / "data"
    assert eventually(lambda: not (data / "postmaster.pid").exists())
    end(again := start(USER, str(short_tmp)))
    assert again.returncode == 0
    assert "not properly shut down" not in (files_of(short_tmp) / "server.log").read_text()


def test_a_killed_user_leaves_it_to_the_others(short_tmp: Path) -> None:
    first, second = start(USER, str(short_tmp)), start(USER, str(short_tmp))
    url = line(first)
    line(second)
    first.kill()
    first.communicate()
    time.sleep(0.3)
    psycopg2.connect(url).close()
    end(second)
    assert not shutdown_watcher.is_listening(socket_of(short_tmp))


def test_it_recovers_after_the_server_itself_was_killed(short_tmp: Path) -> None:
    user = start(USER, str(short_tmp))
    url = line(user)
    try:
        connection = psycopg2.connect(url)
        with connection.cursor() as cursor:
            cursor.execute("create table kept (n integer); insert into kept values (7)")
        connection.commit()
        server = shutdown_watcher.server_pid(files_of(short_tmp) / "data")
        assert server is not None
        os.kill(server, signal.SIGKILL)
        assert eventually(lambda: not shutdown_watcher.is_listening(socket_of(short_tmp)))
        warehouse = Warehouse(SecretStr(url), short_tmp)
        with warehouse.connect() as healed, healed.cursor() as cursor:
            cursor.execute("select n from kept")
            assert cursor.fetchall() == [(7,)]
    finally:
        end(user)
        embedded.release(short_tmp)
    assert not shutdown_watcher.is_listening(socket_of(short_tmp))


def test_a_stale_process_number_that_somebody_else_has_now_is_no_obstacle(short_tmp: Path) -> None:
    end(start(USER, str(short_tmp)))
    data = files_of(short_tmp) / "data"
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n1\n5432\n\n\n")
    if os.geteuid() == 0:
        shutil.chown(data / "postmaster.pid", data.stat().st_uid, data.stat().st_gid)
    user = start(USER, str(short_tmp))
    assert line(user).startswith("postgresql://")
    end(user)


def test_a_path_too_long_for_a_socket_works(short_tmp: Path) -> None:
    home = short_tmp / ("a folder's name with ümlauts and spaces " * 4).strip()
    home.mkdir()
    user = start(USER, str(home))
    psycopg2.connect(line(user)).close()
    assert end(user) == ("", "")
    folder = socket_of(home).parent
    assert not folder.is_relative_to(home)
    assert folder.stat().st_mode & 0o077 == 0
    shutil.rmtree(folder, ignore_errors=True)
    remove_home(home)


def _child(home: str, url: str) -> None:
    assert embedded.ensure_running(Path(home)) == url
    psycopg2.connect(url).close()


def test_forked_children_use_and_leave_it(short_tmp: Path) -> None:
    code = """
import multiprocessing, sys
from pathlib import Path
from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets_tests.warehouse.embedded.test_server import _child
url = embedded.ensure_running(Path(sys.argv[1]))
fork = multiprocessing.get_context("fork")
children = [fork.Process(target=_child, args=(sys.argv[1], url)) for _ in range(3)]
[child.start() for child in children]; [child.join() for child in children]
print([child.exitcode for child in children])
_child(sys.argv[1], url)
"""
    process = start(code, str(short_tmp))
    out, errors = process.communicate(timeout=60)
    assert (out.strip(), errors) == ("[0, 0, 0]", "")
    assert not shutdown_watcher.is_listening(socket_of(short_tmp))


def test_a_child_that_outlives_its_parent_keeps_it(short_tmp: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from spotify_assets.warehouse.embedded import server as embedded
url = embedded.ensure_running(Path(sys.argv[1]))
if os.fork() == 0:
    embedded.ensure_running(Path(sys.argv[1]))
    sys.stdin.readline()
else:
    print(url, flush=True)
    os._exit(9)
"""
    process = start(code, str(short_tmp))
    url = line(process)
    time.sleep(0.3)
    psycopg2.connect(url).close()
    process.communicate("\n")
    assert eventually(lambda: not shutdown_watcher.is_listening(socket_of(short_tmp)))


def test_a_start_that_fails_says_why_and_what_to_do(short_tmp: Path) -> None:
    end(start(USER, str(short_tmp)))
    settings = files_of(short_tmp) / "data" / "postgresql.conf"
    settings.write_text(settings.read_text() + "\nshared_buffers = nonsense\n")
    with pytest.raises(EmbeddedServerError) as caught:
        embedded.ensure_running(short_tmp)
    embedded.release(short_tmp)
    assert "shared_buffers" in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


def test_an_interrupted_first_start_is_begun_again(short_tmp: Path) -> None:
    layout = cluster.prepare(short_tmp.resolve())
    half = layout.folder / "initdb-killed"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    end(user := start(USER, str(short_tmp)))
    assert user.returncode == 0
    assert not half.exists()


def test_another_version_of_the_data_is_refused(short_tmp: Path) -> None:
    data = short_tmp / "postgres" / "data"  # of an earlier version
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match="written by PostgreSQL 16"):
        embedded.ensure_running(short_tmp)
    embedded.release(short_tmp)


def test_it_runs_for_an_ordinary_user(short_tmp: Path) -> None:
    """As root, become somebody else for it; as somebody else, every other test shows the same."""
    code = """
import os, pwd, sys
from pathlib import Path
import psycopg2
from spotify_assets.warehouse.embedded import server as embedded
if os.geteuid() == 0:
    account = pwd.getpwnam("nobody")
    os.chown(sys.argv[1], account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
psycopg2.connect(embedded.ensure_running(Path(sys.argv[1]))).close()
print(os.geteuid() == (Path(sys.argv[1]) / "postgres" / "data").stat().st_uid, os.geteuid() != 0)
"""
    out, errors = start(code, str(short_tmp)).communicate(timeout=60)
    assert (out.strip(), errors) == ("True True", "")
    assert not shutdown_watcher.is_listening(short_tmp / "postgres" / "run" / ".s.PGSQL.5432")


def test_no_keeper_is_left_behind(short_tmp: Path) -> None:
    end(start(USER, str(short_tmp)))

    def keepers() -> list[int]:
        processes = psutil.process_iter(["pid", "cmdline"])
        ours = str(files_of(short_tmp))
        return [p.info["pid"] for p in processes if ours in " ".join(p.info["cmdline"] or [])]

    assert eventually(lambda: keepers() == [])


def test_spawned_children_use_it(short_tmp: Path) -> None:
    url = embedded.ensure_running(short_tmp)
    child = multiprocessing.get_context("spawn").Process(target=_child, args=(str(short_tmp), url))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    psycopg2.connect(url).close()
    embedded.release(short_tmp)
    assert not shutdown_watcher.is_listening(socket_of(short_tmp))
