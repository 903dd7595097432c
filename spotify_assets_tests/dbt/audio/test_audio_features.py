"""How audio features go with popularity, and how new releases sound, against independent computations."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.command import Installation, records
from spotify_assets_tests.support.manifest import build_manifest
from spotify_assets_tests.support.marts import data, release_data
from spotify_assets_tests.support.marts.rebuilding import assert_equals_full_rebuild, build_in_order
from spotify_assets_tests.support.oracles import artists as reference
from spotify_assets_tests.support.shared import shared_file

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 2, 1), date(2024, 4, 10)
SELECTED = ("--select", "+audio_features_popularity", "+audio_features_by_artist")
BUILT = {
    "intermediate.int_track_popularity": ("source", "track_id", "snapshot_date"),
    "marts.audio_features_popularity": ("source", "features_source", "feature"),
    "marts.audio_features_by_artist": ("source", "features_source", "artist_id", "feature"),
}
Row = dict[str, Any]
Features = Mapping[str, Mapping[str, float]]
"""Track id to feature to value."""


def correlations(
    source: str,
    features_source: str,
    features: Features,
    popularity: Mapping[str, tuple[date, int]],
    preferred: str,
) -> list[Row]:
    """Rows of `audio_features_popularity` for one source and one source of features."""
    rows = []
    for feature in release_data.FEATURES:
        tracks = [track for track in popularity if features.get(track, {}).get(feature) is not None]
        if not tracks:
            continue
        values = pd.Series([float(features[track][feature]) for track in tracks])
        points = pd.Series([float(popularity[track][1]) for track in tracks])
        n = len(tracks)
        reason = None
        if n < 10:
            reason = "insufficient_tracks"
        elif values.nunique() == 1 or points.nunique() == 1:
            reason = "no_spread"
        row: Row = {
            "source": source,
            "features_source": features_source,
            "feature": feature,
            "is_preferred": features_source == preferred,
            "tracks": n,
            "popularity_from": min(popularity[track][0] for track in tracks),
            "popularity_until": max(popularity[track][0] for track in tracks),
            "correlation_null_reason": reason,
            "formula_version": reference.FORMULA_VERSION,
        }
        for name, one, other in (
            ("pearson", values, points),
            ("spearman", values.rank(), points.rank()),
        ):
            r = float(np.corrcoef(one, other)[0, 1]) if reason is None else None
            row[name] = r
            row[f"{name}_low"] = row[f"{name}_high"] = None
            if r is not None:
                error = math.sqrt((1 + (r * r / 2 if name == "spearman" else 0)) / (n - 3))
                row[f"{name}_low"] = math.tanh(math.atanh(r) - 1.959963984540054 * error)
                row[f"{name}_high"] = math.tanh(math.atanh(r) + 1.959963984540054 * error)
        rows.append(row)
    return rows


def by_artist(
    source: str,
    features_source: str,
    features: Features,
    tracks: Iterable[tuple[str, str | None, str, str]],
    preferred: str,
) -> list[Row]:
    """Rows of `audio_features_by_artist` from (artist id, artist name, release id, track id)."""
    tracks = list(tracks)
    rows = []
    for feature in release_data.FEATURES:
        known = [track for track in tracks if features.get(track[3], {}).get(feature) is not None]
        every = [float(features[track_id][feature]) for *_, track_id in known]
        for artist_id in {track[0] for track in known}:
            own = [track for track in known if track[0] == artist_id]
            values = [float(features[track_id][feature]) for *_, track_id in own]
            mean, mean_of_all = statistics.fmean(values), statistics.fmean(every)
            spread = statistics.stdev(every) if len(every) > 1 else 0
            rows.append(
                {
                    "source": source,
                    "features_source": features_source,
                    "artist_id": artist_id,
                    "feature": feature,
                    "artist_name": own[0][1],
                    "is_preferred": features_source == preferred,
                    "releases": len({release for _, _, release, _ in own}),
                    "tracks": len(values),
                    "mean": mean,
                    "standard_deviation": statistics.stdev(values) if len(values) > 1 else None,
                    "mean_of_all": mean_of_all,
                    "tracks_of_all": len(every),
                    "difference_to_all": mean - mean_of_all,
                    "difference_in_deviations": (mean - mean_of_all) / spread if spread > 0 else None,
                    "formula_version": reference.FORMULA_VERSION,
                }
            )
    return rows


def close(actual: list[Row], expected: list[Row], key: tuple[str, ...]) -> None:
    """Compare row by row; of floating-point numbers the last digits may differ."""
    left = {tuple(row[name] for name in key): row for row in actual}
    right = {tuple(row[name] for name in key): row for row in expected}
    assert len(left) == len(actual)
    assert left.keys() == right.keys()
    for k, row in right.items():
        assert left[k].keys() == row.keys()
        for name, value in row.items():
            expected_value = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert left[k][name] == expected_value, (k, name)


@pytest.fixture(scope="module")
def imported(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterable[tuple[str, pd.DataFrame]]:
    """The recorded catalogue, imported through the command line into a database of its own."""
    tracks, artists = (
        shared_file(f"real/{name}")
        for name in ("tracks_with_audio_features.psv.gz", "artists_catalogue.psv.gz")
    )
    build_manifest()
    home: Path = tmp_path_factory.mktemp("home")
    with database_server.database(database_server.template) as url:
        place = Installation(
            home,
            {
                "DATABASE_URL": url,
                "SIMULATOR_URL": "http://127.0.0.1:9",
                "SPOTIFY_ASSETS_START_DATE": "2023-07-01",
            },
        )
        place.run("import", str(tracks), str(artists), seconds=600).succeeded()
        yield url, pd.read_csv(tracks, sep="|")


def features_of(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    columns = {name: name for name in release_data.FEATURES} | {"duration_ms": "track_duration_ms"}
    return {
        str(row["track_id"]): {
            name: float(row[column])
            for name, column in columns.items()
            if column in row and not pd.isna(row[column])
        }
        for row in frame.to_dict("records")
    }


@pytest.mark.shared
@pytest.mark.timeout(900)  # an import builds all models, on whatever machine
def test_correlations_of_a_real_catalogue_equal_pandas(imported: tuple[str, pd.DataFrame]) -> None:
    url, frame = imported
    popularity = {
        str(row["track_id"]): (
            date.fromisoformat(row["track_added_ts"].split(",")[0]),
            int(row["track_popularity"]),
        )
        for row in frame.to_dict("records")
    }
    actual = records(url, "select * from marts.audio_features_popularity")
    expected = correlations("songs-dataset", "songs-dataset", features_of(frame), popularity, "songs-dataset")
    close(actual, expected, BUILT["marts.audio_features_popularity"])
    assert len(actual) == 11, "of the features only the time signature is not in the file"
    assert all(row["tracks"] in {3122, 3123} for row in actual)
    # once more by pandas' own words
    for row in actual:
        column = "track_duration_ms" if row["feature"] == "duration_ms" else row["feature"]
        assert row["pearson"] == pytest.approx(frame[column].corr(frame["track_popularity"]))


@pytest.mark.shared
@pytest.mark.timeout(900)  # an import builds all models, on whatever machine
def test_real_new_releases_are_compared_across_artists(imported: tuple[str, pd.DataFrame]) -> None:
    url, frame = imported
    tracks = []
    for row in frame.to_dict("records"):
        released, told = str(row["album_release_date"]), row["track_added_ts"].split(",")[0]
        if len(released) != 10:
            continue
        age = (date.fromisoformat(told) - date.fromisoformat(released)).days
        if 0 <= age <= 365:
            artist_id = str(row["artist_id"]).split(",")[0].strip()
            name = str(row["track_artists"]).split(",")[0].strip()
            tracks.append((artist_id, name, str(row["album_id"]), str(row["track_id"])))
    assert len({artist_id for artist_id, *_ in tracks}) > 3
    actual = records(url, "select * from marts.audio_features_by_artist")
    expected = by_artist("songs-dataset", "songs-dataset", features_of(frame), tracks, "songs-dataset")
    close(actual, expected, BUILT["marts.audio_features_by_artist"])


def spotify_like(number: int) -> str:
    """An id of 22 letters and digits."""
    return f"{number:022}"


def awkward_features(seed: int) -> release_data.Tables:
    """An app that may read features (own), one that may not (withheld), and imported features of some."""
    chance = random.Random(seed)
    tables: release_data.Tables = {
        name: []
        for name in ("new_releases", "top_tracks", "playlist_tracks", "album_tracks", "track_details")
    }
    tables["audio_features"] = []
    for number in range(30):
        track = spotify_like(number)
        told = FIRST + chance.randrange(30) * DAY
        for source in ["own"] * (number < 14) + ["imported"] * (number % 2 == 0):
            values = {name: chance.choice([None, chance.random()]) for name in release_data.FEATURES[:5]}
            values |= {"duration_ms": chance.choice([1, 1, 2]) * 1000, "time_signature": 4}
            tables["audio_features"].append(release_data.audio_feature(source, track, told, **values))
        for source in ("own", "withheld"):
            day = told + chance.choice([-1, 0, 3]) * DAY
            tables["track_details"].append(
                release_data.track_detail(
                    source,
                    track,
                    day,
                    isrc=f"I{number // 2}" if number < 10 else None,
                    artist_ids=[f"a{number % 4}", "b"],
                    artist_names=[f"Artist {number % 4}", "B"],
                    popularity=chance.choice([None, 0, 30 + number]),
                    release_date=day - chance.choice([0, 100, 365, 366, -1]) * DAY,
                    release_date_precision=chance.choice(["day", "day", "day", "month"]),
                )
            )
            for seen in data.days(FIRST, LAST):
                if chance.random() < 0.2:
                    value = chance.choices([30 + number, 0, None], weights=[75, 15, 10])[0]
                    if chance.random() < 0.6:
                        tables["top_tracks"].append(
                            data.top_track(
                                source, f"a{number}", seen, 1, track_id=track, name="S", popularity=value
                            )
                        )
                    else:
                        tables["playlist_tracks"].append(
                            release_data.playlist_track(
                                source, seen, number + 1, track_id=track, popularity=value
                            )
                        )
    return tables


def expected_marts(found: release_data.Tables) -> dict[str, list[Row]]:
    """Both marts of `awkward_features`, by their wording."""
    features: dict[str, dict[str, dict[str, float]]] = {}
    told: dict[str, date] = {}
    for row in found["audio_features"]:
        features.setdefault(row["source"], {})[row["track_id"]] = {
            name: row[name] for name in release_data.FEATURES if row[name] is not None
        }
        told[row["track_id"]] = min(row["snapshot_date"], told.get(row["track_id"], LAST))
    seen: dict[tuple[str, str], dict[date, int | None]] = {}
    for table in ("top_tracks", "playlist_tracks", "track_details"):
        for row in found[table]:
            track, day, value = row["track_id"], row["snapshot_date"], row["popularity"]
            if value is not None and track in told and told[track] <= day:
                series = seen.setdefault((row["source"], track), {})
                series[day] = max(value, series.get(day) or 0)
    result: dict[str, list[Row]] = {
        "marts.audio_features_popularity": [],
        "marts.audio_features_by_artist": [],
    }
    for source, preferred in (("own", "own"), ("withheld", "imported")):
        newest = {}
        for (of, track), series in seen.items():
            counting = [day for day in series if not reference.is_suspect(series, day)]
            if of == source and counting:
                value = series[max(counting)]
                assert value is not None
                newest[track] = (max(counting), value)
        tracks: dict[tuple[str, str], tuple[str, str, str, str]] = {}
        for row in sorted(found["track_details"], key=lambda row: row["track_id"]):
            age = (row["snapshot_date"] - row["release_date"]).days
            if row["source"] != source or row["release_date_precision"] != "day" or not 0 <= age <= 365:
                continue
            artist = row["artist_ids"][0]
            recording = row["isrc"] or row["track_id"]
            tracks.setdefault(
                (artist, recording), (artist, row["artist_names"][0], row["track_id"], row["track_id"])
            )
        released = {track_id: artist for artist, _, _, track_id in tracks.values()}
        for features_source, known in features.items():
            result["marts.audio_features_popularity"] += correlations(
                source, features_source, known, newest, _preferred(source, features, newest, preferred)
            )
            result["marts.audio_features_by_artist"] += by_artist(
                source,
                features_source,
                known,
                tracks.values(),
                _preferred(source, features, released, preferred),
            )
    return result


def _preferred(
    source: str, features: Mapping[str, Features], tracks: Mapping[str, Any], otherwise: str
) -> str:
    """A source's own; else of the others the one that covers most tracks."""
    if source in features:
        return source
    covered = {name: len(known.keys() & tracks.keys()) for name, known in features.items()}
    return max(covered, key=lambda name: (covered[name], name == otherwise))


def test_features_of_others_are_used_where_an_app_may_not_read_them(
    new_project: Callable[[], Project],
) -> None:
    found = awkward_features(300)
    project = new_project()
    middle = FIRST + 30 * DAY
    windows = [[middle], [LAST - 5 * DAY, LAST - 2 * DAY], [FIRST, middle + 3 * DAY], [FIRST, LAST - 2 * DAY]]
    windows += [[LAST - DAY], [LAST]]
    build_in_order(project, found, windows, ("run", *SELECTED))
    for table, expected in expected_marts(found).items():
        close(project.rows(table), expected, BUILT[table])
    rebuilt = assert_equals_full_rebuild(project, BUILT, SELECTED)
    popularity = rebuilt["marts.audio_features_popularity"]
    assert {row["correlation_null_reason"] for row in popularity} >= {None, "no_spread"}
    assert any(row["is_preferred"] and row["features_source"] == "imported" for row in popularity)
    assert any(row["popularity_is_suspect"] for row in rebuilt["intermediate.int_track_popularity"])
