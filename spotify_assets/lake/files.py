"""Removing from the landing, and looking through all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from pyarrow import fs

from spotify_assets.lake.landing import LakeError, Landing, is_part
from spotify_assets.sources.exchange import Exchange


@dataclass(frozen=True, slots=True)
class File:
    """One file of the landing.

    Attributes:
        path: Where it lies, on the landing's filesystem.
        source: Its series.
        entity: What it is about.
        day: The UTC day it was observed on.
        whole: Whether it is a part; otherwise the remains of a write that was killed.
    """

    path: str
    source: str
    entity: str
    day: date
    whole: bool


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What going through one file did.

    Attributes:
        file: The file.
        exchanges: Exchanges that were changed or dropped.
    """

    file: File
    exchanges: int


def files(landing: Landing, source: str | None = None, before: date | None = None) -> Iterator[File]:
    """Every file, in order of series, entity and day.

    Args:
        landing: The raw part of the lake.
        source: Only this series.
        before: Only days before this one.
    """
    root = landing.root if source is None else f"{landing.root}/{source}"
    selector = fs.FileSelector(root, allow_not_found=True, recursive=True)
    try:
        found = landing.filesystem.get_file_info(selector)
    except OSError as error:
        raise LakeError(f"cannot list {root}: {error}") from error
    for info in sorted(found, key=lambda one: one.path):
        steps = info.path.removeprefix(f"{landing.root}/").split("/")
        if info.type != fs.FileType.File or len(steps) != 4:
            continue
        day = date.fromisoformat(steps[2])
        if before is None or day < before:
            yield File(info.path, steps[0], steps[1], day, is_part(info.base_name))


def sources(landing: Landing) -> list[str]:
    """Every series that something was landed of."""
    try:
        found = landing.filesystem.get_file_info(fs.FileSelector(landing.root, allow_not_found=True))
    except OSError as error:
        raise LakeError(f"cannot list {landing.root}: {error}") from error
    return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)


def remove(landing: Landing, file: File) -> None:
    """Delete a file, and its folder when nothing else is in it.

    Raises:
        LakeError: It cannot be deleted.
    """
    try:
        landing.filesystem.delete_file(file.path)
        folder = file.path.rpartition("/")[0]
        while folder != landing.root and not landing.filesystem.get_file_info(fs.FileSelector(folder)):
            landing.filesystem.delete_dir(folder)
            folder = folder.rpartition("/")[0]
    except OSError as error:
        raise LakeError(
            f"cannot delete {file.path}: {error}. Check that you may write to the lake, and run the purge "
            "again"
        ) from error


def go_through(
    landing: Landing,
    change: Callable[[Exchange], Exchange | None],
    *,
    source: str | None = None,
    before: date | None = None,
    dry_run: bool = False,
) -> Iterator[Rewritten]:
    """Change exchanges wherever they lie; a file whose every exchange is dropped is deleted.

    A file that nothing is changed in is not touched. The remains of killed writes are deleted.

    Args:
        landing: The raw part of the lake.
        change: Gives the exchange (the very same one if nothing changes) or ``None`` to drop it.
        source: Only this series.
        before: Only days before this one.
        dry_run: Only say what would be done.

    Yields:
        Each file in which something is changed, after it was.
    """
    for file in files(landing, source, before):
        if not file.whole:
            if not dry_run:
                remove(landing, file)
            continue
        exchanges = landing.read_part(file.path)
        changed = [change(exchange) for exchange in exchanges]
        touched = sum(new is not old for new, old in zip(changed, exchanges, strict=True))
        if not touched:
            continue
        left = [exchange for exchange in changed if exchange is not None]
        if not dry_run:
            if left:
                landing.replace_part(file.path, left)
            else:
                remove(landing, file)
        yield Rewritten(file, touched)
