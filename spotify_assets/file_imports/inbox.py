"""The import folder: what waits in it, and where it goes so that nothing is lost.

What is said about a file stands in `sidecar`; when files are looked for and how they are imported, in
`defs.file_imports.sensor`. Imports nothing heavy: a sensor looks here often.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

DONE, FAILED = "done", "failed"
"""Folders in the import folder in which files come to rest."""
SIDECAR = ".toml"
"""Ends the names of files that say something about another one."""
REASON = ".reason.txt"
"""Ends the name of the file that says why another one, or a part of it, was not imported."""
_DEEPEST = 20
"""Levels of folders that are looked into; more are a mistake, and would end every look."""
_LONGEST_NAME = 255
"""Bytes of a file's name on usual file systems."""
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download", "~")
"""What programs end a name with while they are still writing the file."""


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file that waits.

    Attributes:
        name: Its path in the import folder.
        state: Stands for what it is now; another one as soon as it is written to, replaced or moved.
        modified: When it was last written to (nanoseconds since 1970).
    """

    name: str
    state: str
    modified: int


def waiting(folder: Path) -> list[InboxFile]:
    """Files that wait, those written first first: of two that contradict each other the later one counts.

    Hidden files, sidecars and those that a program is still writing under another name do not wait. Links do
    not either, nor what lies behind them: it is somebody else's file, which importing would move.

    Raises:
        OSError: The folder cannot be read.
    """
    found = [one for name in _files(folder) if (one := look(folder, name)) is not None]
    return sorted(found, key=lambda one: (one.modified, one.name))


def links(folder: Path) -> list[str]:
    """Links in the import folder, which are never followed.

    Raises:
        OSError: The folder cannot be read.
    """
    return list(_files(folder, links=True))


def look(folder: Path, name: str) -> InboxFile | None:
    """A file as it is now; None if it has gone, is no plain file, or does not lie in the folder."""
    if not _is_inside(folder, folder / name):
        return None
    try:
        about = (folder / name).lstat()
    except OSError:
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    # The time of the last change tells a copy that was given the time of its original from the original.
    state = f"{about.st_size}-{about.st_mtime_ns}-{about.st_ctime_ns}"
    return InboxFile(name, state, about.st_mtime_ns)


def _is_inside(folder: Path, path: Path) -> bool:
    """Whether a path lies in the folder, and no link or `..` leads out of it on the way."""
    inside = path.relative_to(folder).parts if path.is_relative_to(folder) else ("..",)
    return ".." not in inside and path.parent.resolve() == folder.resolve().joinpath(*inside[:-1])


def _files(folder: Path, within: str = "", *, links: bool = False) -> Iterator[str]:
    """Names of the files below a folder, or of the links; no link is followed."""
    with os.scandir(folder / within) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = within + entry.name
        if entry.name.startswith(".") or name in {DONE, FAILED}:
            continue
        if entry.is_dir(follow_symlinks=False):
            if name.count("/") < _DEEPEST:
                yield from _files(folder, f"{name}/", links=links)
        elif links:
            if entry.is_symlink():
                yield name
        elif entry.is_file(follow_symlinks=False) and not name.endswith((SIDECAR, REASON, *_UNFINISHED)):
            yield name


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
    wanted = folder / to / name
    if look(folder, name) is None:
        raise FileNotFoundError(f"{name} is no file in {folder}")
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not _is_inside(folder, wanted):
        raise PermissionError(f"{wanted.parent} leads out of {folder}")
    target = _reserve(wanted)
    if reason:
        # Before the file: whoever finds that one also finds why it is there.
        target.with_name(target.name + REASON).write_text(reason, "utf-8")
    (folder / name).replace(target)
    if look(folder, name + SIDECAR) is not None:
        (folder / (name + SIDECAR)).replace(target.with_name(target.name + SIDECAR))
    return target


def _reserve(path: Path) -> Path:
    """An empty file of this name, or of one made from it, that nothing stood in before."""
    stem, dot, endings = path.name.partition(".")
    number = 1
    while True:
        mark = "" if number == 1 else f" ({number})"
        number += 1
        place = path.with_name(_shortened(stem, f"{mark}{dot}{endings}"))
        # What belongs to another file of that name must not be overwritten either.
        if any(place.with_name(place.name + ending).exists() for ending in (SIDECAR, REASON)):
            continue
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return place


def _shortened(stem: str, endings: str) -> str:
    """A name that leaves room for what is written beside the file; of a long one the end of the stem goes."""
    most = _LONGEST_NAME - len(REASON)
    room = max(most - len(os.fsencode(endings)), 1)
    name = os.fsdecode(os.fsencode(stem)[:room]) + endings
    return os.fsdecode(os.fsencode(name)[:most])


def folders_of(name: str) -> list[str]:
    """Names of the folders that a file lies in, the outermost first."""
    return list(PurePosixPath(name).parts[:-1])
