"""The ledger's summaries and the watchlist."""

from __future__ import annotations

from datetime import date, timedelta

from spotify_assets.artists import watchlist
from spotify_assets.quality.coverage import coverage
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.warehouse import ledger
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.ledger import LoadSummary, QuarantinedRow
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets_tests.support.warehouse import DAY, artists, load, tracked


def test_coverage_names_first_and_newest_day_and_the_gaps(warehouse: Warehouse) -> None:
    for ago in (5, 3, 0):
        day = DAY - timedelta(days=ago)
        load(warehouse, artists(["a", "b"], day=day), day=day)
    load(warehouse, artists(["z"], source="other"), source="other", quarantined=[QuarantinedRow(1, ("x",))])
    other, test = coverage(warehouse)
    assert (other.source, other.days, list(other.gaps), other.quarantined) == ("other", 1, [], 1)
    assert (test.first_day, test.newest_day, test.days, test.rows) == (date(2026, 11, 15), DAY, 3, 6)
    assert list(test.gaps) == [date(2026, 11, 16), date(2026, 11, 18), date(2026, 11, 19)]


def test_a_source_that_is_still_observed_loses_days_up_to_yesterday(warehouse: Warehouse) -> None:
    for source in ("test", "ended"):
        load(warehouse, artists(["a"], source=source), source=source)
    ended, test = coverage(warehouse, observed=["test"], today=DAY + timedelta(days=3))
    assert list(test.gaps) == [DAY + timedelta(days=1), DAY + timedelta(days=2)]
    assert (test.newest_day, list(ended.gaps)) == (DAY, [])


def test_a_day_on_which_nothing_would_have_been_told_is_not_lost(warehouse: Warehouse) -> None:
    def refused(ago: int) -> None:
        day = DAY - timedelta(days=ago)
        summary = LoadSummary(1, 0, {"artists": Reason(ReasonCode.NOT_OFFERED)})
        replace_partition(
            warehouse, table="artist_snapshots", source="test", day=day, rows=artists([]), quarantined=[],
            load=summary,
        )  # fmt: skip

    refused(9)
    refused(7)
    told = DAY - timedelta(days=5)
    load(warehouse, artists(["a"], day=told), day=told)
    refused(3)
    (found,) = coverage(warehouse, observed=["test"], today=DAY)
    assert list(found.gaps) == [DAY - timedelta(days=6), DAY - timedelta(days=4)]


def test_what_a_load_came_to_follows_from_the_codes_of_what_is_missing(warehouse: Warehouse) -> None:
    def came_to(rows: list[str], *codes: ReasonCode, quarantined: int = 0) -> tuple[bool, bool]:
        missing = {f"x{place}": Reason(code) for place, code in enumerate(codes)}
        replace_partition(
            warehouse, table="artist_snapshots", source="test", day=DAY, rows=artists(rows),
            quarantined=[QuarantinedRow(1, ("x",))] * quarantined,
            load=LoadSummary(
                len(missing) + len(rows) + quarantined, len(rows) + quarantined, missing, quarantined
            ),
        )  # fmt: skip
        statement = "select is_empty_handed, is_refused from ops.current_partition_loads"
        ((is_empty_handed, is_refused),) = fetch_all(warehouse, statement, {})
        return is_empty_handed, is_refused

    for code in ReasonCode:
        assert came_to([], code) == (code.is_loss, not code.is_loss), code
        assert came_to([], code, ReasonCode.REFUSED) == (code.is_loss, not code.is_loss), code
        assert came_to([], code, ReasonCode.FAILED) == (True, False), code
        assert came_to(["a"], code) == (False, False), code
        assert came_to([], code, quarantined=1) == (False, False), code
    assert came_to([]) == (False, False)


def test_current_loads_are_the_newest_of_each_key(warehouse: Warehouse) -> None:
    yesterday = DAY - timedelta(days=1)
    load(warehouse, artists(["a"], day=yesterday), day=yesterday)
    load(warehouse, artists(["a"]))
    newest = load(warehouse, artists(["a", "b"]))
    found = ledger.current_loads(warehouse)
    assert [(entry.day, entry.loaded) for entry in found] == [(yesterday, 1), (DAY, 2)]
    assert ledger.current_loads(warehouse, "artist_snapshots", since=DAY) == [newest]
    assert ledger.current_loads(warehouse, "top_tracks") == []
    assert ledger.current_loads(warehouse, source="nobody") == []
    assert ledger.current_load(warehouse, "artist_snapshots", "test", DAY - timedelta(days=9)) is None


def test_missing_and_superseded_are_kept_and_added_up(warehouse: Warehouse) -> None:
    missing = {"x": Reason(ReasonCode.NOT_FOUND), "y\x00": Reason(ReasonCode.FAILED, "HTTP 500\x00")}
    absent = {"plays": Reason(ReasonCode.NOT_PUBLISHED)}
    summary = LoadSummary(3, 1, missing, 0, 4, "run", absent)
    entry = replace_partition(
        warehouse, table="artist_snapshots", source="test", day=DAY, rows=artists(["a"]),
        quarantined=[], load=summary,
    )  # fmt: skip
    kept = {"x": Reason(ReasonCode.NOT_FOUND), "y\\u0000": Reason(ReasonCode.FAILED, "HTTP 500\\u0000")}
    assert (entry.missing, entry.absent) == (kept, absent)
    assert ledger.current_load(warehouse, "artist_snapshots", "test", DAY) == entry
    assert (entry.missing_count, entry.superseded, entry.complete) == (2, 4, False)
    load(warehouse, artists(["a"], source="other"), source="other")


def test_an_artist_is_tracked_removed_and_tracked_again(warehouse: Warehouse) -> None:
    assert watchlist.add(warehouse, "test", "a", "Name")
    assert not watchlist.add(warehouse, "test", "a")
    (artist,) = tracked(warehouse, "test")
    assert (artist.artist_id, artist.name, artist.added_by, artist.removed_at) == ("a", "Name", "cli", None)
    assert not watchlist.add(warehouse, "test", "a", "New name", added_by="somebody")
    (renamed,) = tracked(warehouse, "test")
    assert (renamed.name, renamed.added_at, renamed.added_by) == ("New name", artist.added_at, "cli")
    assert watchlist.remove(warehouse, "test", "a")
    assert not watchlist.remove(warehouse, "test", "a")
    assert tracked(warehouse, "test") == []
    assert watchlist.add(warehouse, "test", "a", added_by="again")
    (back,) = tracked(warehouse, "test")
    assert (back.name, back.added_by) == ("New name", "again")
    assert back.added_at > artist.added_at
    assert tracked(warehouse, "other") == []


def test_several_are_added_at_once(warehouse: Warehouse) -> None:
    assert watchlist.add_many(warehouse, "test", []) == []
    watchlist.add(warehouse, "test", "b")
    many: list[tuple[str, str | None]] = [("c", "C"), ("b", None), ("a", None), ("c", "C again")]
    assert watchlist.add_many(warehouse, "test", many) == ["c", "a"]
    assert {artist.artist_id for artist in tracked(warehouse, "test")} == {"a", "b", "c"}
