"""Why a value is null, in words: the marts say what Python says of the same code and detail."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data

DAY = timedelta(days=1)
FIRST = date(2024, 1, 1)
OF_COLUMNS = [
    ReasonCode.NOT_PUBLISHED,
    ReasonCode.NOT_IN_FILE,
    ReasonCode.WITHHELD,
    ReasonCode.NOT_TOLD,
    ReasonCode.NO_VALUES,
]


def ledger(project: Project, day: date, missing: Reason | None = None, absent: Reason | None = None) -> None:
    """Say of a day why the artist is missing, or its popularity is empty."""
    said = [
        json.dumps({key: reason.as_json()} if reason else {})
        for key, reason in (("a", missing), ("popularity", absent))
    ]
    project.execute(
        "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, rows_received, "
        "rows_missing, rows_loaded, rows_quarantined, missing, absent, content_hash, run_id) values "
        f"('artist_snapshots', 's', '{day}', 2, 1, 1, 1, 0, '{said[0]}', '{said[1]}', '', 'run')"
    )


def test_marts_say_what_python_says(new_project: Callable[[], Project]) -> None:
    project = new_project()
    project.load("artist_snapshots", [data.artist("s", "a", FIRST, popularity=5, followers=5)])
    expected: dict[date, str | None] = {FIRST: None}
    keys = [
        Reason(code, detail) for code in ReasonCode if code not in OF_COLUMNS for detail in ("", "so: (x)")
    ]
    for reason in [*keys, None]:
        day = FIRST + len(expected) * DAY
        expected[day] = ": ".join(["not observed on this day", *([reason.sentence] if reason else [])])
        if reason:
            ledger(project, day, missing=reason)
    for absent in [*map(Reason, OF_COLUMNS), None]:
        day = FIRST + len(expected) * DAY
        expected[day] = absent.sentence if absent else "the source had no value for it on this day"
        project.load("artist_snapshots", [data.artist("s", "a", day, popularity=None, followers=5)])
        if absent:
            ledger(project, day, absent=absent)
    project.dbt("run", "--select", "+artist_popularity_trend")
    found = project.rows("marts.artist_popularity_trend", "metric = 'popularity'")
    assert {row["snapshot_date"]: row["value_null_reason"] for row in found} == expected
