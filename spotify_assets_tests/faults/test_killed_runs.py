"""A run is killed -9 at each boundary of its stages; the same command again leaves the undisturbed tables.

The boundaries are found from outside: by what the upstream was asked, files in the lake, rows in the ledger,
and locks that hold a statement up where it is to be killed.
"""

from __future__ import annotations

import gzip
import json

import pytest

from spotify_assets_tests.faults.conftest import (
    ARTISTS,
    BACKFILL,
    DAYS,
    INGEST,
    RUN,
    Platform,
    forget_requests,
    heals,
    requests_seen,
)
from spotify_assets_tests.support.command import contents, query

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400, func_only=True)]

DBT = "spotify-assets-dbt"
MIDDLE = "2026-11-02"


def test_while_the_first_answers_come(
    platform: Platform, undisturbed: dict[str, list[str]], simulator: str
) -> None:
    forget_requests(simulator)
    platform.kill_when(lambda: requests_seen(simulator), *BACKFILL, *INGEST, SPOTIFY_REQUESTS_PER_SECOND="2")
    assert platform.loads() == 0
    heals(platform, undisturbed, *INGEST)


def test_after_some_parts_of_a_day_landed(
    platform: Platform, undisturbed: dict[str, list[str]], simulator: str
) -> None:
    platform.kill_when(
        lambda: platform.parts("top_tracks", MIDDLE), *BACKFILL, *INGEST, SPOTIFY_REQUESTS_PER_SECOND="12"
    )
    landed = {
        request["artist_id"]
        for part in platform.parts("top_tracks", MIDDLE)
        for line in gzip.decompress(part.read_bytes()).splitlines()
        if "artist_id" in (request := json.loads(line)["request"])
    }
    assert 0 < len(landed) < ARTISTS, "it was to be killed in the middle of the day"
    forget_requests(simulator)
    heals(platform, undisturbed, *INGEST)
    asked = [
        request["path"].split("/")[3]
        for request in requests_seen(simulator)
        if request["path"].endswith("/top-tracks") and request["day"] == MIDDLE
    ]
    assert set(asked) >= set(tracked(platform)) - landed
    empty = {
        key.partition("/")[0]
        for (missing,) in query(
            platform.url,
            "select missing from ops.current_partition_loads "
            "where table_name = 'top_tracks' and partition_date = %s",
            (MIDDLE,),
        )
        for key in missing
    }
    assert set(asked) & landed <= empty, "what had come was asked for again"
    assert len(asked) == len(set(asked))


def tracked(platform: Platform) -> list[str]:
    return [artist_id for (artist_id,) in query(platform.url, "select artist_id from ops.watchlist")]


def test_after_landing_before_anything_is_loaded(
    platform: Platform, undisturbed: dict[str, list[str]]
) -> None:
    with platform.locked("lock table snapshots.artist_snapshots in access exclusive mode"):
        platform.kill_when(lambda: platform.waits_for_a_lock(RUN), *BACKFILL, *INGEST)
    assert len(platform.parts("artists")) == 3
    assert query(platform.url, "select count(*) from snapshots.artist_snapshots") == [(0,)]
    heals(platform, undisturbed, *INGEST)


def test_in_the_transaction_that_loads(platform: Platform, undisturbed: dict[str, list[str]]) -> None:
    # The ledger's row is the last thing that a load writes; the partition's rows are in the table by then.
    with platform.locked("lock table ops.partition_loads in exclusive mode"):
        platform.kill_when(lambda: platform.waits_for_a_lock(RUN), *BACKFILL, *INGEST)
        written = query(
            platform.url,
            "select coalesce(sum(pg_relation_size(relid)), 0) "
            "from pg_partition_tree('snapshots.artist_snapshots')",
        )
        assert written[0][0] > 0, "the load had written nothing yet"
    assert platform.loads() == 0
    assert query(platform.url, "select count(*) from snapshots.artist_snapshots") == [(0,)]
    heals(platform, undisturbed, *INGEST)


def test_after_loading_before_dbt(platform: Platform, undisturbed: dict[str, list[str]]) -> None:
    platform.kill_when(lambda: platform.loads() >= 9, *BACKFILL)
    assert query(platform.url, "select to_regclass('marts.artist_popularity_trend')") == [(None,)]
    heals(platform, undisturbed)


def test_while_dbt_builds(platform: Platform, undisturbed: dict[str, list[str]]) -> None:
    platform.run("materialize", "--day", DAYS[0]).succeeded()
    before = contents(platform.url, "marts")
    with platform.locked("lock table marts.artist_popularity_trend in share mode"):
        platform.kill_when(lambda: platform.waits_for_a_lock(DBT), *BACKFILL)
        assert (
            contents(platform.url, "marts")["marts.artist_popularity_trend"]
            == before["marts.artist_popularity_trend"]
        )
    heals(platform, undisturbed)
