"""`data_quality_daily` against the ledger, against `status`, and an independent count of suspect values."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from spotify_assets.quality.coverage import coverage
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.dbt.conftest import TABLES, Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.rebuilding import assert_equals_full_rebuild, build_in_order, contents
from spotify_assets_tests.support.oracles import artists as reference

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 28), date(2024, 4, 20)  # over a leap day
LOST = date(2024, 4, 16)
"""A day on which nothing was observed and that is never run."""
REFUSED = ("other", "playlist_tracks")
KEY = ("source", "table_name", "snapshot_date")
ONCE = ("album_tracks", "track_details", "audio_features")
BUILT = {"intermediate.int_suspect_days": KEY, "marts.data_quality_daily": KEY}
MODELS = ("--select", "+data_quality_daily")
COUNTS = ("requested", "received", "observed", "missing", "quarantined", "superseded")
Loads = dict[tuple[str, str, date], dict[str, Any]]


def snapshots(seed: int) -> dict[str, list[dict[str, Any]]]:
    found = {
        "artist_snapshots": data.awkward_artists("simulated", seed, FIRST, LAST)
        + data.awkward_artists("ended", seed + 1, FIRST, date(2024, 3, 10)),
        "top_tracks": data.awkward_tracks("simulated", seed + 2, FIRST, LAST),
        "new_releases": data.awkward_releases("simulated", seed + 3, FIRST, LAST),
    }
    return {table: [row for row in rows if row["snapshot_date"] != LOST] for table, rows in found.items()}


def ledger(seed: int, last: date, found: dict[str, list[dict[str, Any]]]) -> Loads:
    """A load of most days of every table: some brought nothing, for one reason or another."""
    chance = random.Random(seed)
    standing: dict[tuple[str, str, date], int] = {}
    for table, rows in found.items():
        for row in rows:
            key = (row["source"], table, row["snapshot_date"])
            standing[key] = standing.get(key, 0) + 1
    loads: Loads = {}
    for source in ("simulated", "other"):
        for table in TABLES:
            begins = FIRST + chance.randrange(9) * DAY
            for day in data.days(begins, last):
                if day == LOST or chance.random() < 0.06:
                    continue
                loads[source, table, day] = one_load(chance, standing.get((source, table, day)))
    for source, table, day in loads:  # a source that tells nothing of a table
        if (source, table) == REFUSED:
            loads[source, table, day] = dict.fromkeys(COUNTS, 0) | {
                "requested": 1, "missing": 1, "reasons": {"b": {"code": "not_offered"}}
            }  # fmt: skip
    for key, count in standing.items():  # what stands in a table was loaded
        loads.setdefault(key, one_load(chance, count))
    return loads


def one_load(chance: random.Random, standing: int | None) -> dict[str, Any]:
    """The ledger's counts and reasons, for so many rows that stand in the table if that is known."""
    reasons = {
        "a": {"code": "failed", "detail": "timed out"},
        "b": {"code": "refused", "detail": "403"},
        "c": {"code": "unidentified"},
    }
    missing = {key: reason for key, reason in reasons.items() if chance.random() < 0.4}
    empty = standing is None and chance.random() < 0.3
    observed = 0 if empty else standing or chance.randrange(9)
    quarantined = 0 if empty else chance.choice([0, 0, 2])
    return {
        "requested": observed + len(missing),
        "received": observed + quarantined,
        "observed": observed,
        "missing": len(missing),
        "quarantined": quarantined,
        "superseded": chance.choice([0, 0, 5]),
        "reasons": missing,
    }


def book(project: Project, loads: Loads) -> None:
    """Write the loads into the ledger, each after an older one that no longer stands."""
    values = []
    for (source, table, day), load in loads.items():
        for more in (7, 0):
            counts = {name: load[name] + (more if name in {"received", "observed"} else 0) for name in COUNTS}
            numbers = ", ".join(str(counts[name]) for name in COUNTS)
            reasons = json.dumps(load["reasons"])
            values.append(f"('{table}', '{source}', '{day}', {numbers}, '{reasons}', '', 'run')")
    project.execute(
        "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, "
        "rows_received, rows_loaded, rows_missing, rows_quarantined, rows_superseded, missing, "
        "content_hash, run_id) values " + ", ".join(values)
    )


