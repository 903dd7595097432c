"""What is asked of the days of a load: each check passing and failing, with its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.contracts.tables import TABLES
from spotify_assets.defs.ingestion.checks.catalogue import CHECKS
from spotify_assets.defs.ingestion.checks.verdict import Verdict
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.reasons.reason import SENTENCES, Reason, ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LoadSummary, QuarantinedRow
from spotify_assets.warehouse.loading.ledger_adjustment import adjust_ledger
from spotify_assets.warehouse.loading.removed_raw import record_removal
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets.warehouse.upstream_state.capabilities import PostgresCapabilities
from spotify_assets_tests.support.clocks.timeline import StoppedClock
from spotify_assets_tests.support.running import run

DAY = date(2026, 11, 20)
FAILED = Reason(ReasonCode.FAILED, "HTTP 500")
ARTISTS, RELEASES, DETAILS = (TABLES[name] for name in ("artist_snapshots", "new_releases", "track_details"))


def ago(days: int) -> date:
    return DAY - timedelta(days)


def seen(day: date, count: int, **columns: Sequence[object]) -> pa.Table:
    """Rows of one day, with the columns given."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return pa.table(
        {
            "snapshot_date": pa.array([day] * count, pa.date32()),
            "observed_at": pa.array([at] * count, pa.timestamp("us", tz="UTC")),
            **columns,
        }
    )


def observe(
    warehouse: Warehouse,
    day: date,
    popularity: Sequence[int | None],
    *,
    source: str = "spotify",
    missing: Mapping[str, Reason] | None = None,
    absent: Mapping[str, Reason] | None = None,
    quarantined: int = 0,
    followers: int | None = None,
    lake_parts: int | None = None,
) -> None:
    """Load a day of artists with these popularities."""
    count, missing = len(popularity), missing or {}
    ids = [f"artist-{number}" for number in range(count)]
    numbers = pa.array(popularity, pa.int64())
    replace_partition(
        warehouse, table="artist_snapshots", source=source, day=day,
        rows=seen(
            day, count, source=pa.array([source] * count, pa.string()), artist_id=pa.array(ids, pa.string()),
            requested_id=pa.array(ids, pa.string()), popularity=numbers,
            followers=pa.array([followers] * count, pa.int64()),
        ),
        quarantined=[QuarantinedRow({"n": n}, ("bad",)) for n in range(quarantined)],
        load=LoadSummary(
            count + quarantined + len(missing), count + quarantined, missing, quarantined,
            absent=absent or {}, lake_parts=lake_parts,
        ),
    )  # fmt: skip


def list_releases(warehouse: Warehouse, day: date, albums: Sequence[int], popularity: int = 5) -> None:
    """Load a day of a list of new releases."""
    count = len(albums)
    replace_partition(
        warehouse, table="new_releases", source="spotify", day=day,
        rows=seen(
            day, count, source=pa.array(["spotify"] * count, pa.string()),
            album_id=pa.array([f"album-{number}" for number in albums], pa.string()),
            artist_ids=pa.array([["a"]] * count, pa.list_(pa.string())),
            artist_names=pa.array([["A"]] * count, pa.list_(pa.string())),
            popularity=pa.array([popularity] * count, pa.int64()),
        ),
        quarantined=[], load=LoadSummary(count, count),
    )  # fmt: skip


def moving(count: int, number: int) -> list[int | None]:
    """Popularities that another number moves."""
    return [(place + number) % 100 for place in range(count)]


def says(verdict: Verdict) -> str:
    return verdict.says


def ask(
    name: str,
    warehouse: Warehouse,
    table: str = "artist_snapshots",
    day: date = DAY,
    landing: Landing | None = None,
) -> Verdict:
    """What one check says of one day."""
    (check,) = [check for check in CHECKS if check.name == name]
    landing = landing or Landing("/nowhere")
    (verdict,) = check.judge(TABLES[table], [day], warehouse, landing).values()
    return verdict


# --- volume ---


def volume(warehouse: Warehouse, table: str = "artist_snapshots", day: date = DAY) -> Verdict:
    return ask("volume", warehouse, table, day)


def test_far_fewer_rows_than_usual_for_as_many_asked_for(warehouse: Warehouse) -> None:
    for number in range(1, 9):
        observe(warehouse, ago(number), moving(40, number))
    observe(warehouse, DAY, moving(15, 0), missing={f"gone-{n}": FAILED for n in range(25)})
    found = volume(warehouse)
    assert not found.passed
    assert "Fewer rows than usual: spotify on 2026-11-20 has 15 rows; expected 40." in says(found)
    assert "spotify-assets status" in says(found)
    assert volume(warehouse, day=ago(1)).passed


