"""A load depends on the lake alone, and its books add up."""

import asyncio
import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from spotify_assets.artists import identities
from spotify_assets.contracts.tables import TABLES
from spotify_assets.ingest.land import land
from spotify_assets.ingest.load import NothingLanded, NothingValid, load
from spotify_assets.ingest.plan import PLAN, note
from spotify_assets.ingest.read import answered
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.support.warehouse import quarantined_rows

DAY = date(2026, 11, 19)
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


def observe(
    settings: Settings, landing: Landing, table: str, tracked: Sequence[str], day: date = DAY
) -> None:
    async def go() -> None:
        async with SpotifySource.from_settings(settings, run_id="run") as source:
            await land(source, landing, TABLES[table].entity, day, tracked, "run")

    asyncio.run(go())


def answer(body: object, ids: list[str], status: int = 200) -> Exchange:
    return Exchange(
        source="spotify",
        entity="artists",
        method="GET",
        url="/v1/artists",
        status=status,
        observed_at=NOON,
        run_id="run",
        body=json.dumps(body),
        request={"ids": ids},
    )


@pytest.mark.parametrize("table", ["artist_snapshots", "top_tracks", "new_releases"])
def test_a_landed_day_loads_and_loads_the_same_again(
    simulated: Settings, landing: Landing, warehouse: Warehouse, artists: list[str], table: str
) -> None:
    observe(simulated, landing, table, artists)
    (first,) = load(table, DAY, landing, warehouse, "one")
    standing = read_partition(warehouse, table, DAY)
    (second,) = load(table, DAY, landing, warehouse, "two")
    assert standing.num_rows == first.entry.loaded > 0
    assert read_partition(warehouse, table, DAY).equals(standing)
    assert second.entry.content_hash == first.entry.content_hash
    assert second.entry.received == second.entry.loaded + second.entry.quarantined


