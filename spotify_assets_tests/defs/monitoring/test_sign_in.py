"""The check that says two weeks ahead that a sign-in ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from spotify_assets.defs.monitoring.sign_in import NAME, check_sign_in, sign_in_check
from spotify_assets.users import store
from spotify_assets.users.token_encryption import TokenEncryption
from spotify_assets.warehouse.connection import Warehouse

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = dg.AssetKey(["landing", "raw_artists"])


@pytest.mark.parametrize(
    ("days", "passed", "words"),
    [
        (100, True, None),
        (13, False, "end within two weeks, the first on 2026-12-04"),
        (-1, False, "1 of 1 sign-ins ended"),
    ],
)
def test_it_warns_two_weeks_ahead_and_names_nobody(
    warehouse: Warehouse, home: Path, days: int, passed: bool, words: str | None
) -> None:
    store.sign_in(
        warehouse, TokenEncryption(home), source="spotify", user_id="canary-user", display_name="Canary Name",
        scopes=(),
        authorised_at=NOW - timedelta(170), expires_at=NOW + timedelta(days), refresh_token=SecretStr("t"),
    )  # fmt: skip
    result = check_sign_in(KEY, warehouse, now=NOW)
    assert result.passed is passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert (words or "") in (result.description or "")
    assert "anary" not in f"{result.description}{result.metadata}"


def test_nobody_signed_in_is_fine(warehouse: Warehouse) -> None:
    assert check_sign_in(KEY, warehouse).passed
    (key,) = sign_in_check().check_keys
    assert (key.name, key.asset_key) == (NAME, KEY)