def test_a_watchlist_may_grow_and_shrink(warehouse: Warehouse) -> None:
    for number in range(1, 9):
        observe(warehouse, ago(number), moving(40, number))
    for count in (200, 12):
        observe(warehouse, DAY, moving(count, 0))
        found = volume(warehouse)
        assert found.passed
        assert says(found) == "As usual, by the median of up to 28 loaded days: spotify."


def test_what_is_refused_was_not_to_be_had(warehouse: Warehouse) -> None:
    for number in range(1, 9):
        observe(warehouse, ago(number), moving(40, number))
    observe(warehouse, DAY, [], missing={f"a-{n}": Reason(ReasonCode.REFUSED, "HTTP 403") for n in range(40)})
    found = volume(warehouse)
    assert found.passed
    assert f"for a known reason: spotify: {Reason(ReasonCode.REFUSED, 'HTTP 403').sentence}" in says(found)


def test_with_few_days_nothing_is_usual_and_lost_days_are_none(warehouse: Warehouse) -> None:
    for number in range(1, 7):
        observe(warehouse, ago(number), moving(40, number))
    observe(warehouse, ago(7), [], missing={f"gone-{n}": FAILED for n in range(40)})
    observe(warehouse, DAY, moving(2, 0), missing={f"gone-{n}": FAILED for n in range(38)})
    found = volume(warehouse)
    assert found.passed
    assert "Too early to compare, with fewer than 7 loaded days before: spotify" in says(found)
    observe(warehouse, ago(8), moving(40, 8))
    assert not volume(warehouse).passed


@pytest.mark.parametrize(
    ("albums", "words"),
    [
        (45, "Fewer rows than usual: spotify on 2026-11-20 has 45 rows; expected 100–300."),
        (100, None),
        (300, None),
        (700, "More rows than usual: spotify on 2026-11-20 has 700 rows; expected 100–300."),
    ],
)
def test_a_list_of_new_releases_may_grow_with_the_watchlist_or_stay(
    warehouse: Warehouse, albums: int, words: str | None
) -> None:
    for number in range(1, 9):
        observe(warehouse, ago(number), moving(10, number))
        list_releases(warehouse, ago(number), range(100))
    observe(warehouse, DAY, moving(30, 0))
    list_releases(warehouse, DAY, range(albums))
    found = volume(warehouse, "new_releases")
    assert found.passed is (words is None)
    assert words is None or words in says(found)


# --- unchanged day ---


def unchanged(warehouse: Warehouse, table: str = "artist_snapshots") -> Verdict:
    return ask("unchanged_day", warehouse, table)


def test_a_whole_day_that_repeats_the_one_before(warehouse: Warehouse) -> None:
    observe(warehouse, ago(3), moving(100, 0))
    observe(warehouse, DAY, [*moving(100, 0), 77])  # somebody is watched since, which changes nothing
    found = unchanged(warehouse)
    assert not found.passed
    assert "spotify on 2026-11-20 repeats 2026-11-17 in all of 100 rows" in says(found)
    assert "See whether the next day moves again" in says(found)


def test_one_number_that_moves_is_enough(warehouse: Warehouse) -> None:
    observe(warehouse, ago(1), moving(100, 0))
    observe(warehouse, DAY, [*moving(100, 0)[:-1], 77])
    found = unchanged(warehouse)
    assert found.passed
    assert says(found) == "Differs from the day before it: spotify."


@pytest.mark.parametrize(
    ("popularity", "followers", "passes"),
    [
        ([5] * 99, None, True),  # an index of few artists may stand still
        ([None] * 200, None, True),  # nothing is told that moves
        ([5] * 9, 1_000, True),
        ([5] * 10, 1_000, False),  # followers of ten artists may not
    ],
)
def test_how_many_numbers_may_stand_still(
    warehouse: Warehouse, popularity: list[int | None], followers: int | None, passes: bool
) -> None:
    for day in (ago(1), DAY):
        observe(warehouse, day, popularity, followers=followers)
    found = unchanged(warehouse)
    assert found.passed is passes
    assert not passes or says(found).startswith("Nothing to compare")


def test_a_list_moves_by_what_enters_it(warehouse: Warehouse) -> None:
    list_releases(warehouse, ago(1), range(120))
    list_releases(warehouse, DAY, range(1, 121))
    assert unchanged(warehouse, "new_releases").passed
    list_releases(warehouse, DAY, range(120))
    assert not unchanged(warehouse, "new_releases").passed


# --- null share ---

