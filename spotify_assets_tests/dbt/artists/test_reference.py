"""The independent computation, by what must hold of it whatever the data: so that two errors cannot agree."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.oracles import artists, peers

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 2, 1), date(2024, 5, 20)
KEY = ("source", "artist_id", "metric", "snapshot_date")
AGAINST_OTHERS = {"rank", "percentile", "band", "peers", "momentum", "momentum_null_reason", "growth"} | {
    "rank_change_7_days", "rank_change_28_days", "growth_class", "growth_null_reason",
    "change_28_days_band_percentile",
}  # fmt: skip
"""What is said of an artist among others."""

Rows = list[dict[str, Any]]


def trend(snapshots: Rows) -> Rows:
    frame = pd.DataFrame(snapshots).astype(object)
    return artists.artist_popularity_trend(frame.where(frame.notna(), None))


def without(rows: Rows, columns: set[str]) -> Rows:
    return [{name: value for name, value in row.items() if name not in columns} for row in rows]


@pytest.fixture(scope="module")
def snapshots() -> Rows:
    """A crowd of which only popularity is told."""
    return [row | {"followers": None} for row in data.crowd("crowd", 7, FIRST, LAST, artists=40)]


@pytest.fixture(scope="module")
def rows(snapshots: Rows) -> Rows:
    return trend(snapshots)


def test_a_newcomer_moves_nobodys_rank_change_and_nothing_that_is_said_of_one_artist(
    snapshots: Rows, rows: Rows
) -> None:
    joins = LAST - 6 * DAY
    newcomer = [data.artist("crowd", "new", day, popularity=99) for day in data.days(joins, LAST)]
    grown = [row for row in trend(snapshots + newcomer) if row["artist_id"] != "new"]
    moved = AGAINST_OTHERS - {"rank_change_7_days", "rank_change_28_days"}

    assert artists.differences(without(grown, moved), without(rows, moved), KEY) == []
    ranks = {tuple(row[name] for name in KEY): row["rank"] for row in rows}
    for row in grown:
        before = ranks[tuple(row[name] for name in KEY)]
        if row["rank"] is not None and row["snapshot_date"] >= joins and row["value"] < 99:
            assert row["rank"] == before + 1
        elif row["snapshot_date"] < joins:
            assert row["rank"] == before


def test_a_day_is_what_it_would_be_without_later_days(snapshots: Rows, rows: Rows) -> None:
    last = max(row["snapshot_date"] for row in snapshots if row["snapshot_date"] <= date(2024, 5, 3))
    known = [row for row in snapshots if row["snapshot_date"] <= last]

    assert artists.differences(trend(known), [row for row in rows if row["snapshot_date"] <= last], KEY) == []


def test_another_source_changes_nothing(snapshots: Rows, rows: Rows) -> None:
    both = trend(snapshots + [row | {"source": "other", "popularity": 7} for row in snapshots])

    assert artists.differences([row for row in both if row["source"] == "crowd"], rows, KEY) == []


def test_who_is_called_what_does_not_matter(snapshots: Rows, rows: Rows) -> None:
    """Nor in which order artists and days come."""

    def renamed(artist_id: str) -> str:
        return artist_id[::-1]

    mixed = trend([row | {"artist_id": renamed(row["artist_id"])} for row in reversed(snapshots)])
    back = [row | {"artist_id": renamed(row["artist_id"])} for row in mixed]
    assert artists.differences(back, rows, KEY) == []


def test_a_shift_within_the_band_leaves_what_is_relative(snapshots: Rows) -> None:
    """Values from 41 to 44 without dips, and all of them 4 more."""
    plain = [
        row | {"popularity": 41 + sum(map(ord, row["artist_id"])) * row["snapshot_date"].toordinal() % 4}
        for row in snapshots
    ]
    shifted = [row | {"popularity": row["popularity"] + 4} for row in plain]
    absolute = {"value", "average_7_days", "average_28_days", "usual_value", "highest_value"}
    expected = trend(plain)

    assert any(row["momentum"] for row in expected)
    assert artists.differences(without(trend(shifted), absolute), without(expected, absolute), KEY) == []


def test_momentum_and_growth_are_in_spreads_of_the_peers(rows: Rows) -> None:
    """Twice the distances are twice the spread, and the same figures."""
    cohort = [row.copy() for row in rows if row["snapshot_date"] == LAST]
    known: list[dict[int, float]] = [{} for _ in cohort]
    peers.compare(cohort, known)
    doubled = [
        row | {name: row[name] and 2 * row[name] for name in ("momentum_change", "growth_change")}
        for row in cohort
    ]
    peers.compare(doubled, known)

    for name in ("momentum", "growth"):
        assert sum(bool(row[name]) for row in cohort) >= 10
        assert [row[name] for row in doubled] == pytest.approx([row[name] for row in cohort])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5], [None]),
        ([5, 5], [50, 50]),
        ([1, 2, 3], [0, 50, 100]),
        ([1, 2, 2, 2, 9], [0, 50, 50, 50, 100]),
        ([0, 0, 7], [25, 25, 100]),
    ],
)
def test_percentiles(values: list[float], expected: list[float | None]) -> None:
    found = peers.percentiles({str(place): value for place, value in enumerate(values)})
    assert list(found.values()) == expected


@pytest.mark.parametrize(
    ("kind", "average", "expected"),
    [
        ("index", 0.0, "0-9"),
        ("index", 9.99, "0-9"),
        ("index", 10.0, "10-19"),
        ("index", 89.9, "80-89"),
        ("index", 100.0, "90-100"),
        ("level", 0.99, "0"),
        ("level", 1.0, "1-9"),
        ("level", 999.9, "100-999"),
        ("level", 5e9, "1000000000-9999999999"),
        ("index", None, None),
    ],
)
def test_bands(kind: str, average: float | None, expected: str | None) -> None:
    assert peers.band(kind, average) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({1: 10, 2: 10, 3: 12}, [None, 0, 2]),
        ({1: 10, 4: 11, 5: None, 7: 13}, [None, 0.33, None, 0.67]),
        ({1: 10, 9: 11}, [None, 0.13]),  # an eighth: a half hundredth goes up
        ({1: 10, 2: 4, 3: 12}, [None, None, 1]),
        ({1: 10, 2: 4, 3: 9, 4: 11}, [None, None, 5, 2]),
        ({1: 10, 2: 4, 3: 3, 4: 8}, [None, None, None, 2]),
    ],
)
def test_plays_a_day(counts: dict[int, int | None], expected: list[float | None]) -> None:
    """A fall gives none; what follows is compared with the count before it, or else with the fallen one."""
    values, reasons = artists.daily_plays({FIRST + day * DAY: count for day, count in counts.items()})
    assert [value and float(value) for value in values.values()] == expected
    assert reasons[min(reasons)] == "no earlier count of plays to compare with"


@pytest.mark.parametrize(
    ("built", "expected", "same"),
    [(0.1 + 0.2, 0.3, True), (1.0, 1, True), (None, None, True), (0.3, 0.3001, False), (0.0, None, False)],
)
def test_only_the_last_digits_may_differ(built: object, expected: object, same: bool) -> None:
    assert artists.equal(built, expected) is same
