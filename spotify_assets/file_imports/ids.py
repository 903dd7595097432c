"""Ids in a file for a live source: they must have its form, or two series would look like one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from spotify_assets.file_imports.reader import ImportProblem
from spotify_assets.file_imports.rows_by_day import RowsByDay
from spotify_assets.sources.imported import rows
from spotify_assets.sources.protocol import MBID, SPOTIFY_ID, Entity
from spotify_assets.sources.spotify.ids import Kind

_MBID = (MBID.pattern, "a MusicBrainz id such as a74b1b7f-71a5-…")
_LETTERS = (SPOTIFY_ID.pattern, "22 letters and digits")
_NUMBER = (r"[0-9]+", "a number")
_IDS: Mapping[str, Mapping[Kind, tuple[str, str]]] = {
    "spotify": {"artist": _LETTERS, "album": _LETTERS, "track": _LETTERS},
    "listenbrainz": {"artist": _MBID, "album": _MBID, "track": _MBID},
    "deezer": {"artist": _NUMBER, "album": _NUMBER, "track": _NUMBER},
    "lastfm": {
        "artist": (r"(?!name:)[!-~]+", "a name as an address writes it, such as Daft+Punk"),
        "album": _MBID,
        "track": _MBID,
    },
}
"""What ids look like at each live source; a chart has none, so that of a playlist may be any name."""


def check_ids(path: Path, source: str, entity: Entity, placed: RowsByDay) -> None:
    """Refuse a file in which an id cannot be one of the source's.

    Args:
        path: The file.
        source: A live source.
        entity: What the rows are about.
        placed: The rows; those that are set aside are not looked at.

    Raises:
        ImportProblem: An id has another form; the message names the line.
    """
    forms = _IDS[source]
    for day in sorted(placed.days):
        for line, row in zip(placed.lines[day], placed.days[day], strict=True):
            for kind, ident in rows.ids_of(entity, row, placed.mapping):
                if kind in forms and not re.fullmatch(forms[kind][0], ident):
                    words = forms[kind][1]
                    raise ImportProblem(
                        f"{path}, line {line}: this is no {kind} id of {source} ({words}). "
                        "Give the rows a series of their own, such as --source my-archive."
                    )
