"""How what is said fits a terminal: lines end with a word, and what people copy stays whole."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from spotify_assets.cli.runtime.console import command, in_lines, say
from spotify_assets_tests.support.command import Installation


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", ""),
        ("as short as this", "as short as this"),
        ("words go on in the next line, whole", "words go on in the next line,\nwhole"),
        ("calls     a label stands alone at the left", "calls     a label stands alone\n       at the left"),
        ("  - one advice that takes two lines", "  - one advice that takes two\n    lines"),
        ("first: see\n  second, and that goes on", "first: see\n  second, and that goes on"),
        ("who it is: .venv/bin/spotify-assets watch list", "who it is:\n.venv/bin/spotify-assets watch list"),
        (
            'Next: spotify-assets sql "select name from artists; select 2"; and more words',
            'Next:\nspotify-assets sql "select name from artists; select 2";\nand more words',
        ),
        ("see 'my own/spotify-assets' restore 'a b' now", "see\n'my own/spotify-assets' restore 'a b' now"),
        ("at https://example.org/a-long/address/of-a-page", "at\nhttps://example.org/a-long/address/of-a-page"),
    ],
)  # fmt: skip
def test_lines_end_with_a_word(said: str, shown: str) -> None:
    assert in_lines(said, 30) == shown


def test_a_command_can_be_typed_whatever_its_folder_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "it's $HOME" / "bin"
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(command()) == [str(folder / "spotify-assets")]
    assert in_lines(f"then {command()} watch list", 20) == f"then\n{command()} watch list"
    monkeypatch.setattr("sys.executable", "/opt/assets/bin/python")
    assert command() == "/opt/assets/bin/spotify-assets"


def test_the_first_line_leaves_room_for_what_stands_before_it() -> None:
    assert in_lines("twelve words", 12) == "twelve words"
    assert in_lines("twelve words", 12, taken=4) == "twelve\nwords"


def test_what_is_said_beside_a_table_fits_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    say("what went wrong, and what to do about it", err=True)
    assert capsys.readouterr().err == "what went wrong, and what to\ndo about it\n"


def test_an_error_fits_the_terminal(tmp_path: Path) -> None:
    shown = Installation(tmp_path).watched("status", width=60, SPOTIFY_MARKET="SE", SPOTIFY_MARKETS="USA")
    assert shown.code == 1
    assert shown.lines[:5] == [
        "Error: These settings cannot be used:",
        "  SPOTIFY_MARKETS: expected two-letter country codes",
        "  separated by commas, such as US,SE",
        "  SPOTIFY_MARKET in the environment is not a setting: did",
        "  you mean SPOTIFY_MARKETS?",
    ]
