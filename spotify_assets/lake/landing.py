"""Landing raw responses: written once, whole, unchanged; read back for every replay.

The layout is `raw/{source}/{entity}/{day}/{run}-{part}.jsonl.gz`; a line is one exchange as JSON, the body
an untouched string. A part appears whole or not at all, and no part is ever rewritten, except by a purge
(`files`).
"""

from __future__ import annotations

import gzip
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from spotify_assets.lake.lines import day_of, decode, encode
from spotify_assets.private_folders import make_private_folder
from spotify_assets.sources.exchange import Exchange

if TYPE_CHECKING:  # slow to import, and most commands only say where the lake is
    from pyarrow import fs

PART_EXCHANGES = 50
"""A part is written after this many responses …"""
PART_SECONDS = 2.0
"""… or this many seconds after its first, so that a killed run loses next to nothing."""
COMPRESSION = 2
"""gzip level: 2 costs a third of the time of 6 for a tenth more space on API responses."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_SAFE = re.compile(r"[^A-Za-z0-9_-]+")


class LakeError(Exception):
    """The lake cannot be read or written; the message names the file and what to do."""


def check_source_name(name: str) -> str:
    """Return `name` if it can name a series.

    Raises:
        ValueError: The name is not lower-case letters, digits, ``-`` and ``_``, at most 40.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot name a source: use at most 40 lower-case letters, digits, - and _, "
            "beginning with a letter"
        )
    return name


def without_credentials(url: str) -> str:
    """A lake's URL without the keys of an object store that it may hold."""
    credentials, at, _ = urlsplit(url).netloc.rpartition("@")
    return url.replace(credentials + at, "***@", 1) if at else url


def is_part(name: str) -> bool:
    """Whether a file of this name is a part, and not one that is only being written."""
    return name.endswith(".jsonl.gz") and not name.startswith(".")


def _write_durably(path: Path, data: bytes) -> Path:
    """Write a file and wait until it is on the disk: after a power loss it is whole or not there."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


class LandingWriter:
    """A sink that gathers exchanges of one (source, entity, day) and lands them in parts."""

    def __init__(self, landing: Landing, folder: str, run_id: str) -> None:
        self._landing = landing
        self._folder = folder
        # The random tail keeps two writers of one run apart; parts are never overwritten.
        self._stem = f"{_SAFE.sub('-', run_id)[:40]}-{uuid4().hex[:8]}"
        self._pending: list[bytes] = []
        self._since = 0.0
        self.parts = 0
        self.exchanges = 0

    def __call__(self, exchange: Exchange) -> None:
        """Keep one exchange; write a part when one is due.

        Raises:
            LakeError: The part could not be written.
        """
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append(encode(exchange))
        self.exchanges += 1
        if len(self._pending) >= PART_EXCHANGES or time.monotonic() - self._since >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one part."""
        if self._pending:
            name = f"{self._stem}-{self.parts:05d}.jsonl.gz"
            self._landing.write_part(f"{self._folder}/{name}", b"".join(self._pending))
            self._pending.clear()
            self.parts += 1


