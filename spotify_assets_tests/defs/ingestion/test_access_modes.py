"""One watchlist, apps of every kind: what is allowed is complete, the rest has a reason, the marts build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.settings import Settings, load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.reasons.reason import SENTENCES, ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.capabilities import all_capabilities
from spotify_assets_tests.support.running import materialized, run
from spotify_assets_tests.support.simulator_server import running

FIRST, SECOND = "2026-11-01", "2026-11-02"
CONFIG: dict[str, Any] = {"artists": 60, "quirks": False}


@contextmanager
def upstream(
    monkeypatch: pytest.MonkeyPatch, sources: str | None = None, **switches: Any
) -> Iterator[Settings]:
    """A simulated upstream with switches, chosen by settings."""
    with running(SimulatorConfig(**CONFIG, **switches)) as url:
        monkeypatch.setenv("SIMULATOR_URL", url)
        if sources is not None:
            monkeypatch.setenv("SOURCES", sources)
        yield load_settings()


@pytest.fixture
def watched(settings: Settings, warehouse: Warehouse) -> list[str]:
    """Eight artists of the simulated world, watched by the ids that Spotify would know them by."""
    ids = [Catalogue(artists=60, quirks=False).artist_id(number) for number in range(8)]
    watchlist.add_many(warehouse, "simulated", [(artist_id, None) for artist_id in ids])
    return ids


def rows(warehouse: Warehouse, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def ledger(warehouse: Warehouse, table: str, source: str = "simulated") -> list[tuple[Any, ...]]:
    """Requested, missing and loaded of each day."""
    return rows(
        warehouse,
        "select rows_requested, rows_missing, rows_loaded from ops.current_partition_loads "
        f"where table_name = '{table}' and source = '{source}' order by partition_date",
    )


def test_an_extended_app_sees_everything(
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with upstream(monkeypatch, audio_features=True) as settings:
        assert run(settings, instance, [FIRST, SECOND], []).success
    assert ledger(warehouse, "artist_snapshots") == [(8, 0, 8)] * 2
    assert rows(
        warehouse,
        "select metric, count(*), count(value), count(value_null_reason) "
        "from marts.artist_popularity_trend group by 1 order by 1",
    ) == [("followers", 16, 16, 0), ("popularity", 16, 16, 0)]
    allowed = {one.capability.name: one.capability.allowed for one in all_capabilities(warehouse)}
    assert all(allowed.values())
    assert "field: artist popularity" in allowed


def test_an_app_in_development_mode_gets_all_it_may_and_reasons_for_the_rest(
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with upstream(monkeypatch, mode="development") as settings:
        assert run(settings, instance, [FIRST, SECOND], []).success
    assert ledger(warehouse, "artist_snapshots") == [(8, 0, 8)] * 2
    assert rows(
        warehouse,
        "select distinct metric, value, value_null_reason from marts.artist_popularity_trend order by 1",
    ) == [(metric, None, SENTENCES[ReasonCode.WITHHELD]) for metric in ("followers", "popularity")]
    # Who may not be seen is named, one by one, with what was said.
    assert ledger(warehouse, "top_tracks") == [(8, 8, 0)] * 2
    reasons = rows(
        warehouse,
        "select distinct m.reason from ops.current_partition_loads, "
        "jsonb_each(missing) as m (key, reason) where table_name = 'top_tracks'",
    )
    assert reasons == [({"code": "refused", "detail": 'refused: HTTP 403: "Forbidden"'},)]
    # New releases come from a search and from each artist's own albums.
    (requested, missing, loaded), _ = ledger(warehouse, "new_releases")
    assert (missing, requested >= loaded > 0) == (0, True)
    assert rows(warehouse, "select count(*) from marts.new_release_radar where popularity is not null") == [
        (0,)
    ]
    metadata = materialized(instance, "landing/raw_top_tracks")[FIRST]
    assert "may not" in str(metadata["stopped"]) or "does not let" in str(metadata["stopped"])
    # The second day asks nothing that was found refused on the first.
    assert metadata["api_calls"] == 3
    assert materialized(instance, "landing/raw_top_tracks")[SECOND]["api_calls"] == 0


def test_a_field_that_vanishes_ends_its_series_with_a_reason(
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with upstream(monkeypatch, mode_until=date(2026, 11, 1), later_mode="development") as settings:
        assert run(settings, instance, [FIRST, SECOND], []).success
    assert rows(
        warehouse,
        "select snapshot_date::text, count(*), count(value), min(value_null_reason) "
        "from marts.artist_popularity_trend where metric = 'popularity' group by 1 order by 1",
    ) == [
        (FIRST, 8, 8, None),
        (SECOND, 8, 0, SENTENCES[ReasonCode.WITHHELD]),
    ]
    zeros = "select count(*) from marts.artist_popularity_trend where value = 0"
    assert rows(warehouse, zeros) == [(0,)]
    assert ledger(warehouse, "top_tracks")[0][1] == 0
    assert ledger(warehouse, "top_tracks")[1] == (8, 8, 0)
    known = {one.capability.name: one.capability for one in all_capabilities(warehouse)}
    assert not known["field: artist popularity"].allowed
    assert not known["call: artists, 50 at once"].allowed


def test_an_older_app_in_between_gets_what_it_may(
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with upstream(monkeypatch, mode="legacy") as settings:
        assert run(settings, instance, [FIRST], []).success
    assert ledger(warehouse, "artist_snapshots") == [(8, 0, 8)]
    assert rows(warehouse, "select count(popularity) from snapshots.artist_snapshots") == [(8,)]
    (_, missing, loaded), *_ = ledger(warehouse, "new_releases")
    assert (missing, loaded > 0) == (0, True)


def test_open_sources_alone_fill_the_tables_in_their_own_ids(
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = "simulated-listenbrainz,simulated-deezer"
    with upstream(monkeypatch, names) as settings:
        assert run(settings, instance, [FIRST, SECOND], []).success
    for source in names.split(","):
        books = ledger(warehouse, "artist_snapshots", source)
        assert len(books) == 2
        # Nobody is skipped in silence: who has no id there is missing with the reason.
        assert all(requested == 8 == missing + loaded for requested, missing, loaded in books)
        assert all(loaded >= 4 for _, _, loaded in books)
    assert rows(
        warehouse,
        "select source, metric, bool_or(value is not null) "
        "from marts.artist_popularity_trend where is_observed group by 1, 2 order by 1, 2",
    ) == [
        ("simulated-deezer", "followers", True),
        ("simulated-listenbrainz", "daily_plays", True),
        ("simulated-listenbrainz", "listeners", True),
    ]
    plays = "select bool_and(plays is not null) from snapshots.artist_snapshots where source like '%brainz'"
    assert rows(warehouse, plays) == [(True,)]
    assert rows(warehouse, "select count(*) > 0 from marts.new_release_radar") == [(True,)]
