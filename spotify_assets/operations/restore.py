"""Restoring a backup: checked whole first, then the database in one transaction, then the lake.

Until the database's transaction is committed, nothing that was there is changed. The lake is written beside
the old one before, and takes its place after.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from spotify_assets.lake.copy import Incoming, parts
from spotify_assets.lake.landing import Landing
from spotify_assets.operations import dump
from spotify_assets.operations.archive import DATABASE, LAKE, BackupError, Manifest, contents
from spotify_assets.private_folders import make_private_folder
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.migrate import check_known, migrate
from spotify_assets.warehouse.replaceable import check_replaceable


def standing(warehouse: Warehouse, landing: Landing) -> list[str]:
    """What a restore would replace, in words; empty where there is nothing."""
    tables = sum(dump.schemas(warehouse).values())
    files = len(parts(landing))
    found = [f"{tables:,} tables and views in {warehouse.where}"] if tables else []
    return found + ([f"{files:,} files in the lake"] if files else [])


def restore(
    archive: Path,
    manifest: Manifest,
    warehouse: Warehouse,
    landing: Landing,
    home: Path,
    show: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Put what an archive holds in the place of what is there; ask `standing` before.

    Args:
        archive: The file.
        manifest: What `archive.checked` found in it.
        warehouse: The database, whatever is in it.
        landing: The raw part of the lake.
        home: SPOTIFY_ASSETS_HOME, for the layouts.
        show: Called with what is under way.

    Returns:
        Migrations applied afterwards, if the backup is of an earlier version.

    Raises:
        BackupError: Others are using the database, or the archive changed meanwhile.
        DumpFailed: The database could not be restored; nothing was changed.
        ForeignObjects: What would be replaced is not the platform's, or others stand on it.
        LakeError: The lake could not be written.
        MigrationError: The backup is of a newer version; nothing was changed.
    """
    check_known(manifest.about["migrations"])
    if others := dump.other_sessions(warehouse):
        raise BackupError(
            f"{', '.join(others)} is connected to {warehouse.where}. Stop `spotify-assets up` and whatever "
            "else uses the database, then try again."
        )
    # What the archive names is dropped only where it is the platform's; what stands in `public` is not.
    named = [name for name in manifest.about["schemas"] if name != "public"]
    with warehouse.connect() as connection:
        replaced = check_replaceable(connection, named)
    incoming = Incoming(landing)
    make_private_folder(home)
    with TemporaryDirectory(prefix=".restoring-", dir=home) as scratch:
        try:
            for number, (name, part, stream) in enumerate(contents(archive)):
                if number % 100 == 0:
                    show(f"unpacking: {number:,} files")
                if name.startswith(LAKE):
                    incoming.write(part, stream)
                else:
                    unpacked = Path(scratch) / name
                    unpacked.parent.mkdir(exist_ok=True)
                    with unpacked.open("wb") as file:
                        shutil.copyfileobj(stream, file)
            show("restoring the database")
            dump.restore(
                warehouse,
                Path(scratch) / DATABASE,
                written_by=int(manifest.about["dumped_by"]),
                instead_of=replaced,
            )
        except BaseException:
            incoming.discard()
            raise
        incoming.take_over()
        for layout in (Path(scratch) / "layouts").glob("*.toml"):
            (home / "layouts").mkdir(exist_ok=True)
            shutil.copyfile(layout, home / "layouts" / layout.name)
    with warehouse.connect() as connection:
        return migrate(connection)
