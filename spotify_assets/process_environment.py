"""The environment of our own processes, without what the variables of other programs would do to them.

libpq, dbt, Dagster and Pandera read dozens of variables; those of another project would send us to another
server, dbt target or instance, or switch off what is checked. Each door of ours (command line, code server, a
connection) comes through here. What a server needs to be told stands in DATABASE_URL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

# Every variable of libpq, dbt and Pandera begins so, a later version's too. PG_… are names that people
# invent.
_OF_OTHERS = re.compile(r"PG[A-Z]|DBT_|PANDERA_")
_DAGSTER = re.compile(r"DAGSTER_")
_SETTINGS = ("DAGSTER_EVENTS_KEPT_DAYS", "DAGSTER_WEB_URL")
"""Settings of ours that begin as Dagster's own variables do."""

NO_PASSWORD_FILE: Mapping[str, str] = {"PGPASSFILE": os.path.join(os.devnull, "none")}  # noqa: PTH118 - no path of a file
"""Keeps libpq from ~/.pgpass: dbt could not use it, and half of the platform would sign in."""

# How text is encoded between our own processes, whatever the terminal or the locale can show.
_ENCODING: Mapping[str, str] = {"PYTHONUTF8": "1"}

OF_THE_INTERPRETER = ("PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONINSPECT")
"""How somebody develops: with PYTHONWARNINGS=error any library's notice would end a run."""

_ours: dict[str, str] = {}
_set_aside: set[str] = set()


def clean_environment(*, dagster: bool = False) -> None:
    """Drop what belongs to other programs from the environment of this process and of its children.

    Cheap and harmless to call again: variables may have been set since.

    Args:
        dagster: Drop Dagster's own variables as well; not in processes that Dagster has started, which
            learn from these where its records are.
    """
    for name in list(os.environ):
        of_others = _OF_OTHERS.match(name) or (dagster and _DAGSTER.match(name))
        if of_others and name not in _SETTINGS and os.environ[name] != _ours.get(name):
            del os.environ[name]
            _set_aside.add(name)
    for name in OF_THE_INTERPRETER:
        os.environ.pop(name, None)
    provide({**NO_PASSWORD_FILE, **_ENCODING})


def provide(variables: Mapping[str, str]) -> None:
    """Set variables of our own, which `clean_environment` keeps."""
    _ours.update(variables)
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def set_aside() -> list[str]:
    """Names of the variables that were dropped, in alphabetical order."""
    return sorted(_set_aside)
