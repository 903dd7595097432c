"""An artist whom an upstream merged keeps one series: earlier days continue under the id of today.

And no wrong word joins, or loses, what was seen apart; what is taken back leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.rebuilding import assert_equals_full_rebuild, contents

DAY = timedelta(days=1)
FIRST, MERGED = date(2024, 1, 1), date(2024, 4, 10)
LAST = MERGED + 2 * DAY
SELECTED = ("--select", "+artist_popularity_trend")
BUILT = {
    "intermediate.int_artist_days": ("source", "artist_id", "snapshot_date"),
    "marts.artist_popularity_trend": ("source", "artist_id", "metric", "snapshot_date"),
}
SOURCES = {"spotify": "spotify", "listenbrainz": "musicbrainz"}
"""Whose ids the sources observe by."""


def observed(day: date) -> list[dict[str, Any]]:
    """What each source says on a day: one artist merged, one merged into one who was there, one untouched."""
    rows = []
    n = (day - FIRST).days
    merged = day >= MERGED
    again = {"spotify": "newest"} if day > MERGED else {}
    for source in SOURCES:
        if n % 13 != 5:  # a day lost to the first
            rows.append(one(source, again.get(source, "new") if merged else "old", "old", day, 40 + n % 7))
        if not merged:
            rows.append(one(source, "twin", "twin", day, 60 + n % 5))
        if n >= 60:
            rows.append(one(source, "heir", "twin" if merged else "heir", day, 20 + n % 3))
        rows.append(one(source, "other", "other", day, 50))
    return rows


def one(source: str, artist_id: str, requested: str, day: date, popularity: int) -> dict[str, Any]:
    row = data.artist(source, artist_id, day, popularity=popularity, followers=1000 + (day - FIRST).days)
    return {**row, "requested_id": requested}


def load(project: Project, first: date, last: date) -> None:
    project.load("artist_snapshots", [row for day in data.days(first, last) for row in observed(day)])


def know(project: Project, source: str, old: str, new: str, confidence: float = 1.0) -> None:
    """Keep that an upstream answered for one id with another."""
    namespace = SOURCES[source]
    project.execute(
        "insert into ops.identities (source, artist_id, target, target_id, method, confidence, resolved_at) "
        f"values ('{namespace}', '{old}', '{namespace}', '{new}', 'answered', {confidence}, now())"
    )


def forget(project: Project, source: str, artist_id: str) -> None:
    """Keep that an upstream answers for an id with that id again."""
    project.execute(
        "update ops.identities set target_id = null, confidence = 0 "
        f"where source = target and source = '{SOURCES[source]}' and artist_id = '{artist_id}'"
    )


def series(project: Project, source: str, artist_id: str) -> dict[date, Any]:
    """An artist's popularity."""
    where = f"source = '{source}' and artist_id = '{artist_id}' and metric = 'popularity'"
    rows = project.rows("marts.artist_popularity_trend", where)
    return {row["snapshot_date"]: row for row in rows}


def test_an_alias_that_appears_continues_the_series_as_a_full_rebuild_would(
    new_project: Callable[[], Project],
) -> None:
    project = new_project()
    load(project, FIRST, MERGED - DAY)
    project.dbt("run", *SELECTED)
    before = series(project, "spotify", "old")
    assert series(project, "spotify", "new") == {}

    load(project, MERGED, MERGED)
    know(project, "spotify", "old", "new")
    know(project, "spotify", "twin", "heir")
    # What is only likely is no reason to join two series.
    know(project, "spotify", "other", "heir", confidence=0.5)
    project.dbt("run", *SELECTED)
    joined = series(project, "spotify", "new")
    assert list(joined) == list(data.days(FIRST, MERGED))
    told = ("value", "is_observed", "change_28_days", "anomaly_score", "highest_on")
    for day, row in before.items():
        assert [joined[day][name] for name in told] == [row[name] for name in told], day
    change = joined[MERGED]["value"] - joined[MERGED - DAY]["value"]
    assert joined[MERGED]["change_1_day"] == change
    # Who was seen beside the other for weeks is somebody else, or was: each keeps all its own days.
    heir, twin = series(project, "spotify", "heir"), series(project, "spotify", "twin")
    assert list(heir) == list(data.days(FIRST + 60 * DAY, MERGED))
    assert all(row["value"] < 60 for row in heir.values())
    assert list(twin) == list(data.days(FIRST, MERGED))
    assert all(row["value"] >= 60 for day, row in twin.items() if day < MERGED)
    assert len(series(project, "spotify", "other")) == len(twin)
    assert series(project, "spotify", "old") == {}
    # The other source was not told so.
    assert list(series(project, "listenbrainz", "new")) == [MERGED]
    assert max(series(project, "listenbrainz", "old")) == MERGED

    # The next run takes up what was learnt since, though no snapshot of an earlier day changed, and an artist
    # who is merged again.
    load(project, MERGED + DAY, LAST)
    know(project, "listenbrainz", "old", "new")
    know(project, "spotify", "new", "newest")
    project.dbt("run", *SELECTED)
    for source, artist_id in (("listenbrainz", "new"), ("spotify", "newest")):
        assert list(series(project, source, artist_id)) == list(data.days(FIRST, LAST))
        assert series(project, source, "old") == {}
    assert series(project, "spotify", "new") == {}
    assert_equals_full_rebuild(project, BUILT, SELECTED, exactly=True)


