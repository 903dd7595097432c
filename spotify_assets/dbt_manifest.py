"""dbt's manifest, built ahead: definitions load fast, and no two processes parse at once.

One built into the project itself (`prepare`) serves every home; else each home has its own.
`prepare_if_dev` of dagster-dbt would parse in every process that loads the definitions.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from spotify_assets.installation import CHECKOUT, PROJECT_ROOT, program
from spotify_assets.private_folders import make_private_folder

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
IN_PROJECT = DBT_PROJECT / "target"
"""Where a manifest lies that every home finds."""
PARTIAL_PARSE = "partial_parse.msgpack"
_INPUTS = {".sql", ".yml", ".md", ".csv"}
_KEY = "manifest.key"
_KEPT_BUILDS = 3
"""Builds that a home keeps, newest first: the one before may still be read by a process that goes on."""


class ManifestError(Exception):
    """dbt could not read the project; the message holds what it said."""


def dbt_command(*arguments: str) -> list[str]:
    """Dbt of this environment, on this project."""
    return [
        *program("dbt"), "--no-use-colors", *arguments,
        "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
    ]  # fmt: skip


def runs_folder(home: Path) -> Path:
    """Where each run of dbt gets a folder of its own."""
    return home / "dbt" / "runs"


def find_manifest(home: Path) -> Path | None:
    """The manifest of the project as it stands, if it was built."""
    return _find(home, project_key())


def ensure_manifest(home: Path) -> Path:
    """Find the manifest, or parse the project into the home; one process at a time.

    Raises:
        ManifestError: dbt could not parse the project.
    """
    key = project_key()
    found = _find(home, key)
    if found is None:
        found = _build(home / "dbt" / key, key)
        _drop_old_builds(home / "dbt")
    return found


def prepare_project(home: Path) -> tuple[Path, bool]:
    """Build the manifest ahead: into a checkout that this user may write to, else into the home.

    Returns:
        The manifest, and whether it was built now.

    Raises:
        ManifestError: dbt could not parse the project.
    """
    key = project_key()
    writable = os.access(IN_PROJECT if IN_PROJECT.exists() else DBT_PROJECT, os.W_OK | os.X_OK)
    if CHECKOUT is not None and writable:
        if _is_of(IN_PROJECT, key):
            return IN_PROJECT / "manifest.json", False
        return _build(IN_PROJECT, key), True
    found = find_manifest(home)
    return (found, False) if found else (ensure_manifest(home), True)


def project_key() -> str:
    """A digest of what the manifest is made from: the project's files, where they lie, and dbt itself."""
    digest = hashlib.sha256(f"{DBT_PROJECT}\n{version('dbt-core')}\n{version('dbt-postgres')}".encode())
    files = []
    for folder, folders, names in os.walk(DBT_PROJECT):
        # What runs under way write there, or wrote before homes did, is no part of the project.
        folders[:] = [name for name in folders if name not in {"target", "logs", "dbt_packages"}]
        files += [
            Path(folder, name) for name in names if Path(name).suffix in _INPUTS and name != ".user.yml"
        ]
    for path in sorted(files):
        data = path.read_bytes()
        digest.update(f"\n{path.relative_to(DBT_PROJECT)}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


def _find(home: Path, key: str) -> Path | None:
    folders = (IN_PROJECT, home / "dbt" / key)
    return next((folder / "manifest.json" for folder in folders if _is_of(folder, key)), None)


def _is_of(folder: Path, key: str) -> bool:
    try:
        return (folder / _KEY).read_text("ascii") == key and (folder / "manifest.json").is_file()
    except (OSError, ValueError):
        return False


def _build(folder: Path, key: str) -> Path:
    make_private_folder(folder)
    manifest = folder / "manifest.json"
    with (folder / ".prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_of(folder, key):
            return manifest
        (folder / _KEY).unlink(missing_ok=True)
        done = subprocess.run(  # noqa: S603 - our own command
            [*dbt_command("parse"), "--quiet", "--target-path", str(folder)],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_LOG_PATH": str(folder)},
        )
        if done.returncode != 0:
            raise ManifestError(f"dbt could not read {DBT_PROJECT}:\n{done.stdout}{done.stderr}".strip())
        (folder / _KEY).write_text(key, "ascii")
    return manifest


def _drop_old_builds(folder: Path) -> None:
    builds = [path.parent for path in folder.glob(f"*/{_KEY}")]
    for old in sorted(builds, key=lambda path: (path / _KEY).stat().st_mtime, reverse=True)[_KEPT_BUILDS:]:
        shutil.rmtree(old, ignore_errors=True)
