"""Making a backup: the database as it is at one moment, then the lake.

In this order, because the lake only grows: whatever the database says was loaded from lies in the lake that
is copied after it, also when a run lands and loads meanwhile. What such a run landed after that moment is in
the backup without being loaded; materializing the day again after a restore loads it.

The key of the users' sign-ins (`user-tokens.key`) is left out, so that whoever finds a backup cannot use
them. So are `.env`, logs, and the files that a user imported from, whose content lies in the lake.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from spotify_assets.lake.copy import open_part, parts
from spotify_assets.lake.landing import Landing
from spotify_assets.operations import dump
from spotify_assets.operations.archive import DATABASE, LAKE, LAYOUTS, Manifest, written
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.migrate import applied_migrations


def target_file(target: Path, now: datetime) -> Path:
    """The file to write: the one named or, in a folder, one named for the moment."""
    if target.is_dir():
        return target / f"spotify-assets-{now:%Y-%m-%dT%H%M%SZ}.tar"
    return target


def back_up(
    warehouse: Warehouse,
    landing: Landing,
    home: Path,
    target: Path,
    show: Callable[[str], None] = lambda _: None,
) -> tuple[Path, Manifest]:
    """Write a backup of warehouse (Dagster's records too), lake and import layouts; runs may go on meanwhile.

    Args:
        warehouse: The database.
        landing: The raw part of the lake.
        home: SPOTIFY_ASSETS_HOME, for the layouts.
        target: A file that is not there yet, or a folder.
        show: Called with what is under way.

    Returns:
        Where it is, and what it holds.

    Raises:
        BackupError: It cannot be written.
        DumpFailed: The database cannot be dumped.
        LakeError: The lake cannot be read.
    """
    now = datetime.now(UTC)
    file = target_file(target, now)
    server = dump.server_major(warehouse)
    with warehouse.connect() as connection:
        migrations = applied_migrations(connection)
    about = {
        "made_at": now.isoformat(timespec="seconds"),
        "version": version("spotify-assets"),
        "postgres": server,
        "dumped_by": dump.programs(server).version,
        "migrations": migrations,
        "schemas": sorted(dump.schemas(warehouse)),
    }
    with written(file, about) as archive:
        show("dumping the database")
        dumped = file.with_name(f".{file.name}.dump")
        try:
            dumped.touch(mode=0o600)
            dump.dump(warehouse, dumped)
            with dumped.open("rb") as stream:
                archive.add(DATABASE, stream, dumped.stat().st_size, now.timestamp())
        finally:
            dumped.unlink(missing_ok=True)
        for number, part in enumerate(parts(landing)):
            if number % 100 == 0:
                show(f"copying the lake: {number:,} files")
            if (opened := open_part(landing, part)) is not None:
                with opened as stream:
                    archive.add(f"{LAKE}{part.path}", stream, stream.size(), part.modified)
        for layout in sorted((home / LAYOUTS).glob("*.toml")):
            with layout.open("rb") as stream:
                archive.add(f"{LAYOUTS}{layout.name}", stream, layout.stat().st_size, layout.stat().st_mtime)
    return file, archive.manifest
