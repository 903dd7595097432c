"""`status`: nothing, data, lost days, and what is missing by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from pydantic import SecretStr

from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LoadSummary, QuarantinedRow
from spotify_assets.warehouse.replace import replace_partition
from spotify_assets_tests.cli.command import Done

Cli = Callable[..., Done]


@pytest.fixture
def load(database: str) -> Callable[..., None]:
    """Load a day of one artist, with books that name what is missing."""

    def load(day: str, missing: dict[str, str] | None = None, quarantined: int = 0) -> None:
        on = date.fromisoformat(day)
        rows = pa.table(
            {
                "snapshot_date": pa.array([on], pa.date32()),
                "source": ["spotify"],
                "artist_id": ["a" * 22],
                "requested_id": ["a" * 22],
                "observed_at": pa.array([datetime(on.year, on.month, on.day, 12, tzinfo=UTC)]),
            }
        )
        absent = missing or {}
        replace_partition(
            Warehouse.open(load_settings(database_url=SecretStr(database))),
            table="artist_snapshots",
            source="spotify",
            day=on,
            rows=rows,
            quarantined=[QuarantinedRow({"n": n}, ("bad",)) for n in range(quarantined)],
            load=LoadSummary(1 + len(absent), 1 + quarantined, absent, quarantined, 0, "run"),
        )

    return load


def test_nothing_yet(cli: Cli) -> None:
    done = cli("status").succeeded()
    assert "SIMULATED upstream" in done.out
    assert "simulated, 0 artists tracked" in done.out
    assert "Nothing is loaded yet: spotify-assets watch add" in done.out
    report = cli("status", "--json").succeeded().json()
    assert report["simulated"] is True
    assert report["tracked_artists"] == 0
    assert report["series"] == []
    assert datetime.fromisoformat(report["next_scheduled_run"]) > datetime.now(UTC)


def test_days_missed_since_the_newest_are_lost_if_the_source_is_still_observed(
    cli: Cli, load: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    load((today - timedelta(days=3)).isoformat())
    assert cli("status", "--json").succeeded().json()["series"][0]["lost_days"] == []
    credentials = {"SPOTIFY_CLIENT_ID": "id", "SPOTIFY_CLIENT_SECRET": "secret"}
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    lost = [(today - timedelta(days=ago)).isoformat() for ago in (2, 1)]
    assert cli("status", "--json").succeeded().json()["series"][0]["lost_days"] == lost
    assert f"not observed: artist_snapshots, spotify: {lost[0]}, {lost[1]}" in cli("status").succeeded().out


def test_days_rows_lost_days_and_what_is_missing(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-01", {"old": "was missing long ago"})
    load("2026-11-02")
    absent = {"b" * 22: "unknown to the upstream (null)", "[bold]c\x1b": "HTTP 500"}
    load("2026-11-05", absent, quarantined=2)
    (series,) = cli("status", "--json").succeeded().json()["series"]
    assert series == {
        "table": "artist_snapshots", "source": "spotify",
        "first_day": "2026-11-01", "newest_day": "2026-11-05",
        "days": 3, "rows": 3, "missing": 3, "quarantined": 2, "lost_days": ["2026-11-03", "2026-11-04"],
        "missing_on_newest_day": absent,
    }  # fmt: skip
    text = cli("status").succeeded().out
    assert "not observed: artist_snapshots, spotify: 2026-11-03, 2026-11-04" in text
    named = f"{'b' * 22} (unknown to the upstream (null))"
    assert f"missing on 2026-11-05: artist_snapshots, spotify: {named}" in text
    assert "[bold]c\\x1b (HTTP 500)" in text
    assert "long ago" not in text
    assert "\x1b" not in text


def test_many_missing_are_counted(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-05", {f"artist {n:02}": "unknown" for n in range(25)})
    text = cli("status").succeeded().out
    assert text.count("(unknown)") == 10
    assert "… and 15 more (status --json)" in text
    assert len(cli("status", "--json").json()["series"][0]["missing_on_newest_day"]) == 25


def test_only_a_gap_between_observed_days_is_lost(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-05")
    assert "not observed" not in cli("status").out
    load("2026-10-01")
    text = cli("status").out
    assert "2026-10-02" in text
    assert "and 26 more" in text
