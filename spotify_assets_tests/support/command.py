"""The command line as a user meets it: the installed command, in a process and a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import psycopg2

from spotify_assets.settings import PROJECT_ROOT
from spotify_assets_tests.support.own_settings import is_chosen
from spotify_assets_tests.support.terminal import Shown, on_terminal

SCRIPT = Path(sys.executable).parent / "spotify-assets"
WITHOUT_ENV_FILE = (
    "import sys; from spotify_assets.settings import Settings; Settings.model_config['env_file'] = None; "
    "from spotify_assets.cli import main; sys.exit(main(sys.argv[1:]))"
)
"""The same command for a checkout whose `.env` holds the developer's own settings."""


def command() -> list[str]:
    """How to call the command line."""
    if (PROJECT_ROOT / ".env").exists():
        return [sys.executable, "-c", WITHOUT_ENV_FILE]
    return [str(SCRIPT)]


def clean_variables() -> dict[str, str]:
    """The environment without anything that chooses what the platform does."""
    terminal = ("COLUMNS", "FORCE_COLOR", "NO_COLOR")
    return {
        name: value
        for name, value in os.environ.items()
        if not is_chosen(name) and not name.startswith(terminal)
    }


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return self.out + self.err

    def json(self) -> Any:
        """What was printed for programs."""
        return json.loads(self.out)

    def succeeded(self) -> Done:
        """This, after making sure of it."""
        assert self.code == 0, f"exit code {self.code}\n{self.text}"
        return self


@dataclass(frozen=True)
class Installation:
    """A home and a database of its own, and the commands on them."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of its commands."""
        return {
            **clean_variables(), "SPOTIFY_ASSETS_HOME": str(self.home), **self.variables, **variables
        }  # fmt: skip

    def changed(self, **variables: str) -> Installation:
        """The same home with other settings."""
        return Installation(self.home, {**self.variables, **variables})

    def run(self, *arguments: str, seconds: float = 200, **variables: str) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            [*command(), *arguments],
            check=False,
            cwd=self.home,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def watched(self, *arguments: str, width: int = 80, seconds: float = 200, **variables: str) -> Shown:
        """Run a command to its end in a terminal."""
        return on_terminal([*command(), *arguments], self.home, self.environment(**variables), width, seconds)

    def start(self, *arguments: str, output: TextIO, **variables: str) -> subprocess.Popen[str]:
        """Start a command; what it prints goes to a file, which no child can keep us waiting for."""
        return subprocess.Popen(
            [*command(), *arguments],
            cwd=self.home,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
        )


def query(url: str, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ask the database without any of our own code."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()
    finally:
        connection.close()


def change(url: str, statement: str) -> None:
    """Change the database behind the platform's back."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.commit()
    finally:
        connection.close()


def records(url: str, statement: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    """Rows by column name."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()


def contents(url: str, *schemas: str) -> dict[str, list[str]]:
    """Every row of every table of the schemas, as text, in an order that only the rows decide."""
    tables = query(
        url,
        "select n.nspname || '.' || c.relname from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = any(%s) and c.relkind in ('r', 'p') and not c.relispartition order by 1",
        (list(schemas or ("snapshots", "intermediate", "marts")),),
    )
    return {
        name: sorted(row for (row,) in query(url, f"select t::text from {name} as t")) for (name,) in tables
    }


def eventually(condition: Callable[[], object], seconds: float = 60, pause: float = 0.02) -> bool:
    """Wait until something is so, for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause)
    return bool(condition())
