"""Files of artists for `watch add --file`: one artist a line, and what stands beside them.

What a name means is found out by `watch`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import click

from spotify_assets.text_files import NotText, by_mark

# Artists are called "#1 Dads" and "Band #3": a comment takes blanks.
_COMMENT_LINE = re.compile(r"#+(\s|$)")
_COMMENT_BEHIND = re.compile(r"(\s{2,}|\t)#.*$")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"\s*(?:\s#.*)?$')


@dataclass(frozen=True, slots=True)
class ArtistFile:
    """What a file names.

    Attributes:
        artists: Each once, in their order.
        comments: Lines that are comments.
        repeated: Lines that name an artist once more.
    """

    artists: tuple[str, ...]
    comments: int
    repeated: int

    def __str__(self) -> str:
        parts = [(len(self.artists), "artist"), (self.comments, "comment"), (self.repeated, "repeated line")]
        return ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in parts if n or what == "artist")


def read_artists(path: Path) -> ArtistFile:
    """Read a file.

    Raises:
        click.ClickException: It is no text.
    """
    try:
        text = by_mark(path.read_bytes())
    except (NotText, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise click.ClickException(f"{path} cannot be read: {reason}") from None
    artists, comments = [], 0
    for line in re.split(r"\r\n|\r|\n", text):  # str.splitlines also breaks at what may stand in a name
        artist = _artist(line.strip())
        comments += artist is None
        artists += [artist] if artist else []
    distinct = tuple(dict.fromkeys(artists))
    return ArtistFile(distinct, comments, len(artists) - len(distinct))


def _artist(line: str) -> str | None:
    """The artist that a line names, nothing in an empty one, or None where it is a comment."""
    if _COMMENT_LINE.match(line):
        return None
    if quoted := _QUOTED.match(line):
        return quoted[1].replace('""', '"').strip()
    return _COMMENT_BEHIND.sub("", line).strip()
