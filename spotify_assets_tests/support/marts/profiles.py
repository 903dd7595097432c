"""What artists say of themselves: awkward snapshots with names, genres and pictures, and what follows.

The rules once more, written from their wording and not from the SQL, for the tests of dimensions and genres.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from spotify_assets_tests.support.marts import data

DAY = timedelta(days=1)
GENRES = ("pop", "rock", "soul", "new wave")
TOLD = ("name", "genres", "image_url")
EMPTY: dict[str, list[Any]] = {"name": [None, "", " "], "genres": [None, [], [" "]], "image_url": [None]}
Rows = list[dict[str, Any]]


def awkward_profiles(source: str, seed: int, first: date, last: date) -> Rows:
    """The awkward artists, who rename themselves, change genres, and often tell nothing of either."""
    chance = random.Random(seed)
    rows = []
    told: dict[str, dict[str, Any]] = {}
    for row in data.awkward_artists(source, seed, first, last):
        artist_id = row["artist_id"]
        if artist_id not in told or chance.random() < 0.03:
            told[artist_id] = {
                "name": f"Artist {artist_id} {chance.randrange(2)}",
                "genres": chance.sample(GENRES, chance.choice([1, 2, 2, 3, 4])),
                "image_url": f"https://images.example/{chance.randrange(3)}",
            }
        said = dict(told[artist_id])
        said["genres"] = chance.sample(said["genres"], len(said["genres"]))  # in any order
        for column, empty in (
            ("name", [None, "", " "]),
            ("genres", [None, [], [" "]]),
            ("image_url", [None]),
        ):
            if chance.random() < 0.2:
                said[column] = chance.choice(empty)
        rows.append(row | said)
    return rows


def _known(column: str, value: Any) -> Any:
    if column == "genres":
        return sorted({genre.strip() for genre in value or [] if genre.strip()}) or None
    return (value or "").strip() or None


def histories(snapshots: Iterable[Mapping[str, Any]], ids: Mapping[tuple[str, str], str]) -> Rows:
    """Every row of dim_artist; `ids` says under which id another one is continued, by source and id."""
    by_artist: dict[tuple[str, str], dict[date, Mapping[str, Any]]] = {}
    for row in snapshots:
        artist_id = ids.get((row["source"], row["artist_id"]), row["artist_id"])
        by_artist.setdefault((row["source"], artist_id), {})[row["snapshot_date"]] = row
    rows = []
    for (source, artist_id), days in by_artist.items():
        history: Rows = []
        for day in sorted(days):
            before = {column: history[-1][column] if history else None for column in TOLD}
            said = {column: _known(column, days[day][column]) for column in TOLD}
            now = {column: before[column] if said[column] is None else said[column] for column in TOLD}
            if not history or now != before:
                history.append({"source": source, "artist_id": artist_id, "valid_from": day, **now})
        for row, following in zip(history, [*history[1:], None], strict=True):
            row["valid_to"] = following["valid_from"] - DAY if following else None
            row["is_current"] = following is None
        rows += history
    return rows