def suspects(found: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, str, date], int]:
    """Series with a suspect value, by source, table and day with observations."""
    series: dict[tuple[str, str, str], dict[str, dict[date, int | None]]] = {}
    for row in found["artist_snapshots"]:
        metrics = series.setdefault((row["source"], "artist_snapshots", row["artist_id"]), {})
        for metric in ("popularity", "followers"):
            metrics.setdefault(metric, {})[row["snapshot_date"]] = row[metric]
    for row in found["new_releases"]:
        metrics = series.setdefault((row["source"], "new_releases", row["album_id"]), {})
        metrics.setdefault("popularity", {})[row["snapshot_date"]] = row["popularity"]
    for row in found["top_tracks"]:
        # the test data's own knowledge of which song it is; its greatest popularity of the day counts
        song = re.sub(r"\D", "", row["track_id"])
        days = series.setdefault((row["source"], "top_tracks", song), {}).setdefault("popularity", {})
        seen = [value for value in (days.get(row["snapshot_date"]), row["popularity"]) if value is not None]
        days[row["snapshot_date"]] = max(seen, default=None)
    counted: dict[tuple[str, str, date], int] = {}
    for (source, table, _), metrics in series.items():
        for day in {day for days in metrics.values() for day in days}:
            suspect = any(reference.is_suspect(days, day) for days in metrics.values())
            counted[source, table, day] = counted.get((source, table, day), 0) + suspect
    return counted


def told_nothing_around(loads: Loads, source: str, table: str, day: date) -> bool:
    """Whether the loads next to a day are of an upstream that refuses the table."""

    def refused(step: timedelta) -> bool:
        near = day + step
        while (source, table, near) not in loads:
            near += step
        load = loads[source, table, near]
        return load["received"] == 0 and bool(load["reasons"]) and "a" not in load["reasons"]

    return refused(-DAY) and refused(DAY)


def expected_rows(
    loads: Loads, found: dict[str, list[dict[str, Any]]], today: date
) -> Iterator[dict[str, Any]]:
    """Every row of the mart."""
    suspect = suspects(found)
    series: dict[tuple[str, str], list[date]] = {}
    for source, table, day in loads:
        series.setdefault((source, table), []).append(day)
    for (source, table), days in series.items():
        for day in sorted(days) if table in ONCE else data.days(min(days), max(days)):
            load = loads.get((source, table, day))
            reason = None
            if table not in ONCE and day < today:
                if load is None and not told_nothing_around(loads, source, table, day):
                    reason = "nothing was loaded"
                elif load and load["received"] == 0 and "a" in load["reasons"]:
                    reason = "nothing came of what was asked for"
            yield {
                "source": source,
                "table_name": table,
                "snapshot_date": day,
                "is_loaded": load is not None,
                "is_lost": reason is not None,
                "lost_reason": reason,
                **{name: load[name] if load else None for name in COUNTS},
                "suspect": suspect.get((source, table, day)) if load else None,
            }


def lost_by_status(project: Project) -> dict[tuple[str, str], list[date]]:
    """What `status` calls lost, by source and table."""
    return {
        (item.source, item.table): list(item.gaps) for item in coverage(Warehouse(SecretStr(project.url)))
    }


def lost_by_mart(project: Project) -> dict[tuple[str, str], list[date]]:
    found: dict[tuple[str, str], list[date]] = {}
    for row in project.rows("marts.data_quality_daily"):
        days = found.setdefault((row["source"], row["table_name"]), [])
        if row["is_lost"]:
            days.append(row["snapshot_date"])
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, list[dict[str, Any]]]:
    return snapshots(210)


@pytest.fixture(scope="module")
def loads(found: dict[str, list[dict[str, Any]]]) -> Loads:
    return ledger(214, LAST, found)


@pytest.fixture(scope="module")
def built(
    new_project: Callable[[], Project], found: dict[str, list[dict[str, Any]]], loads: Loads
) -> Project:
    project = new_project()
    for table, rows in found.items():
        project.load(table, rows, note=False)
    book(project, loads)
    project.dbt("build", *MODELS, "--indirect-selection", "cautious")
    return project


