"""A terminal of a chosen width, and what a person sees in it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


@dataclass(frozen=True)
class Shown:
    """What a command printed to a terminal.

    Attributes:
        code: Its exit code.
        written: Everything that was ever written, also what was wiped away again.
    """

    code: int
    written: str

    @property
    def lines(self) -> list[str]:
        """What stands there at the end."""
        screen, row, column = [""], 0, 0
        for match in _CONTROL.finditer(self.written):
            value, action, move, text = match.groups()
            if text is not None:
                line = screen[row].ljust(column)
                screen[row] = line[:column] + text + line[column + len(text) :]
                column += len(text)
            elif move == "\r":
                column = 0
            elif move == "\n":
                row += 1
                if row == len(screen):
                    screen.append("")
            elif action == "A":
                row = max(row - int(value or 1), 0)
            elif action == "K":
                screen[row] = "" if value == "2" else screen[row][:column]
        return [line.rstrip() for line in screen]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines).strip("\n")


def on_terminal(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], width: int = 80, seconds: float = 200
) -> Shown:
    """Run a command to its end, with a terminal of some width as its input, output and error."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen(
        command, cwd=cwd, env={**env, "TERM": "xterm-256color"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        written = b""
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    part = os.read(ours, 65536)
                except OSError:  # nobody holds the other end any more
                    break
                if not part:
                    break
                written += part
            code = process.wait(max(deadline - time.monotonic(), 1))
        finally:
            process.kill()
            os.close(ours)
    return Shown(code, written.decode("utf-8", "replace"))
