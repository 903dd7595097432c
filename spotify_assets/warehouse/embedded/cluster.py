"""The embedded cluster's files: where they are, who owns them, how they are first made."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spotify_assets.warehouse.embedded.location import choose_folder, let_account_pass, programs
from spotify_assets.warehouse.embedded.start_failures import start_advice
from spotify_assets.warehouse.errors import EmbeddedServerError

DATABASE = "spotify_assets"
SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"
"""Account that runs the server when we are root, which PostgreSQL refuses to run as."""

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that the server's programs get to see of the environment."""

# Durability is kept (fsync, full_page_writes). The rest is for one machine, bulk loads and a few users.
SERVER_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "512MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "wal_level": "minimal",  # nobody replicates it; COPY into a new table then skips the log
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    "wal_buffers": "16MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "error",  # ADBC begins a transaction twice, and PostgreSQL would warn at every load
    "log_min_error_statement": "panic",  # a failed statement may hold what a user typed
    "idle_in_transaction_session_timeout": "1h",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one embedded server is, and which account owns it."""

    home: Path
    folder: Path
    data: Path
    socket_folder: Path
    log: Path
    owner: int
    group: int

    @property
    def socket_file(self) -> Path:
        """The server's unix socket."""
        return self.socket_folder / ".s.PGSQL.5432"

    @property
    def users_lock(self) -> Path:
        """Locked shared by every process that uses the server."""
        return self.folder / "users.lock"

    @property
    def start_lock(self) -> Path:
        """Locked by the one process that creates or starts the server."""
        return self.folder / "start.lock"

    @property
    def keeper_lock(self) -> Path:
        """Locked by the one keeper."""
        return self.folder / "keeper.lock"


def binary(name: str) -> Path:
    """Return a program of the PostgreSQL in the wheel."""
    return programs() / name


def prepare(home: Path) -> Layout:
    """Create the folders that the server needs, owned by the account that will run it.

    Raises:
        EmbeddedServerError: The folder belongs to another user.
    """
    folder = choose_folder(home)
    data = folder / "data"
    owner, group = _owner_of(data)
    if os.geteuid() not in (0, owner):
        raise EmbeddedServerError(
            f"{data} belongs to user {_name(owner)}, and you are {_name(os.geteuid())}: run as that user, "
            f"or set SPOTIFY_ASSETS_HOME to a folder of your own."
        )
    sockets = _socket_folder(folder)
    layout = Layout(home, folder, data, sockets, folder / "server.log", owner, group)
    sockets.mkdir(mode=0o700, exist_ok=True)
    found = (
        sockets.lstat()
    )  # a path that is too long leads to a shared folder, where others may have been first
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
        raise EmbeddedServerError(
            f"{sockets} belongs to user {_name(found.st_uid)} or is no folder: remove it, or set "
            "SPOTIFY_ASSETS_HOME to a shorter path."
        )
    if os.geteuid() == 0:
        os.chown(sockets, owner, group, follow_symlinks=False)
        let_account_pass(home, folder, owner, group)
    return layout


def initialize(layout: Layout) -> None:
    """Create the cluster unless it is there. Call with the start lock held."""
    if (layout.data / "PG_VERSION").exists():
        version = (layout.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != "18":
            raise EmbeddedServerError(
                f"{layout.data} was written by PostgreSQL {version}; this version runs 18. Dump it with "
                "the old version and load it with the new one, or point SPOTIFY_ASSETS_HOME at a new folder."
            )
        return
    for leftover in layout.folder.glob("initdb-*"):  # of an attempt that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix="initdb-", dir=layout.folder))
    if os.geteuid() == 0:
        os.chown(scratch, layout.owner, layout.group)
    command = [
        str(binary("initdb")), "-D", str(scratch), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
        # Bytewise order: the same on every machine, and the fastest for keys.
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
    ]  # fmt: skip
    for name, value in SERVER_SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    done = subprocess.run(  # noqa: S603 - our own words
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd="/",
        env=ENVIRONMENT,
        **as_owner(layout),
    )
    if done.returncode != 0:
        shutil.rmtree(scratch, ignore_errors=True)
        excerpt = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise EmbeddedServerError(explain(layout.folder, f"initdb failed:\n{excerpt}"))
    scratch.rename(layout.data)


def as_owner(layout: Layout) -> dict[str, Any]:
    """Return the arguments of `subprocess` that run a program as the cluster's owner."""
    if os.geteuid() != 0:
        return {}
    return {"user": layout.owner, "group": layout.group, "extra_groups": []}


def open_log(layout: Layout) -> None:
    """Make sure that the server can write its log, and keep the log from growing for ever."""
    if layout.log.exists() and layout.log.stat().st_size > 10_000_000:
        layout.log.replace(layout.log.with_suffix(".log.1"))
    layout.log.touch(mode=0o600)
    if os.geteuid() == 0:
        os.chown(layout.log, layout.owner, layout.group)


def log_end(log: Path, lines: int) -> str:
    """Return the last lines of the server's log, or an empty text."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def explain(folder: Path, problem: str) -> str:
    """Put a failure to start into words: what happened, the end of the log, what to do."""
    excerpt = log_end(folder / "server.log", 12)
    return (
        f"The embedded PostgreSQL under {folder} did not start: {problem}\n"
        + (f"The end of {folder / 'server.log'}:\n{excerpt}\n" if excerpt else "")
        + f"{start_advice(folder, problem, excerpt)}, then try again; or set DATABASE_URL to use a "
        "PostgreSQL server instead."
    )


def _owner_of(data: Path) -> tuple[int, int]:
    """Return the account that owns the cluster or, if there is none yet, the one that will."""
    if data.exists():
        status = data.stat()
        return status.st_uid, status.st_gid
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        account = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        account = _new_account()
    return account.pw_uid, account.pw_gid


def _new_account() -> pwd.struct_passwd:
    """Create the server's account, as PostgreSQL's packages do; where that is impossible, use `nobody`."""
    tool = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if tool is not None:
        subprocess.run(  # noqa: S603 - our own words
            [
                tool,
                "--system",
                "--user-group",
                "--no-create-home",
                "--shell",
                "/usr/sbin/nologin",
                SYSTEM_USER,
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    try:
        return pwd.getpwnam(SYSTEM_USER)  # whoever created it: two processes may have tried
    except KeyError:
        return pwd.getpwnam("nobody")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _socket_folder(folder: Path) -> Path:
    """Return where the socket goes: beside the data, or in /tmp when that path is too long for one."""
    beside = folder / "run"
    text = str(beside)
    if len(os.fsencode(text)) <= 80 and text.isascii() and not set(text) & set(" ,'\"\\"):
        return beside
    digest = hashlib.sha256(os.fsencode(str(folder))).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"spotify-assets-{os.geteuid()}-{digest}"