def test_simulated_rows_are_labelled(
    simulated: Settings, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    observe(simulated, landing, "artist_snapshots", artists)
    load("artist_snapshots", DAY, landing, warehouse, "run")
    rows = read_partition(warehouse, "artist_snapshots", DAY).to_pylist()
    assert {row["source"] for row in rows} == {"simulated"}
    assert {row["observed_at"].date() for row in rows} == {DAY}
    assert [row["requested_id"] for row in rows] == sorted(artists)


def test_what_breaks_the_contract_is_quarantined_whole_and_counted(
    landing: Landing, warehouse: Warehouse
) -> None:
    good = {"id": "good", "name": "G", "popularity": 9}
    bad = {"id": "bad", "name": "B\x00", "popularity": "9"}
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        writer(note(PLAN, "spotify", "artists", NOON, "run", ["good", "bad", "gone", "never"]))
        writer(answer({"artists": [good, bad, None]}, ["good", "bad", "gone"]))
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    entry = loaded.entry
    assert (entry.requested, entry.received, entry.loaded, entry.quarantined) == (4, 2, 1, 1)
    assert set(entry.missing) == {"gone", "never"}
    (row,) = quarantined_rows(warehouse, "artist_snapshots", "spotify", DAY)
    assert isinstance(row.raw, dict)
    assert row.raw["artist_id"] == "bad"
    assert {reason.split(":")[0] for reason in row.reasons} <= {"name", "popularity"}


def test_a_value_that_only_the_database_refuses_costs_its_own_row(
    landing: Landing, warehouse: Warehouse
) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("""
            create function refuse() returns trigger language plpgsql as $$
            begin raise exception 'no such letter' using errcode = '22P05'; end $$;
            create trigger refuse before insert on snapshots.artist_snapshots
            for each row when (new.name = 'odd') execute function refuse()
        """)
        connection.commit()
    rows = [{"id": f"a{number}", "name": "odd" if number == 3 else "fine"} for number in range(9)]
    landing.put("spotify", "artists", DAY, "part", [answer({"artists": rows}, [row["id"] for row in rows])])
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert (loaded.entry.received, loaded.entry.loaded, loaded.entry.quarantined) == (9, 8, 1)
    assert loaded.rows.num_rows == read_partition(warehouse, "artist_snapshots", DAY).num_rows == 8
    (row,) = quarantined_rows(warehouse, "artist_snapshots", "spotify", DAY)
    assert isinstance(row.raw, dict)
    assert row.raw["artist_id"] == "a3"
    assert "no such letter" in row.reasons[0]


def test_a_correction_empties_quarantine(landing: Landing, warehouse: Warehouse) -> None:
    bodies = {"artists": [{"id": "a"}, {"id": "b", "name": 5}]}
    landing.put("spotify", "artists", DAY, "a", [answer(bodies, ["a", "b"])])
    load("artist_snapshots", DAY, landing, warehouse, "run")
    body = {"artists": [{"id": "b", "name": "five"}]}
    later = dataclasses.replace(answer(body, ["b"]), observed_at=NOON.replace(hour=13))
    landing.put("spotify", "artists", DAY, "b", [later])
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert (loaded.entry.loaded, loaded.entry.quarantined) == (2, 0)
    assert quarantined_rows(warehouse, "artist_snapshots", "spotify", DAY) == []


def test_nothing_landed_says_what_to_do(landing: Landing, warehouse: Warehouse) -> None:
    with pytest.raises(NothingLanded, match="Nothing was landed for artists on 2026-11-19"):
        load("artist_snapshots", DAY, landing, warehouse, "run")


def test_a_day_of_refusals_only_leaves_the_table_as_it_was(landing: Landing, warehouse: Warehouse) -> None:
    landing.put("spotify", "artists", DAY, "good", [answer({"artists": [{"id": "a"}]}, ["a"])])
    load("artist_snapshots", DAY, landing, warehouse, "run")
    other = DAY.replace(day=18)
    landing.put("spotify", "artists", other, "bad", [answer({"error": {}}, ["a"], status=403)])
    with pytest.raises(NothingLanded):
        load("artist_snapshots", other, landing, warehouse, "run")
    assert read_partition(warehouse, "artist_snapshots", DAY).num_rows == 1


def test_when_nothing_is_valid_the_table_stays(
    tmp_path: Path, landing: Landing, warehouse: Warehouse
) -> None:
    landing.put("spotify", "artists", DAY, "a", [answer({"artists": [{"id": "a", "popularity": 1}]}, ["a"])])
    load("artist_snapshots", DAY, landing, warehouse, "run")
    spoiled = answer({"artists": [{"id": "a", "popularity": "one"}]}, ["a"])
    (part,) = tmp_path.rglob("*.jsonl.gz")
    part.unlink()
    landing.put("spotify", "artists", DAY, "a", [spoiled])
    with pytest.raises(NothingValid, match="popularity: expected a whole number"):
        load("artist_snapshots", DAY, landing, warehouse, "run")
    assert read_partition(warehouse, "artist_snapshots", DAY).column("popularity").to_pylist() == [1]


def test_each_source_of_a_day_is_a_partition_of_its_own(
    simulated: Settings, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    observe(simulated, landing, "artist_snapshots", artists)
    landing.put("spotify", "artists", DAY, "a", [answer({"artists": [{"id": "a"}]}, ["a"])])
    loads = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert [item.entry.source for item in loads] == ["simulated", "spotify"]
    assert read_partition(warehouse, "artist_snapshots", DAY, "spotify").num_rows == 1


def test_a_parser_that_meets_faults_still_accounts_for_every_artist(
    simulated: Settings, simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    for rule in ({"fault": "field_type", "index": 1}, {"fault": "null_artist", "index": 2, "after": 1}):
        httpx.post(f"{simulator}/_simulator/faults", json={**rule, "path": "^/v1/artists"}).raise_for_status()
    try:
        observe(simulated, landing, "artist_snapshots", artists)
    finally:
        httpx.delete(f"{simulator}/_simulator/faults")
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    entry = loaded.entry
    assert entry.requested == len(artists)
    assert entry.quarantined == 1
    assert entry.loaded + entry.quarantined + entry.missing_count == len(artists)


def test_an_unreadable_answer_is_no_observation(landing: Landing, warehouse: Warehouse) -> None:
    page = dataclasses.replace(answer({}, ["a"]), body="<html>down for maintenance</html>")
    landing.put("spotify", "artists", DAY, "page", [page])
    with pytest.raises(NothingLanded):
        load("artist_snapshots", DAY, landing, warehouse, "run")


def brought(source: str, popularity: str, at: str) -> Exchange:
    """A row of a file, imported at some time."""
    return dataclasses.replace(
        answer([{"id": "a", "popularity": popularity}], []),
        source=source,
        method="IMPORT",
        status=0,
        request={
            "mapping": {"artist_id": "id", "popularity": "popularity", "observed_at": "at"},
            "imported_at": at,
        },
        body=json.dumps([{"id": "a", "popularity": popularity, "at": "2026-11-19"}]),
    )


@pytest.mark.parametrize("names", [("1", "2"), ("2", "1")])
def test_the_later_of_two_imports_is_the_correction(
    landing: Landing, warehouse: Warehouse, names: tuple[str, str]
) -> None:
    for name, popularity, at in zip(names, ("10", "11"), ("2026-11-20T01", "2026-11-20T02"), strict=True):
        landing.put("archive", "artists", DAY, name, [brought("archive", popularity, at)])
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert loaded.rows.column("popularity").to_pylist() == [11]


def test_what_the_upstream_answered_stands_above_a_file(landing: Landing, warehouse: Warehouse) -> None:
    early = dataclasses.replace(
        answer({"artists": [{"id": "a", "popularity": 70}]}, ["a"]), observed_at=NOON.replace(hour=8)
    )
    landing.put("spotify", "artists", DAY, "own", [early])
    landing.put("spotify", "artists", DAY, "file", [brought("spotify", "1", "2026-11-20T01")])
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert loaded.rows.column("popularity").to_pylist() == [70]


def test_a_file_fills_in_what_the_upstream_did_not_know(landing: Landing, warehouse: Warehouse) -> None:
    landing.put("spotify", "artists", DAY, "own", [answer({"artists": [None]}, ["a"])])
    landing.put("spotify", "artists", DAY, "file", [brought("spotify", "1", "2026-11-20T01")])
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert (loaded.entry.requested, loaded.entry.received, loaded.entry.missing_count) == (1, 1, 0)


def test_one_source_without_a_valid_row_does_not_keep_the_others_out(
    landing: Landing, warehouse: Warehouse
) -> None:
    spoiled = dataclasses.replace(
        answer({"artists": [{"id": "a", "popularity": "many"}]}, ["a"]), source="simulated"
    )
    landing.put("simulated", "artists", DAY, "own", [spoiled])
    landing.put("spotify", "artists", DAY, "own", [answer({"artists": [{"id": "a"}]}, ["a"])])
    with pytest.raises(NothingValid, match="Loaded all the same: spotify"):
        load("artist_snapshots", DAY, landing, warehouse, "run")
    assert read_partition(warehouse, "artist_snapshots", DAY, "spotify").num_rows == 1


def test_a_file_whose_every_row_of_a_day_is_wrong_fills_quarantine(
    landing: Landing, warehouse: Warehouse
) -> None:
    landing.put("archive", "artists", DAY, "file", [brought("archive", "180", "2026-11-20T01")])
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert (loaded.entry.loaded, loaded.entry.quarantined) == (0, 1)
    (row,) = quarantined_rows(warehouse, "artist_snapshots", "archive", DAY)
    assert row.reasons == ("popularity: must be at most 100, got 180",)


def test_one_odd_batch_merges_nobody_and_a_merger_is_known_by_the_day_it_was_seen(
    landing: Landing, warehouse: Warehouse
) -> None:
    def aliases() -> dict[str, str | None]:
        found = identities.identities_of(warehouse).values()
        return {one.artist_id: one.target_id for all_of in found for one in all_of}

    odd = answer({"artists": [{"id": "a"}, {"id": "a"}, {"id": "new"}]}, ["a", "b", "old"])
    landing.put("spotify", "artists", DAY, "a", [odd])
    load("artist_snapshots", DAY, landing, warehouse, "run")
    assert aliases() == {"old": "new"}, "b was not merged into a: a was asked for as well"
    later = DAY.replace(day=20)
    usual = answer({"artists": [{"id": "a"}, {"id": "b"}, {"id": "old"}]}, ["a", "b", "old"])
    usual = dataclasses.replace(usual, observed_at=NOON.replace(day=20))
    landing.put("spotify", "artists", later, "b", [usual])
    load("artist_snapshots", later, landing, warehouse, "run")
    assert aliases() == {"old": None}
    load("artist_snapshots", DAY, landing, warehouse, "run")
    assert aliases() == {"old": None}, "an older day, loaded again, says nothing of today"


def test_one_answer_to_many_is_no_merger_and_is_asked_for_again(
    landing: Landing, warehouse: Warehouse
) -> None:
    def books() -> tuple[int, int, int, int]:
        (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
        entry = loaded.entry
        return entry.requested, entry.received, entry.superseded, entry.missing_count

    asked = [f"a{n}" for n in range(30)]
    landing.put("spotify", "artists", DAY, "a", [answer({"artists": [{"id": "a7"}] * 30}, asked)])
    assert books() == (30, 1, 0, 29)
    day = landing.read("spotify", "artists", DAY)
    assert answered("spotify", "artists", day) == {"a7"}
    # One id was known as merged; one was merged today, and says so again when it is asked alone.
    identities.record_aliases(warehouse, "spotify", [("a1", "a7")])
    left = [one for one in asked if one not in {"a1", "a2", "a7"}]
    later = [
        answer({"artists": [{"id": "a7"}]}, ["a2"]),
        answer({"artists": [{"id": one} for one in left]}, left),
    ]
    later = [dataclasses.replace(one, observed_at=NOON + timedelta(hours=1)) for one in later]
    landing.put("spotify", "artists", DAY, "b", later)
    assert books() == (30, 28, 2, 0)
