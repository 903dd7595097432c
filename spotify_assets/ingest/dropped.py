"""The import folder: what waits in it, and where it goes so that nothing is lost.

Belongs here: finding files and putting them away. What is said about a file stands in `sidecar`; when files
are looked for and how they are imported, in `defs.dropped`. Imports nothing heavy: a sensor looks here often.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

DONE, FAILED = "done", "failed"
"""Folders in the import folder in which files come to rest."""
SIDECAR = ".toml"
"""Ends the names of files that say something about another one."""
REASON = ".reason.txt"
"""Ends the name of the file that says why another one, or a part of it, was not imported."""
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download", "~")
"""What programs end a name with while they are still writing the file."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that waits.

    Attributes:
        name: Its path in the import folder.
        state: Stands for what it is now; another one as soon as it is written to, replaced or moved.
        modified: When it was last written to (nanoseconds since 1970).
    """

    name: str
    state: str
    modified: int


def waiting(folder: Path) -> list[Dropped]:
    """Files that wait, those written first first: of two that contradict each other the later one counts.

    Hidden files, sidecars and those that a program is still writing under another name do not wait.

    Raises:
        OSError: The folder cannot be read.
    """
    names = [path.relative_to(folder).as_posix() for path in _files(folder, folder)]
    found = [one for name in names if (one := look(folder, name)) is not None]
    return sorted(found, key=lambda one: (one.modified, one.name))


def look(folder: Path, name: str) -> Dropped | None:
    """A file as it is now; None if it has gone."""
    try:
        about = (folder / name).stat()
    except FileNotFoundError:
        return None
    # The time of the last change tells a copy that was given the time of its original from the original.
    state = f"{about.st_size}-{about.st_mtime_ns}-{about.st_ctime_ns}"
    return Dropped(name, state, about.st_mtime_ns)


def _files(folder: Path, top: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if folder != top or path.name not in {DONE, FAILED}:
                yield from _files(path, top)
        elif path.is_file() and not path.name.endswith((SIDECAR, REASON, *_UNFINISHED)):
            yield path


def put_away(folder: Path, name: str, to: str, reason: str = "") -> Path:
    """Move a file to `done` or `failed`, with its sidecar; a file that is there already is never overwritten.

    Args:
        folder: The import folder.
        name: Path of the file in it, which it keeps below `to`.
        to: `DONE` or `FAILED`.
        reason: What to say beside it.

    Returns:
        Where it is now.

    Raises:
        OSError: It could not be moved; it is still where it was.
    """
    target = _reserve(folder / to / name)
    if reason:
        # Before the file: whoever finds that one also finds why it is there.
        target.with_name(target.name + REASON).write_text(reason, "utf-8")
    (folder / name).replace(target)
    sidecar = folder / (name + SIDECAR)
    if sidecar.is_file():
        sidecar.replace(target.with_name(target.name + SIDECAR))
    return target


def _reserve(path: Path) -> Path:
    """An empty file of this name, or of one made from it, that nothing stood in before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stem, dot, endings = path.name.partition(".")
    number = 1
    while True:
        name = path.name if number == 1 else f"{stem} ({number}){dot}{endings}"
        number += 1
        place = path.with_name(name)
        # What belongs to another file of that name must not be overwritten either.
        if any(place.with_name(name + ending).exists() for ending in (SIDECAR, REASON)):
            continue
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return place


def folders_of(name: str) -> list[str]:
    """Names of the folders that a file lies in, the outermost first."""
    return list(PurePosixPath(name).parts[:-1])
