"""Each new album is asked about once, with tracks, details and audio features; absences have reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.erasure.purge import purge_artist, purge_source
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.defs.ingestion.test_access_modes import ledger, rows, upstream
from spotify_assets_tests.support.running import run

NAMES = ("new_releases", "album_tracks", "track_details", "audio_features")
INGEST = [f"{layer}{name}" for name in NAMES for layer in ("landing/raw_", "snapshots/")]
DAYS = ["2026-11-01", "2026-11-02", "2026-11-20"]


@pytest.fixture
def watched(settings: Settings, warehouse: Warehouse) -> list[str]:
    catalogue = Catalogue(artists=60, quirks=False)
    ids = [catalogue.artist_id(number) for number in range(60)]
    watchlist.add_many(warehouse, "simulated", [(artist_id, None) for artist_id in ids])
    return ids


def told(warehouse: Warehouse, table: str) -> list[tuple[Any, ...]]:
    key = "album_id, disc_number, track_number" if table == "album_tracks" else "track_id"
    return rows(warehouse, f"select {key} from snapshots.{table}")


def test_each_album_and_track_is_asked_about_once(
    monkeypatch: pytest.MonkeyPatch,
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    with upstream(monkeypatch, audio_features=True) as settings:
        assert run(settings, instance, DAYS[:1], INGEST).success
        first = told(warehouse, "album_tracks")
        assert run(settings, instance, DAYS[1:2], INGEST).success
        assert run(settings, instance, ["2026-11-03", "2026-11-20"], INGEST).success
        everything = {table: told(warehouse, table) for table in NAMES[1:]}
        asked = httpx.get(f"{settings.simulator_url}/_simulator/requests").json()["total"]
        assert run(settings, instance, ["2026-11-01", "2026-11-20"], INGEST).success
        again = httpx.get(f"{settings.simulator_url}/_simulator/requests").json()["total"]

    assert first
    assert len(everything["album_tracks"]) > len(first)
    for table, found in everything.items():
        assert len(found) == len(set(found)), table
        assert sorted(told(warehouse, table)) == sorted(found)
    tracks = {track for (track,) in rows(warehouse, "select track_id from snapshots.album_tracks")}
    assert {track for (track,) in everything["track_details"]} == tracks
    assert {track for (track,) in everything["audio_features"]} == tracks
    albums = {album for (album,) in rows(warehouse, "select distinct album_id from snapshots.new_releases")}
    assert {album for album, *_ in everything["album_tracks"]} == albums
    assert again == asked

    artist, gone = rows(
        warehouse,
        "select artist_ids[1], array_agg(track_id) from snapshots.album_tracks "
        "where cardinality(artist_ids) = 1 group by 1 order by 1 limit 1",
    )[0]
    one = purge_artist(warehouse, Landing(settings.effective_lake_url), tmp_path, artist)
    assert one.left == 0
    left = {track for (track,) in told(warehouse, "audio_features")}
    assert not set(gone) & left
    assert left == {track for (track,) in told(warehouse, "track_details")}

    purged = purge_source(warehouse, Landing(settings.effective_lake_url), tmp_path, "simulated")
    assert purged.left == 0
    assert all(told(warehouse, table) == [] for table in NAMES[1:])


def test_an_app_that_may_not_see_them_has_the_tracks_and_a_reason_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
    watched: list[str],
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    with upstream(monkeypatch, mode="development") as settings:
        assert run(settings, instance, DAYS[:1], INGEST).success
        assert run(settings, instance, DAYS[1:2], INGEST).success
    assert told(warehouse, "album_tracks")
    assert told(warehouse, "track_details")
    assert told(warehouse, "audio_features") == []
    reasons = rows(
        warehouse,
        "select distinct why ->> 'code' "
        "from ops.current_partition_loads, jsonb_each(missing) as m (key, why) "
        "where table_name = 'audio_features'",
    )
    assert reasons == [("refused",)]


def test_a_day_with_nothing_new_is_a_day_like_any_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    catalogue = Catalogue(artists=60, quirks=False)
    watchlist.add_many(warehouse, "simulated", [(catalogue.artist_id(0), None)])
    with upstream(monkeypatch) as chosen:
        selection = [name for name in INGEST if "new_releases" not in name]
        assert run(chosen, instance, DAYS[:1], selection).success
        assert run(chosen, instance, DAYS[:1], selection).success
    assert ledger(warehouse, "album_tracks") == []
