"""Advice fits what kept the embedded server from starting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spotify_assets.warehouse.embedded import cluster


@pytest.mark.parametrize(
    ("problem", "advice"),
    [
        (
            "initdb: error: could not look up effective user ID 54321: user does not exist",
            f"give user {os.geteuid()} an entry in /etc/passwd",
        ),
        ("[Errno 28] No space left on device: '/x'", "Make room on the disk"),
        ("[Errno 30] Read-only file system: '/x'", "SPOTIFY_ASSETS_HOME"),
        (
            "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
            "memory: end other programs",
        ),
        ("[Errno 37] No locks available", "a network folder?"),
        ("[Errno 13] Permission denied: '/x'", "correct their owner or mode"),
        ("postgres: error while loading shared libraries: libz.so.1", "does not fit this system"),
        ("something new", "See what is said above"),
    ],
)
def test_the_advice_is_about_the_cause(tmp_path: Path, problem: str, advice: str) -> None:
    (tmp_path / "server.log").write_text("LOG:  of another day\n")
    said = cluster.explain(tmp_path, problem)
    assert problem in said
    assert advice in said
    assert "disk has room" not in said
    assert said.endswith("then try again; or set DATABASE_URL to use a PostgreSQL server instead.")


def test_the_log_tells_where_the_problem_does_not(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("FATAL:  could not write lock file: No space left on device\n")
    assert "Make room on the disk" in cluster.explain(tmp_path, "the server ended")
