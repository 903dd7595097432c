"""Parts on their way in take the landing's place, in a folder and in a store that cannot rename folders."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from pyarrow import fs

from spotify_assets.lake.copy import Incoming, Part, is_part_path, open_part, parts
from spotify_assets.lake.landing import Landing

DAY = date(2026, 11, 20)


@pytest.fixture(params=["folder", "object store"])
def landing(request: pytest.FixtureRequest, tmp_path: Path) -> Landing:
    """A landing with two parts, on a filesystem that renames folders or one that may not."""
    made = Landing(str(tmp_path / "lake"))
    for name in ("kept", "old"):
        made.put("spotify", "artists", DAY, name, [])
    if request.param == "object store":
        made._fs, made._root = fs.SubTreeFileSystem("/", fs.LocalFileSystem()), made._root.lstrip("/")
    return made


def path(name: str) -> str:
    return f"spotify/artists/{DAY}/{name}.jsonl.gz"


def contents(landing: Landing) -> dict[str, bytes]:
    found = {}
    for part in parts(landing):
        with open_part(landing, part) as stream:  # type: ignore[union-attr]
            found[part.path] = stream.read()
    return found


def test_what_comes_in_replaces_what_was_there(landing: Landing, tmp_path: Path) -> None:
    before = contents(landing)
    assert sorted(before) == [path("kept"), path("old")]
    incoming = Incoming(landing)
    for name in ("kept", "new"):
        incoming.write(Part(path(name), 1_700_000_000.0), io.BytesIO(name.encode()))
    assert contents(landing) == before, "it was to wait aside"
    incoming.take_over()
    assert contents(landing) == {path("kept"): b"kept", path("new"): b"new"}
    assert [entry.name for entry in (tmp_path / "lake").iterdir()] == ["raw"]


def test_what_is_discarded_leaves_nothing(landing: Landing, tmp_path: Path) -> None:
    before = contents(landing)
    Incoming(landing).write(Part(path("new"), 0.0), io.BytesIO(b"new"))
    Incoming(landing).discard()
    assert contents(landing) == before
    assert [entry.name for entry in (tmp_path / "lake").iterdir()] == ["raw"]


def test_only_paths_of_parts_are_ever_written() -> None:
    assert is_part_path(path("a-b_c"))
    for other in (
        "../../../etc/passwd", "/etc/passwd", f"spotify/artists/{DAY}/../../x.jsonl.gz", path(".hidden"),
        f"spotify/artists/{DAY}/x.txt", f"SPOTIFY/artists/{DAY}/x.jsonl.gz", "spotify/artists/x.jsonl.gz",
    ):  # fmt: skip
        assert not is_part_path(other), other
