"""Dagster's own records in a test's database, as the platform keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from spotify_assets.cli.runtime.environment import Environment, export_dagster

EXPORTED = (
    "DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "DAGSTER_DISABLE_TELEMETRY", "DAGSTER_EVENT_BATCH_SIZE"
)  # fmt: skip


@contextmanager
def dagster_records(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Open them; what is exported for it is as it was before after the test."""
    for name in EXPORTED:
        monkeypatch.setenv(name, "")
    export_dagster(environment)
    with dg.DagsterInstance.get() as instance:
        yield instance