RISE = "popularity of spotify is null in {}% of the rows of 2026-11-20, usually in 0%"


def null_share(warehouse: Warehouse, table: str = "artist_snapshots") -> Verdict:
    return ask("null_share", warehouse, table)


@pytest.fixture
def told(warehouse: Warehouse) -> None:
    """Eight days on which popularity was told of everybody, and followers of nobody."""
    for number in range(1, 9):
        observe(warehouse, ago(number), moving(20, number))


@pytest.mark.parametrize("absent", [None, {"popularity": Reason(ReasonCode.NO_VALUES)}])
def test_a_column_that_goes_empty_without_a_reason(
    warehouse: Warehouse, told: None, absent: dict[str, Reason] | None
) -> None:
    observe(warehouse, DAY, [None] * 20, absent=absent)
    found = null_share(warehouse)
    assert not found.passed
    assert f"no reason is known: {RISE.format(100)}" in says(found)
    assert "followers" not in says(found), "it was empty before"
    assert "spotify-assets doctor" in says(found)


def test_a_reason_of_the_ledger_is_named(warehouse: Warehouse, told: None) -> None:
    observe(warehouse, DAY, [None] * 20, absent={"popularity": Reason(ReasonCode.WITHHELD)})
    found = null_share(warehouse)
    assert found.passed
    why = Reason(ReasonCode.WITHHELD).sentence
    assert says(found) == f"Emptier for a known reason: {RISE.format(100)}: {why}."


def test_a_refusal_that_is_remembered_explains_days_from_then_on(warehouse: Warehouse, told: None) -> None:
    half = [*moving(10, 0), *[None] * 10]
    observe(warehouse, DAY, half)
    assert not null_share(warehouse).passed
    capabilities = PostgresCapabilities(warehouse, "spotify", "app")
    why = "left out of every answer about artists"
    later = datetime(2026, 11, 21, 9, tzinfo=UTC)
    capabilities.note("field: artist popularity", allowed=False, reason=why, at=later)
    assert not null_share(warehouse).passed, "on that day it still was granted"
    PostgresCapabilities(warehouse, "spotify", "other app").note(
        "field: artist popularity", allowed=False, reason=why, at=later - timedelta(1)
    )
    found = null_share(warehouse)
    assert found.passed
    assert f"{RISE.format(50)}: {why} ({SENTENCES[ReasonCode.REFUSED]} since 2026-11-20)" in says(found)


def test_a_few_more_nulls_and_few_days_say_nothing(warehouse: Warehouse, told: None) -> None:
    observe(warehouse, DAY, [*moving(16, 0), *[None] * 4])
    found = null_share(warehouse)
    assert found.passed
    assert says(found) == "No column is much emptier than before: spotify."
    for number in range(1, 9):
        observe(warehouse, ago(number), moving(20, number), source="deezer")
    observe(warehouse, DAY, [None] * 20, source="deezer")
    assert not null_share(warehouse).passed
    observe(warehouse, ago(1), [], source="deezer", missing={"a": FAILED})
    observe(warehouse, ago(2), [], source="deezer", missing={"a": FAILED})
    found = null_share(warehouse)
    assert found.passed
    assert "Too early to compare, with fewer than 7 observed days before: deezer" in says(found)


def test_of_what_is_asked_once_an_album_may_lack_a_value(warehouse: Warehouse) -> None:
    def ask(day: date, dates: Sequence[date | None]) -> None:
        count = len(dates)
        ids = [f"{day}-{number}" for number in range(count)]
        replace_partition(
            warehouse, table="track_details", source="spotify", day=day,
            rows=seen(
                day, count, source=["spotify"] * count, track_id=ids,
                release_date=pa.array(dates, pa.date32()),
            ),
            quarantined=[], load=LoadSummary(count, count),
        )  # fmt: skip

    for number in range(1, 9):
        ask(ago(number), [DAY] * 12)
    ask(DAY, [None] * 9 + [DAY] * 3)
    assert null_share(warehouse, "track_details").passed
    ask(DAY, [None] * 12)
    assert not null_share(warehouse, "track_details").passed


# --- reconciliation ---


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(str(tmp_path / "lake"))


def put(landing: Landing, name: str) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    landing.put(
        "spotify", "artists", DAY, name, [Exchange("spotify", "artists", "GET", "/", 200, at, "", "")]
    )


def reconcile(warehouse: Warehouse, landing: Landing) -> Verdict:
    found = ask("reconciliation", warehouse, landing=landing)
    assert found.passed or "spotify-assets materialize --day 2026-11-20" in says(found)
    return found


def execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()


