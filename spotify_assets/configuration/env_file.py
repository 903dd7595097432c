"""The file `.env`: whether it can be read, and which names stand in it.

What the names mean stands in `settings`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from dotenv.parser import parse_stream

from spotify_assets.text_files import NotText, utf8


class EnvFileError(Exception):
    """The file cannot be used; names it, the line, and what to do, and no value."""


def names_in(path: Path | None) -> list[str]:
    """The names that the file sets, in upper case.

    Args:
        path: Where the file may be.

    Raises:
        EnvFileError: It cannot be read, or a line sets nothing.
    """
    if path is None or not path.is_file():
        return []
    problem, text = None, ""
    try:
        text = utf8(path.read_bytes())
    except NotText as error:
        problem = str(error)
    except OSError as error:
        problem = f"it cannot be read: {os.strerror(error.errno or 0)}"
    names = []
    if problem is None:
        for binding in parse_stream(io.StringIO(text)):
            if binding.error or (binding.key is not None and binding.value is None):
                line = binding.original.line + _blank_lines(binding.original.string)
                problem = f"line {line} sets nothing: write NAME=VALUE, or # before a comment"
                break
            if binding.key is not None:
                names.append(binding.key.upper())
    if problem is not None:
        raise EnvFileError(f"{path}: {problem}")
    return list(dict.fromkeys(names))


def _blank_lines(text: str) -> int:
    """Lines above the statement that the parser counts to it."""
    return text[: len(text) - len(text.lstrip())].count("\n")
