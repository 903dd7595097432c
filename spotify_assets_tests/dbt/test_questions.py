"""The three documented questions: each query runs as written and answers with the columns that are shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest

from spotify_assets_tests.dbt.conftest import PROJECT_ROOT, Project
from spotify_assets_tests.support.command import records
from spotify_assets_tests.support.marts import data, release_data

pytestmark = pytest.mark.slow

PAGE = PROJECT_ROOT / "docs" / "questions.md"
FIRST, LAST = date(2024, 2, 1), date(2024, 4, 10)


def questions() -> list[tuple[str, list[str], int]]:
    """Each documented query, the columns of the output below it, and the number of its rows."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r'```bash\nspotify-assets sql "\n(.*?)"\n```\n\n```text\n(.*?)```', text, re.DOTALL)
    return [
        (query, re.findall(r"\w+", output.splitlines()[1]), int(output.splitlines()[-1].split()[0]))
        for query, output in found
    ]


def test_documented_queries_answer_as_shown(new_project: Callable[[], Project]) -> None:
    asked = questions()
    assert len(asked) == 3
    project = new_project()
    found = release_data.awkward_uploads("simulated", 400, FIRST, LAST)
    found["artist_snapshots"] = data.awkward_artists("simulated", 401, FIRST, LAST)
    tracks = sorted({row["track_id"] for row in found["album_tracks"]})
    found["audio_features"] = [
        release_data.audio_feature(
            "simulated", track, FIRST, energy=(n % 10) / 10, valence=(n % 7) / 7, tempo=90.0 + n
        )
        for n, track in enumerate(tracks)
    ]
    for table, rows in found.items():
        project.load(table, rows)
    marts = ("new_releases_weekly", "audio_features_popularity", "audio_features_by_artist")
    project.dbt("run", "--select", *(f"+{mart}" for mart in marts))
    for query, columns, shown in asked:
        separator = "&" if "?" in project.url else "?"
        url = f"{project.url}{separator}options=-csearch_path%3Dmarts"
        rows = records(url, query.replace("%", "%%"))
        assert rows, query
        assert list(rows[0]) == columns
        assert len(rows) <= shown
