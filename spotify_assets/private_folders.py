"""Folders that no other account of the machine can look into.

Which folders these are is said by whoever makes them.
"""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, open to their owner only; gives it back.

    One that is there keeps its mode: it may be somebody's, for others to use as well.
    """
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir(mode=0o700, exist_ok=True)
    return folder


def close_to_others(path: Path, *, passing: int = 0) -> None:
    """Take from others what they may do with a file or folder of ours.

    Args:
        path: What to close; a link is left alone.
        passing: Bits that are left, for an account of ours that has to pass.
    """
    # Of another user, or gone: then it is theirs to decide, or nothing to close.
    with contextlib.suppress(PermissionError, FileNotFoundError):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & _OTHERS & ~passing:
            path.chmod(stat.S_IMODE(mode) & ~(_OTHERS & ~passing))
