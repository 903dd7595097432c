"""How things look in the terminal: text, width, progress."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import click
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


def shown(value: object) -> str:
    """A value as text that cannot do anything to a terminal: control characters become visible escapes."""
    text = "" if value is None else str(value)
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def command() -> str:
    """The command as this person can type it: with its folder where that is not on PATH."""
    own = Path(sys.executable).parent / "spotify-assets"
    found = shutil.which("spotify-assets")
    if found is not None and Path(found).resolve() == own.resolve():
        return "spotify-assets"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def literal(value: object) -> Text:
    """A table cell that says exactly this, whatever brackets stand in it."""
    return Text(shown(value))


def console() -> Console:
    """Standard output; survives the redirection of a run's own output."""
    # A duplicate of the descriptor: file descriptor 1 points elsewhere while a run is under way.
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", closefd=True)
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(stream.close)
    width = None if stream.isatty() or "COLUMNS" in os.environ else 110
    return Console(file=cast("IO[str]", stream), highlight=False, width=width)


@contextmanager
def progress(screen: Console, text: str) -> Iterator[Callable[[str], None]]:
    """A line that says what is under way; silent when nobody watches."""
    if not screen.is_terminal:
        screen.print(f"{text} …")
        yield lambda _: None
        return
    spinner = Spinner("dots", _line(screen, text))
    # Nothing but this line: what anything else prints belongs to the run's log, not above the line.
    with Live(spinner, console=screen, transient=True, redirect_stdout=False, redirect_stderr=False):
        yield lambda step: spinner.update(text=_line(screen, text, step))


def _line(screen: Console, text: str, step: str = "") -> Text:
    """What is under way, in one line however narrow the terminal is."""
    line = Text.assemble(shown(text), (f" … {shown(step)}" if step else " …", "dim"))
    line.truncate(max(screen.width - 3, 1), overflow="ellipsis")  # the spinner stands before it
    return line
