"""Copying the whole landing out and in again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pyarrow import fs

from spotify_assets.lake.landing import LakeError, Landing, is_part

_PATH = re.compile(r"[a-z][a-z0-9_-]{0,39}/[a-z_]+/\d{4}-\d\d-\d\d/[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the landing.

    Attributes:
        path: Below the landing: series, entity, day and name.
        modified: When it was written, in seconds since 1970.
    """

    path: str
    modified: float


def is_part_path(path: str) -> bool:
    """Whether a part can have this path below the landing; nothing else may ever be written there."""
    return _PATH.fullmatch(path) is not None and is_part(path.rpartition("/")[2])


def parts(landing: Landing) -> list[Part]:
    """Every part, in order of its path.

    Raises:
        LakeError: The landing cannot be listed.
    """
    try:
        found = landing.filesystem.get_file_info(
            fs.FileSelector(landing.root, allow_not_found=True, recursive=True)
        )
    except OSError as error:
        raise LakeError(f"cannot list {landing.root}: {error}") from error
    every = [
        Part(info.path.removeprefix(f"{landing.root}/"), (info.mtime_ns or 0) / 1e9)
        for info in found
        if info.type == fs.FileType.File
    ]
    return sorted((part for part in every if is_part_path(part.path)), key=lambda part: part.path)


def open_part(landing: Landing, part: Part) -> Any | None:
    """The part for reading, or None if it went meanwhile (a purge).

    Raises:
        LakeError: It cannot be read.
    """
    try:
        return landing.filesystem.open_input_file(f"{landing.root}/{part.path}")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LakeError(f"cannot read {landing.root}/{part.path}: {error}") from error


class Incoming:
    """Parts on their way in: beside the landing until `take_over` puts them in its place."""

    def __init__(self, landing: Landing) -> None:
        """Begin with nothing; what an earlier attempt left is removed."""
        self._fs, self._root = landing.filesystem, landing.root
        self._aside, self._old = f"{landing.root}.restoring", f"{landing.root}.replaced"
        self._local = isinstance(landing.filesystem, fs.LocalFileSystem)
        self.discard()

    def write(self, part: Part, stream: IO[bytes]) -> None:
        """Write one part.

        Raises:
            LakeError: It cannot be written.
        """
        path = f"{self._aside}/{part.path}"
        try:
            self._fs.create_dir(path.rpartition("/")[0], recursive=True)
            with self._fs.open_output_stream(path, compression=None) as output:
                while chunk := stream.read(1 << 20):
                    output.write(chunk)
            if self._local:  # when it was written tells whether what it holds was loaded since
                os.utime(path, (part.modified, part.modified))
        except OSError as error:
            raise LakeError(f"cannot write {path}: {error}. Nothing was replaced") from error

    def take_over(self) -> None:
        """Put what was written in the landing's place; what was there before is removed.

        Raises:
            LakeError: It could not be done; the files are kept aside.
        """
        try:
            if self._local:
                self._swap()
                return
            # An object store renames no folders. Nothing is deleted before all that is new is in its place.
            incoming = set(self._below(self._aside))
            for path in sorted(incoming):
                self._fs.create_dir(f"{self._root}/{path}".rpartition("/")[0], recursive=True)
                self._fs.move(f"{self._aside}/{path}", f"{self._root}/{path}")
            for path in set(self._below(self._root)) - incoming:
                self._fs.delete_file(f"{self._root}/{path}")
            self.discard()
        except OSError as error:
            raise LakeError(
                f"cannot put {self._aside} in the place of {self._root}: {error}. The database is restored "
                "already: run the same command again, with --replace"
            ) from error

    def _swap(self) -> None:
        root, aside, old = Path(self._root), Path(self._aside), Path(self._old)
        aside.mkdir(parents=True, exist_ok=True)
        if root.exists():
            root.rename(old)
        aside.rename(root)
        self.discard()

    def discard(self) -> None:
        """Remove what is aside."""
        for folder in (self._aside, self._old):
            if self._fs.get_file_info(folder).type == fs.FileType.Directory:
                self._fs.delete_dir(folder)

    def _below(self, folder: str) -> Iterator[str]:
        for info in self._fs.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=True)):
            if info.type == fs.FileType.File:
                yield info.path.removeprefix(f"{folder}/")