def test_every_day_is_as_the_ledger_and_the_values_say(
    built: Project, found: dict[str, list[dict[str, Any]]], loads: Loads
) -> None:
    actual = built.rows("marts.data_quality_daily")
    expected = list(expected_rows(loads, found, datetime.now(UTC).date()))
    assert reference.differences(actual, expected, KEY) == []
    # the comparison proves little without the edges
    assert len({row["lost_reason"] for row in actual}) == 3
    assert sum(bool(row["suspect"]) for row in actual) > 100
    assert any(not row["is_loaded"] for row in actual if (row["source"], row["table_name"]) == REFUSED)
    empty = [row for row in actual if row["is_loaded"] and not row["received"] and not row["is_lost"]]
    assert any(row["missing"] for row in empty if row["table_name"] not in ONCE)
    assert any(row["missing"] for row in empty if row["table_name"] in ONCE)


def test_lost_days_are_those_of_status(built: Project) -> None:
    by_status = lost_by_status(built)
    assert lost_by_mart(built) == by_status
    assert all(days == [] for (_, table), days in by_status.items() if table in ONCE)
    assert by_status[REFUSED] == []
    assert all(
        LOST in days
        for (source, table), days in by_status.items()
        if table not in ONCE and source == "simulated"
    )


def test_today_is_not_over(new_project: Callable[[], Project]) -> None:
    project = new_project()
    today = datetime.now(UTC).date()
    empty = dict.fromkeys(COUNTS, 0) | {"missing": 1, "reasons": {"a": {"code": "failed"}}}
    refused = empty | {"reasons": {"a": {"code": "refused"}}}
    full = dict.fromkeys(COUNTS, 1) | {"received": 2, "reasons": {}}
    book(
        project,
        {
            ("s", "artist_snapshots", today - 3 * DAY): full,
            ("s", "artist_snapshots", today - DAY): empty,
            ("s", "artist_snapshots", today): empty,
            # what came today tells of yesterday: the upstream would have told
            ("s", "top_tracks", today - 2 * DAY): refused,
            ("s", "top_tracks", today): full,
            ("s", "new_releases", today - 2 * DAY): refused,
            ("s", "new_releases", today): refused,
        },
    )
    project.dbt("run", *MODELS)
    assert lost_by_mart(project) == lost_by_status(project)
    assert lost_by_mart(project) == {
        ("s", "artist_snapshots"): [today - 2 * DAY, today - DAY],
        ("s", "top_tracks"): [today - DAY],
        ("s", "new_releases"): [],
    }


def test_day_by_day_and_out_of_order_equal_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(220)
    project = new_project()
    loads = ledger(224, LAST, found)
    middle = date(2024, 3, 1)
    windows = [[middle], [LAST - 9 * DAY, LAST - 4 * DAY], [FIRST, middle + 2 * DAY], [FIRST, LAST - 4 * DAY]]
    windows += [[day] for day in data.days(LAST - 3 * DAY, LAST) if day != LOST]

    def book_days(days: set[date]) -> None:
        book(project, {key: load for key, load in loads.items() if key[2] in days})

    build_in_order(project, found, windows, ("run", *MODELS), book_days)
    assert_equals_full_rebuild(project, BUILT, MODELS)


def test_suspects_follow_a_merged_artist(new_project: Callable[[], Project]) -> None:
    """A first 0 under a new id is sudden while the ids are known to be one artist."""
    project = new_project()
    days = list(data.days(FIRST, FIRST + 12 * DAY))
    rows = [
        data.artist("s", "old" if n < 6 else "new", day, popularity=0 if n == 6 else 50, followers=9)
        for n, day in enumerate(days)
    ]
    rows += [data.artist("s", "other", day, popularity=1, followers=1) for day in days]
    project.load("artist_snapshots", rows, note=False)
    book(
        project,
        {
            ("s", "artist_snapshots", day): {
                name: 2 if name in {"received", "observed"} else 0 for name in COUNTS
            }
            | {"reasons": {}}
            for day in days
        },
    )

    def suspect_days() -> list[date]:
        return [row["snapshot_date"] for row in project.rows("marts.data_quality_daily") if row["suspect"]]

    project.dbt("run", *MODELS)
    apart = contents(project, BUILT)
    assert suspect_days() == []
    project.execute(
        "insert into ops.identities (source, artist_id, target, target_id, method, confidence, resolved_at) "
        "values ('s', 'old', 's', 'new', 'answered', 1, now())"
    )
    project.dbt("run", *MODELS)
    assert suspect_days() == [days[6]]
    assert_equals_full_rebuild(project, BUILT, MODELS)
    project.execute("update ops.identities set target_id = null, confidence = 0")
    project.dbt("run", *MODELS)
    assert contents(project, BUILT) == apart