def test_books_that_agree(warehouse: Warehouse, landing: Landing) -> None:
    put(landing, "one")
    observe(warehouse, DAY, moving(3, 0), missing={"gone": FAILED}, quarantined=2, lake_parts=1)
    observe(warehouse, DAY, moving(3, 0), missing={"gone": FAILED}, quarantined=2, lake_parts=1)
    found = reconcile(warehouse, landing)
    assert found.passed
    assert says(found) == "Lake, ledger, table and quarantine agree."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "delete from snapshots.artist_snapshots where artist_id = 'artist-1'",
            "the table has 2 rows, the ledger 3",
        ),
        ("delete from ops.quarantine", "quarantine has 0 rows, the ledger 2"),
        ("update ops.partition_loads set missing = '{}'", "1 are counted as missing, but 0 are named"),
        (
            "update ops.partition_loads set rows_requested = 8",
            "8 were asked for, but only 5 received, 0 superseded and 1 named as missing",
        ),
        (
            "update ops.partition_loads set rows_requested = 0",
            "0 were asked for, but 1 are missing and 3 loaded",
        ),
        ("delete from ops.partition_loads", "5 rows stand there that no load is known of"),
    ],
)
def test_books_that_do_not_agree(warehouse: Warehouse, landing: Landing, change: str, words: str) -> None:
    put(landing, "one")
    observe(warehouse, DAY, moving(3, 0), missing={"gone": FAILED}, quarantined=2, lake_parts=1)
    execute(warehouse, change)
    found = reconcile(warehouse, landing)
    assert not found.passed
    assert f"spotify on 2026-11-20: {words}." in says(found)


def test_a_load_that_is_not_of_all_that_the_lake_holds(warehouse: Warehouse, landing: Landing) -> None:
    observe(warehouse, DAY, moving(3, 0), lake_parts=1)
    assert "its raw landing of 1 parts is gone from the lake" in says(reconcile(warehouse, landing))
    put(landing, "one")
    put(landing, "two")
    assert "the load read 1 parts of the lake, which holds 2" in says(reconcile(warehouse, landing))
    observe(warehouse, DAY, moving(3, 0), lake_parts=2)
    assert reconcile(warehouse, landing).passed


def test_a_lake_that_was_pruned_or_never_counted_says_nothing(warehouse: Warehouse, landing: Landing) -> None:
    observe(warehouse, DAY, moving(3, 0))
    assert reconcile(warehouse, landing).passed, "loaded by a version that did not count"
    observe(warehouse, DAY, moving(3, 0), lake_parts=1)
    assert not reconcile(warehouse, landing).passed
    record_removal(warehouse, "artist_snapshots", "spotify", DAY, 1)
    assert reconcile(warehouse, landing).passed
    adjust_ledger(warehouse, "artist_snapshots", "spotify", DAY, "purge", 0)
    assert reconcile(warehouse, landing).passed


def test_what_each_check_means_if_it_does_not_pass() -> None:
    assert {check.name for check in CHECKS if check.blocking} == {"contract"}
    errors = {check.name for check in CHECKS if check.severity == dg.AssetCheckSeverity.ERROR}
    assert errors == {"contract", "reconciliation"}


def test_a_lake_that_lost_a_part_is_an_error_of_the_run_that_blocks_nothing(
    live: Settings, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    ingest = ["landing/raw_artists", "snapshots/artist_snapshots"]
    artists = Catalogue(artists=60, quirks=False).artist_ids(8)
    clock, later = StoppedClock("2026-11-20T12:00"), StoppedClock("2026-11-21T12:00")
    names = {"contract", "completeness", "reconciliation", "null_share", "volume", "unchanged_day"}
    for known in (artists[:5], artists):
        watchlist.add_many(warehouse, "spotify", [(artist, None) for artist in known], added_by="test")
        result = run(live, instance, ["2026-11-20"], ingest, clock)
        checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
        assert names <= set(checks)
        assert all(check.passed for check in checks.values())
    landing = Landing(live.effective_lake_url)
    parts = landing.parts("spotify", "artists", DAY)
    newest = max(parts, key=lambda path: Path(path).stat().st_mtime)
    Path(newest).unlink()

    result = run(live, instance, ["2026-11-20"], ingest, later)
    assert result.success
    (failed,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (failed.check_name, failed.severity, failed.blocking) == (
        "reconciliation", dg.AssetCheckSeverity.ERROR, False,
    )  # fmt: skip
    words = "the load before this one found 8 records in the lake, this one 5"
    assert f"spotify on 2026-11-20: {words}" in (failed.description or "")
