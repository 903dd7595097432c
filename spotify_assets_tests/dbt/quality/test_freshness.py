"""`dbt source freshness` tells a source that has stopped from one that has nothing to say today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data

DAILY = {"artist_snapshots", "top_tracks", "new_releases", "current_partition_loads"}
NOW_AND_THEN = {"playlist_tracks", "album_tracks", "track_details", "audio_features"}


def freshness(project: Project) -> dict[str, str]:
    reply = project.dbt("source", "freshness", expect_success=False)
    assert reply["exception"] is None
    sources = [entry for entry in reply["results"] if entry["id"].startswith("source.")]  # no hook of the run
    return {entry["id"].split(".")[-1]: entry["status"] for entry in sources}


def at(row: dict[str, Any], moment: datetime) -> dict[str, Any]:
    return row | {"snapshot_date": moment.date(), "observed_at": moment}


def test_each_source_is_as_fresh_as_it_should_be(new_project: Callable[[], Project]) -> None:
    project = new_project()
    now = datetime.now(UTC)
    assert freshness(project) == {**dict.fromkeys(DAILY, "error"), **dict.fromkeys(NOW_AND_THEN, "warn")}

    day = now.date()
    long_ago, lately = now - timedelta(days=400), now - timedelta(hours=50)
    project.load("artist_snapshots", [
        at(data.artist("s", "a", day, popularity=1, followers=1), moment) for moment in (long_ago, now)
    ])  # fmt: skip
    project.load("top_tracks", [at(data.top_track("s", "a", day, 1), lately)])
    project.load("new_releases", [at(data.new_release("s", "r", day), long_ago)])
    audio = {"source": "s", "track_id": "t", "snapshot_date": day, "observed_at": now}
    project.load("audio_features", [at(audio, now - timedelta(days=10))])
    found = freshness(project)
    assert found["artist_snapshots"] == "pass"
    assert found["top_tracks"] == "warn"
    assert found["new_releases"] == "error"
    assert found["audio_features"] == "pass", "no new album for a week is nothing unusual"
    assert "identities" not in found, "an identity found long ago is as good as a new one"
