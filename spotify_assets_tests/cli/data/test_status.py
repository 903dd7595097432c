"""`status`: nothing, data, lost days, and what is missing by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from pydantic import SecretStr

from spotify_assets.settings import load_settings
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.warehouse.ledger import LoadSummary, QuarantinedRow
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.support.command import Done

Cli = Callable[..., Done]


@pytest.fixture
def load(database: str) -> Callable[..., None]:
    """Load a day of one artist, with books that name what is missing."""

    def load(
        day: str, missing: dict[str, Reason] | None = None, quarantined: int = 0, source: str = "spotify"
    ) -> None:
        on = date.fromisoformat(day)
        rows = pa.table(
            {
                "snapshot_date": pa.array([on], pa.date32()),
                "source": [source],
                "artist_id": ["a" * 22],
                "requested_id": ["a" * 22],
                "observed_at": pa.array([datetime(on.year, on.month, on.day, 12, tzinfo=UTC)]),
            }
        )
        absent = missing or {}
        replace_partition(
            open_warehouse(load_settings(database_url=SecretStr(database))),
            table="artist_snapshots",
            source=source,
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
    assert "spotify-assets watch add ARTIST, then " in done.out
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
    assert f"lost: artist_snapshots, spotify: {lost[0]}, {lost[1]}" in cli("status").succeeded().out


def test_days_rows_lost_days_and_what_is_missing(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-01", {"old": Reason(ReasonCode.FAILED, "was missing long ago")})
    load("2026-11-02")
    absent = {
        "b" * 22: Reason(ReasonCode.NOT_FOUND, "no data for this id"),
        "[bold]c\x1b": Reason(ReasonCode.FAILED, "HTTP 500"),
    }
    load("2026-11-05", absent, quarantined=2)
    (series,) = cli("status", "--json").succeeded().json()["series"]
    assert series == {
        "table": "artist_snapshots", "source": "spotify", "offered": True,
        "first_day": "2026-11-01", "newest_day": "2026-11-05",
        "days": 3, "rows": 3, "missing": 3, "quarantined": 2, "lost_days": ["2026-11-03", "2026-11-04"],
        "loadable_days": [],
        "missing_on_newest_day": {
            "b" * 22: {"code": "not_found", "detail": "no data for this id"},
            "[bold]c\x1b": {"code": "failed", "detail": "HTTP 500"},
        },
    }  # fmt: skip
    text = cli("status").succeeded().out
    assert "lost: artist_snapshots, spotify: 2026-11-03, 2026-11-04" in text
    named = f"{'b' * 22} (not found (no data for this id))"
    assert f"missing on 2026-11-05: artist_snapshots, spotify: {named}" in text
    assert "[bold]c\\x1b (HTTP 500)" in text
    assert "long ago" not in text
    assert "\x1b" not in text


def test_many_missing_are_counted(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-05", {f"artist {n:02}": Reason(ReasonCode.FAILED, "unknown") for n in range(25)})
    text = cli("status").succeeded().out
    assert text.count("(unknown)") == 10
    assert "… and 15 more (status --json)" in text
    assert len(cli("status", "--json").json()["series"][0]["missing_on_newest_day"]) == 25


def test_only_a_gap_between_observed_days_is_lost(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-05")
    assert "lost" not in cli("status").out
    load("2026-10-01")
    text = cli("status").out
    assert "2026-10-02" in text
    assert "and 26 more" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_at_any_width_no_name_date_or_number_is_cut(
    cli: Cli, load: Callable[..., None], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    for source in ("spotify", "simulated-listenbrainz"):
        load("2026-10-01", source=source)
        missing = {"x": Reason(ReasonCode.FAILED, "HTTP 500")}
        load("2026-11-05", missing, source=source, quarantined=12_345 if width >= 80 else 0)
    monkeypatch.setenv("COLUMNS", str(width))
    text = cli("status").succeeded().out
    table = text[text.index("source and table") :].splitlines()[:5]
    assert max(map(len, table)) <= width
    assert [line.split()[0] for line in table] == [
        "source", "simulated-listenbrainz", "artist_snapshots", "spotify", "artist_snapshots"
    ]  # fmt: skip
    for row in (table[2], table[4]):
        assert "2026-11-05" in row
        assert ("2026-10-01" in row) == (width >= 80)
        assert ("12,345" in row) == (width >= 80)
        assert "…" not in row


def test_days_that_can_still_be_had_are_not_lost(cli: Cli, load: Callable[..., None]) -> None:
    for day in ("2026-11-01", "2026-11-04"):
        load(day, source="simulated")
    text = cli("status").succeeded().out
    assert "not loaded yet: artist_snapshots, simulated: 2026-11-02, 2026-11-03, " in text
    assert "backfill --from 2026-11-02 --to " in text
    assert "lost" not in text.replace("not loaded", "")


def test_what_a_source_never_offers_is_not_missing(cli: Cli, load: Callable[..., None]) -> None:
    load("2026-11-05", {"artists": Reason(ReasonCode.NOT_OFFERED)})
    assert "missing" not in cli("status").succeeded().out
    (series,) = cli("status", "--json").succeeded().json()["series"]
    assert (series["offered"], series["missing"], series["missing_on_newest_day"]) == (False, 0, {})


def test_a_demo_beside_real_sources_can_be_removed(
    cli: Cli, load: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    load("2026-11-05", source="simulated")
    assert "purge" not in cli("status").succeeded().out
    monkeypatch.setenv("SOURCES", "deezer")
    monkeypatch.setenv("SPOTIFY_ASSETS_CONTACT", "someone@example.org")
    assert "purge --source simulated" in cli("status").succeeded().out