class Landing:
    """The raw part of the lake, in a local folder or an object store."""

    def __init__(self, url: str) -> None:
        """Open the lake.

        Args:
            url: A folder, or ``file://``, ``s3://`` or ``gs://`` with a path.

        Raises:
            LakeError: The URL cannot be used.
        """
        try:
            if "://" in url:
                from pyarrow import fs  # noqa: PLC0415 - slow to import

                self._fs, root = fs.FileSystem.from_uri(url)
                self._local = isinstance(self._fs, fs.LocalFileSystem)
            else:
                self._local, root = True, str(Path(url).expanduser().resolve())
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).replace(url, without_credentials(url))
            raise LakeError(
                f"LAKE_URL cannot be used: {reason}. Expected a folder, file:///…, s3://bucket/… or gs://bucket/…"
            ) from error
        self._root = f"{root.rstrip('/')}/raw"

    @cached_property
    def _fs(self) -> fs.FileSystem:
        from pyarrow import fs  # noqa: PLC0415 - slow to import

        return fs.LocalFileSystem()

    @property
    def filesystem(self) -> fs.FileSystem:
        """Where parts lie, for whoever has to look at all of them (`purge`)."""
        return self._fs

    @property
    def root(self) -> str:
        """The folder of all series, on that filesystem."""
        return self._root

    def _folder(self, source: str, entity: str, day: date) -> str:
        return f"{self._root}/{check_source_name(source)}/{entity}/{day.isoformat()}"

    @contextmanager
    def writer(self, source: str, entity: str, day: date, run_id: str) -> Iterator[LandingWriter]:
        """A sink for one partition; what is pending is landed also when the block fails."""
        writer = LandingWriter(self, self._folder(source, entity, day), run_id)
        try:
            yield writer
        finally:
            writer.flush()

    def put(self, source: str, entity: str, day: date, name: str, exchanges: Iterable[Exchange]) -> bool:
        """Land exchanges as one part with a name of its own, once.

        Args:
            source: Series name.
            entity: What the exchanges are about.
            day: UTC day they were observed on.
            name: Part name that stands for the content; the same name again changes nothing.
            exchanges: What to land.

        Returns:
            True if the part is new.
        """
        if self.has(source, entity, day, name):
            return False
        self.write_part(self._part(source, entity, day, name), b"".join(map(encode, exchanges)))
        return True

    def has(self, source: str, entity: str, day: date, name: str) -> bool:
        """Whether a part of this name has been landed."""
        return bool(self._fs.get_file_info(self._part(source, entity, day, name)).is_file)

    def _part(self, source: str, entity: str, day: date, name: str) -> str:
        return f"{self._folder(source, entity, day)}/{_SAFE.sub('-', name)}.jsonl.gz"

    def write_part(self, path: str, lines: bytes) -> None:
        """Write one part so that it appears whole or not at all.

        Raises:
            LakeError: The file cannot be written.
        """
        data = gzip.compress(lines, COMPRESSION, mtime=0)
        folder, name = path.rsplit("/", 1)
        try:
            if self._local:
                make_private_folder(Path(folder))
                _write_durably(Path(folder) / f".{name}.tmp", data).replace(path)
            else:
                self._fs.create_dir(folder, recursive=True)
                with self._fs.open_output_stream(path, compression=None) as stream:
                    stream.write(data)
        except OSError as error:
            raise LakeError(
                f"cannot write {path}: {error}. Check that the folder is writable and has space; "
                "what was landed before is safe"
            ) from error

    def read(self, source: str, entity: str, day: date) -> list[Exchange]:
        """All that was landed for one partition, in the order observed.

        Raises:
            LakeError: A part cannot be read.
        """
        return self.read_parts(self.parts(source, entity, day))

    def parts(self, source: str, entity: str, day: date) -> list[str]:
        """Paths of all parts of one partition, in name order."""
        found = self._list(self._folder(source, entity, day))
        return [info.path for info in found if is_part(info.base_name)]

    def read_parts(self, paths: Iterable[str]) -> list[Exchange]:
        """What some parts hold, in the order observed.

        Raises:
            LakeError: A part cannot be read.
        """
        exchanges = [exchange for path in paths for exchange in self.read_part(path)]
        exchanges.sort(key=lambda exchange: exchange.observed_at)
        return exchanges

    def read_part(self, path: str) -> list[Exchange]:
        """What one part holds, in the order landed.

        Raises:
            LakeError: The part cannot be read.
        """
        try:
            with self._fs.open_input_stream(path, compression=None) as stream:
                return list(map(decode, gzip.decompress(stream.read()).splitlines()))
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"cannot read {path}: {error}. Restore the file from a backup, or move it away to "
                "go on with what else was landed for this day"
            ) from error

    def replace_part(self, path: str, exchanges: Iterable[Exchange]) -> None:
        """Write a part anew in place of the old one. Only a purge may: a part is otherwise never rewritten.

        Raises:
            LakeError: The file cannot be written.
        """
        self.write_part(path, b"".join(map(encode, exchanges)))

    def sources(self, entity: str, day: date) -> list[str]:
        """Series that have landed anything for `entity` on `day`, in name order."""
        return sorted(
            source.base_name
            for source in self._folders(self._root)
            if any(self._list(f"{source.path}/{entity}/{day.isoformat()}"))
        )

    def days_after(self, source: str, day: date) -> list[tuple[str, date]]:
        """Entities of one series, each with its days after `day` on which anything was landed."""
        return [
            (entity.base_name, later)
            for entity in self._folders(f"{self._root}/{check_source_name(source)}")
            for later in self.days(source, entity.base_name)
            if later > day
        ]

    def days(self, source: str, entity: str) -> list[date]:
        """Days on which anything was landed for one series, oldest first."""
        folders = self._folders(f"{self._root}/{check_source_name(source)}/{entity}")
        return sorted(day for folder in folders if (day := day_of(folder.base_name)) is not None)

    def _folders(self, folder: str) -> list[fs.FileInfo]:
        """The folders in a folder; files there are none of ours."""
        from pyarrow import fs  # noqa: PLC0415 - slow to import

        return [info for info in self._list(folder) if info.type == fs.FileType.Directory]

    def _list(self, folder: str) -> list[fs.FileInfo]:
        from pyarrow import fs  # noqa: PLC0415 - slow to import

        selector = fs.FileSelector(folder, allow_not_found=True)
        found: list[fs.FileInfo] = sorted(self._fs.get_file_info(selector), key=lambda info: info.path)
        return found
