"""Tests and benchmarks run without the settings of whoever runs them."""

from __future__ import annotations

import os

from spotify_assets.process_environment import clean_environment
from spotify_assets.settings import Settings

SETTING_NAMES = frozenset(
    variable
    for name in Settings.model_fields
    for variable in (name.upper(), f"{name.upper()}_FILE")  # each secret may come from a file
)


def is_chosen(name: str) -> bool:
    """Whether a variable chooses what the platform does."""
    return name.upper() in SETTING_NAMES or name.startswith(("SPOTIFY_", "DAGSTER_", "DBT_", "PG"))


def forget() -> None:
    """Drop what somebody chose from the environment of this process and of its children."""
    clean_environment(dagster=True)
    for name in filter(is_chosen, list(os.environ)):
        del os.environ[name]