def test_a_wrong_word_about_two_who_were_seen_apart_changes_nothing(
    new_project: Callable[[], Project],
) -> None:
    project = new_project()
    before = MERGED - DAY
    load(project, FIRST, before)
    project.dbt("run", *SELECTED)
    apart = contents(project, BUILT)
    know(project, "spotify", "old", "other")
    know(project, "spotify", "twin", "heir")
    know(project, "spotify", "heir", "twin")
    project.dbt("run", *SELECTED)
    assert contents(project, BUILT) == apart
    project.dbt("run", *SELECTED, "--full-refresh")
    assert contents(project, BUILT) == apart


def test_what_was_joined_comes_apart_when_the_word_is_taken_back(new_project: Callable[[], Project]) -> None:
    project = new_project()
    load(project, FIRST, MERGED)
    project.dbt("run", *SELECTED)
    apart = contents(project, BUILT)
    know(project, "spotify", "old", "new")
    project.dbt("run", *SELECTED)
    assert len(series(project, "spotify", "new")) == (MERGED - FIRST).days + 1
    forget(project, "spotify", "old")
    project.dbt("run", *SELECTED)
    assert contents(project, BUILT) == apart
    # What a person takes to somebody else goes there, from wherever it was.
    know(project, "listenbrainz", "new", "elsewhere")
    project.dbt("run", *SELECTED)
    assert list(series(project, "listenbrainz", "elsewhere")) == [MERGED]
    forget(project, "listenbrainz", "new")
    project.execute("update ops.identities set target_id = 'third', confidence = 1 where artist_id = 'new'")
    project.dbt("run", *SELECTED)
    assert list(series(project, "listenbrainz", "third")) == [MERGED]
    assert series(project, "listenbrainz", "elsewhere") == {}
    assert_equals_full_rebuild(project, BUILT, SELECTED, exactly=True)


def test_days_on_which_a_merged_artist_was_not_observed_keep_their_reason(
    new_project: Callable[[], Project],
) -> None:
    project = new_project()
    load(project, FIRST, FIRST + 10 * DAY)  # of which the sixth was lost
    know(project, "spotify", "old", "new")
    project.load("artist_snapshots", [one("spotify", "new", "old", FIRST + 11 * DAY, 44)])
    project.load("artist_snapshots", [one("spotify", "other", "other", FIRST + 12 * DAY, 50)])
    for day in (FIRST + 5 * DAY, FIRST + 12 * DAY):  # before and after the id changed
        project.execute(
            "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, "
            "rows_received, rows_missing, rows_loaded, rows_quarantined, missing, content_hash, run_id) "
            f"values ('artist_snapshots', 'spotify', '{day}', 2, 1, 1, 1, 0, "
            """'{"old": {"code": "failed", "detail": "timed out"}}', '', 'run')"""
        )
    project.dbt("run", *SELECTED)
    rows = series(project, "spotify", "new")
    for day in (FIRST + 5 * DAY, FIRST + 12 * DAY):
        assert not rows[day]["is_observed"]
        assert rows[day]["value_null_reason"].endswith("timed out"), "the reason of the id it had before"
