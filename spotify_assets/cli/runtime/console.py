"""How things look in the terminal: text, width, progress."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

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
    """The command as this person can type it in a shell: with its folder where that is not on PATH."""
    own = Path(sys.executable).parent / "spotify-assets"
    found = shutil.which("spotify-assets")
    if found is not None and Path(found).resolve() == own.resolve():
        return "spotify-assets"
    return shlex.quote(os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own))


def literal(value: object) -> Text:
    """A table cell that says exactly this, whatever brackets stand in it."""
    return Text(shown(value))


_COMMAND = re.compile(
    r"""(?:'[^']*(?:'"'"'[^']*)*spotify-assets'|\S*spotify-assets)"""
    r"""(?: (?:"[^"]*"|'[^']*'|[^\s;,`"]*[^\s;,`".:)]))*"""
)
_BEGINNING = re.compile(r"\s*(?:- |\S+\s{2,})?")
"""A sign or a label, below which a text does not go on."""


def in_lines(text: str, width: int, taken: int = 0) -> str:
    """Text in lines that fit, broken between words; commands, addresses and paths stay whole.

    Args:
        text: What to say, of one or more lines.
        width: Characters of a line.
        taken: How many of them the first line has lost to what stands before it.
    """
    lines = []
    for at, line in enumerate(text.split("\n")):
        whole = _COMMAND.sub(lambda found: found[0].replace(" ", "\0"), line.lstrip(" "))
        first = " " * (len(line) - len(line.lstrip(" ")) + (0 if at else taken))
        beginning = _BEGINNING.match(line)
        below = " " * min(beginning.end() if beginning else 0, width // 4)
        folded = textwrap.fill(
            whole, width, initial_indent=first, subsequent_indent=below, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
        lines.append(folded[0 if at else taken :].replace("\0", " "))
    return "\n".join(lines)


def for_terminal(text: str, *, err: bool = False, taken: int = 0) -> str:
    """Text as it is printed by `click.echo`: in lines that fit if somebody reads them in a terminal."""
    stream = sys.stderr if err else sys.stdout
    return in_lines(text, shutil.get_terminal_size().columns, taken) if stream.isatty() else text


def say(text: str, *, err: bool = False, fg: str | None = None) -> None:
    """Print a sentence or two, in lines that fit."""
    shaped = for_terminal(text, err=err)
    click.echo(click.style(shaped, fg=fg) if fg else shaped, err=err)


class _Screen(Console):
    """What is not to be cut (`soft_wrap`) goes on in the next line of a terminal with a whole word."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, as rich does."""
        if options.get("soft_wrap") and self.is_terminal:
            objects = tuple(self._in_lines(one) for one in objects)
        super().print(*objects, **options)

    def _in_lines(self, one: Any) -> Any:
        if isinstance(one, Text) and not one.spans:
            return Text(in_lines(one.plain, self.width), one.style)
        return in_lines(one, self.width) if isinstance(one, str) else one


def console() -> Console:
    """Standard output; survives the redirection of a run's own output."""
    # A duplicate of the descriptor: file descriptor 1 points elsewhere while a run is under way.
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", closefd=True)
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(stream.close)
    width = None if stream.isatty() or "COLUMNS" in os.environ else 110
    return _Screen(file=cast("IO[str]", stream), highlight=False, width=width)


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
