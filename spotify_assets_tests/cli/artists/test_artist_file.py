"""Artists are called "#1 Dads" and "Band #3": what is a name in a file, and what is a comment."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from spotify_assets.cli.commands.artists.artist_file import read_artists

NAMES = (
    "#1 Dads", '"Weird Al" Yankovic', "Artist #3", "311", "-M-", "!!!", "AC/DC", "Duster, Alex G", "#hashtag",
    "A\u2028B", "\u00bfTeo?",
)  # fmt: skip
COMMENTED = """# nobody
#
## also nobody
####

Duster  # with two blanks
Low\t#3 with a tab
  "#1  # Dads"  # in quotes
"Say ""Hey"" # you"
"A" and "B"
Duster
""
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_names_are_names(tmp_path: Path, encoding: str, end: str) -> None:
    file = tmp_path / "artists.txt"
    file.write_bytes(end.join(NAMES).encode(encoding))
    found = read_artists(file)
    assert found.artists == NAMES
    assert str(found) == "11 artists"


def test_comments_take_blanks_and_quotes_protect(tmp_path: Path) -> None:
    file = tmp_path / "artists.txt"
    file.write_text(COMMENTED, "utf-8")
    found = read_artists(file)
    assert found.artists == ("Duster", "Low", "#1  # Dads", 'Say "Hey" # you', '"A" and "B"')
    assert str(found) == "5 artists, 4 comments, 1 repeated line"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Bj\xf6rk\n".encode("latin-1"), "line 1 is not UTF-8 text"),
        ("Low\n".encode("utf-16-le"), "holds a NUL"),
        (b"\xff\xfeL", "begins as UTF-16 text"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "artists.txt"
    file.write_bytes(content)
    with pytest.raises(click.ClickException, match=says) as error:
        read_artists(file)
    assert str(file) in error.value.message
    assert "UTF-8" in error.value.message
