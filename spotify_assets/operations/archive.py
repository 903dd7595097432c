"""The file that a backup is: a tar archive whose last member says what the others are.

warehouse.dump          the database, in PostgreSQL's custom format
lake/SERIES/ENTITY/…    raw responses, as they lie in the lake
layouts/NAME.toml       the user's own import layouts
manifest.json           names, sizes and SHA-256 of all of it, and what it was made from
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from spotify_assets.lake.copy import Part, is_part_path

FORMAT = 1
DATABASE, MANIFEST, LAKE, LAYOUTS = "warehouse.dump", "manifest.json", "lake/", "layouts/"
_LAYOUT = re.compile(r"[A-Za-z0-9_-]+\.toml")
_CHUNK = 1 << 20


class BackupError(Exception):
    """A backup cannot be written, read or restored; the message says what to do."""


@dataclass(slots=True)
class Manifest:
    """What an archive holds.

    Attributes:
        about: What it was made from: version, time, PostgreSQL, migrations, schemas.
        files: Size and SHA-256 by name.
    """

    about: dict[str, Any]
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many files of the lake."""
        return sum(name.startswith(LAKE) for name in self.files)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(size for size, _ in self.files.values())

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**self.about, "lake_files": self.parts, "bytes": self.bytes}


class _Hashing:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.hash.update(data)
        return data


class Writer:
    """Adds files to an archive, one after the other."""

    def __init__(self, tar: tarfile.TarFile, about: Mapping[str, Any]) -> None:
        self._tar = tar
        self.manifest = Manifest(dict(about))

    def add(self, name: str, stream: IO[bytes], size: int, modified: float) -> None:
        """Add one file."""
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, modified, 0o600
        hashing = _Hashing(stream)
        self._tar.addfile(info, hashing)
        self.manifest.files[name] = (size, hashing.hash.hexdigest())

    def close(self) -> None:
        """Add the manifest."""
        files = {
            name: {"bytes": size, "sha256": digest} for name, (size, digest) in self.manifest.files.items()
        }
        told = json.dumps({"format": FORMAT, **self.manifest.about, "files": files}, indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(told), 0o600
        self._tar.addfile(info, io.BytesIO(told))


@contextmanager
def written(target: Path, about: Mapping[str, Any]) -> Iterator[Writer]:
    """Write an archive, closed to others, that appears under its name once it is whole.

    Raises:
        BackupError: It cannot be written, or is there already.
    """
    if target.exists():
        raise BackupError(f"{target} exists already. Choose another name, or a folder.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                writer = Writer(tar, about)
                yield writer
                writer.close()
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise BackupError(
            f"{target} cannot be written: {error.strerror or error}. Choose a folder that you may write "
            "to, on a disk with room"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def checked(archive: Path, show: Callable[[str], None] = lambda _: None) -> Manifest:
    """Read the whole archive and compare everything in it with its manifest.

    Args:
        archive: The file.
        show: Called with what is being read.

    Raises:
        BackupError: It is no backup, is not whole, was changed, or holds what no backup holds.
    """
    found, told = _read(archive, show)
    if told is None:
        raise BackupError(
            f"{archive} is not whole: its last part is missing. Copy it again from where it was made, or "
            "take an earlier backup."
        )
    files = {name: (int(one["bytes"]), str(one["sha256"])) for name, one in told.pop("files").items()}
    wrong = sorted(name for name in files.keys() | found.keys() if files.get(name) != found.get(name))
    if wrong:
        more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
        raise BackupError(
            f"{archive} is damaged: {wrong[0]}{more} is not what was written. Copy it again from "
            "where it was made, or take an earlier backup."
        )
    if DATABASE not in files:
        raise BackupError(f"{archive} holds no database.")
    return Manifest(told, files)


def _read(
    archive: Path, show: Callable[[str], None]
) -> tuple[dict[str, tuple[int, str]], dict[str, Any] | None]:
    """What files an archive holds, and what its manifest says, if it comes so far."""
    found: dict[str, tuple[int, str]] = {}
    told: dict[str, Any] | None = None
    try:
        for number, (name, _, stream) in enumerate(_members(archive)):
            if told is not None:
                raise BackupError(f"{archive} goes on after its end: it was changed since it was made.")
            if name == MANIFEST:
                told = _read_manifest(archive, stream)
                continue
            digest, size = hashlib.sha256(), 0
            while data := stream.read(_CHUNK):
                digest.update(data)
                size += len(data)
            found[name] = (size, digest.hexdigest())
            if number % 100 == 0:
                show(f"{number:,} files")
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BackupError(
            f"{archive} cannot be read to its end: {error}. It is no backup of Spotify Assets, or not whole: "
            "copy it again from where it was made, or take an earlier one."
        ) from error
    except OSError as error:
        raise BackupError(f"{archive} cannot be read: {error.strerror or error}") from error
    return found, told


def _read_manifest(archive: Path, stream: IO[bytes]) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(stream.read())
        form = told.pop("format")
    except (ValueError, KeyError, AttributeError):
        raise BackupError(f"{archive} is damaged: its manifest cannot be read.") from None
    if form != FORMAT:
        raise BackupError(
            f"{archive} was written by a newer version of Spotify Assets (format {form}). Upgrade first."
        )
    return told


def contents(archive: Path) -> Iterator[tuple[str, Part, IO[bytes]]]:
    """Every file of a checked archive but the manifest: name, itself as a part of the lake, content."""
    for name, modified, stream in _members(archive):
        if name != MANIFEST:
            yield name, Part(name.removeprefix(LAKE), modified), stream


def _members(archive: Path) -> Iterator[tuple[str, float, IO[bytes]]]:
    with tarfile.open(archive, "r|") as tar:
        for member in tar:
            if not member.isfile() or not _belongs(member.name):
                raise BackupError(f"{archive} is no backup of Spotify Assets: it holds {member.name[:80]!r}.")
            stream = tar.extractfile(member)
            assert stream is not None  # noqa: S101 - it is a file
            yield member.name, float(member.mtime), stream


def _belongs(name: str) -> bool:
    """Whether a backup can hold a file of this name: nothing may lead out of where it is restored to."""
    if name.startswith(LAKE):
        return is_part_path(name.removeprefix(LAKE))
    if name.startswith(LAYOUTS):
        return _LAYOUT.fullmatch(name.removeprefix(LAYOUTS)) is not None
    return name in {DATABASE, MANIFEST}
