"""Releases, their curves and weeks once more, written from the wording of the documentation, not from SQL."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from spotify_assets_tests.support.marts.release_data import Tables
from spotify_assets_tests.support.oracles import artists as reference

DAY = timedelta(days=1)
CURVE_DAYS = 90
PLACES = ("top tracks", "playlists", "track details")
Row = dict[str, Any]


def plain_title(title: str) -> str:
    """A title without case, punctuation and featuring suffixes (of the test data: ASCII)."""
    title = re.sub(r"\s*[(\[]\s*(feat|ft|featuring|with)\b[^)\]]*[)\]]", "", title.lower())
    title = re.sub(r"\s+(feat\.?|ft\.|featuring)\s.*$", "", title)
    return " ".join(re.findall(r"\w+", title))


def releases_of(listings: Iterable[Row]) -> dict[str, str]:
    """The release of each album of one source, taking albums in the order in which they were first listed."""
    firsts: dict[str, Row] = {}
    for row in sorted(listings, key=lambda row: (row["snapshot_date"], row["album_id"])):
        firsts.setdefault(row["album_id"], row)
    release: dict[str, str] = {}
    by_code: dict[str, str] = {}
    by_title: dict[Any, list[tuple[str, str | None]]] = defaultdict(list)
    for album_id, row in firsts.items():
        code = (row["upc"] or "").lstrip("0") or None
        title = (
            row["artist_ids"][0],
            plain_title(row["name"]),
            row["release_date"],
            row["album_type"],
            row["total_tracks"],
        )
        alike = by_title[title]
        if code in by_code:
            release[album_id] = by_code[code]
        elif alike and (code is None or all(other is None for _, other in alike)):
            release[album_id] = release[alike[0][0]]
        else:
            release[album_id] = album_id
        if code is not None:
            by_code.setdefault(code, release[album_id])
        alike.append((album_id, code))
    return release


@dataclass
class Releases:
    """What is known of the releases of one source."""

    source: str
    tables: Mapping[str, list[Row]]
    first: dict[str, Row] = field(default_factory=dict)
    """Of each release the first row of its first upload."""
    listed: dict[str, dict[date, int | None]] = field(default_factory=lambda: defaultdict(dict))
    tracks: dict[str, dict[date, tuple[int, str]]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        """Find the releases and draw their curves."""
        listings = [row for row in self.tables["new_releases"] if row["source"] == self.source]
        self.release = releases_of(listings)
        self.known: dict[str, date] = {}
        for row in sorted(listings, key=lambda row: row["snapshot_date"]):
            album_id, day = row["album_id"], row["snapshot_date"]
            self.known.setdefault(album_id, day)
            release = self.release[album_id]
            if album_id == release:
                self.first.setdefault(release, row)
            values = (self.listed[release].get(day), row["popularity"])
            self.listed[release][day] = max((v for v in values if v is not None), default=None)
        self._draw_tracks()

    def released_on(self, release: str) -> date | None:
        """The release date, where it is a day."""
        row = self.first[release]
        return row["release_date"] if row["release_date_precision"] == "day" else None

    def _names(self) -> dict[tuple[str, str], dict[str, date]]:
        """Of each track id and recording the albums that have it, with the day on which that was known."""
        names: dict[tuple[str, str], dict[str, date]] = defaultdict(dict)
        told = self.tables["album_tracks"] + [
            row for row in self.tables["track_details"] if row["album_id"] is not None
        ]
        for row in told:
            if row["source"] != self.source or row["album_id"] not in self.known:
                continue
            album_id = row["album_id"]
            day = max(row["snapshot_date"], self.known[album_id])
            for kind in ("track_id", "isrc"):
                if row.get(kind) is not None:
                    albums = names[kind, _plain(row[kind])]
                    albums[album_id] = min(day, albums.get(album_id, day))
        return names

    def _draw_tracks(self) -> None:
        names = self._names()
        for place, table in enumerate(("top_tracks", "playlist_tracks", "track_details")):
            for row in self.tables[table]:
                if row["source"] != self.source or row["popularity"] is None:
                    continue
                day = row["snapshot_date"]
                albums = {
                    album for album in [row["album_id"]] if album in self.known and self.known[album] <= day
                }
                for kind in ("track_id", "isrc"):
                    if row[kind] is not None:
                        found = names.get((kind, _plain(row[kind])), {})
                        albums |= {album for album, since in found.items() if since <= day}
                for release in {self.release[album] for album in albums}:
                    best, where = self.tracks[release].get(day, (-1, 0))
                    value = row["popularity"]
                    if value > best or (value == best and place < PLACES.index(str(where))):
                        self.tracks[release][day] = (value, PLACES[place])

    def curve(self, release: str, basis: str) -> dict[date, int | None]:
        """Day to value, within the days of the curve."""
        start = self.released_on(release)
        if start is None:
            return {}
        series: Mapping[date, int | None] = (
            self.listed[release]
            if basis == "album"
            else {day: value for day, (value, _) in self.tracks[release].items()}
        )
        return {day: value for day, value in series.items() if start <= day <= start + CURVE_DAYS * DAY}

    def days(self) -> set[date]:
        """Every day with a row of any release."""
        seen = {day for days in self.listed.values() for day in days}
        return seen | {
            day
            for release in self.first
            for basis in ("album", "tracks")
            for day in self.curve(release, basis)
        }


def _plain(name: str) -> str:
    return name if "t" in name else re.sub(r"[^A-Za-z0-9]", "", name).upper()


def _nearest(
    values: Mapping[date, int | Fraction], ends: Iterable[date]
) -> tuple[date, int | Fraction] | None:
    return next(((end, values[end]) for end in ends if end in values), None)


def new_release_performance(known: Releases) -> list[Row]:
    """Every row of the mart for one source."""
    rows = []
    curves = {
        (release, basis): known.curve(release, basis)
        for release in known.first
        for basis in ("album", "tracks")
    }
    for release, first in known.first.items():
        start = known.released_on(release)
        album, tracks = curves[release, "album"], curves[release, "tracks"]
        for day in sorted(set(album) | set(tracks)):
            assert start is not None
            basis = "tracks" if album.get(day) is None and day in tracks else "album"
            series = curves[release, basis]
            suspect = reference.is_suspect(series, day)
            row = {
                "source": known.source,
                "release_id": release,
                "snapshot_date": day,
                "name": first["name"],
                "album_type": first["album_type"],
                "artist_id": first["artist_ids"][0],
                "artist_names": first["artist_names"],
                "release_date": start,
                "days_since_release": (day - start).days,
                "popularity": series[day],
                "popularity_basis": basis,
                "popularity_seen_in": known.tracks[release][day][1] if basis == "tracks" else "new releases",
                "popularity_null_reason": reference.null_reason(series[day], observed=True),
                "popularity_is_suspect": suspect,
                "formula_version": reference.FORMULA_VERSION,
            }
            row |= _first_week(series, start, day)
            others = [
                curves[other, basis]
                for other in known.first
                if other != release and known.first[other]["artist_ids"][0] == first["artist_ids"][0]
            ]
            starts = [
                known.released_on(other)
                for other in known.first
                if other != release and known.first[other]["artist_ids"][0] == first["artist_ids"][0]
            ]
            row |= _against(
                series[day], suspect, (day - start).days, day, list(zip(others, starts, strict=True))
            )
            rows.append(row)
    return rows


def _first_week(series: Mapping[date, int | None], start: date, day: date) -> Row:
    values = reference.counted(series, day)
    begin = _nearest(values, [start, start + DAY])
    end = _nearest(values, [start + age * DAY for age in (7, 6, 8)])
    reason = None
    if (day - start).days < 7:
        reason = "first_week_not_over"
    elif begin is None:
        reason = "no_popularity_at_release"
    elif end is None:
        reason = "no_popularity_after_a_week"
    change = days = None
    if reason is None and begin is not None and end is not None:
        change, days = end[1] - begin[1], (end[0] - begin[0]).days
    return {
        "first_week_change": change,
        "first_week_change_actual_days": days,
        "first_week_change_null_reason": reason,
    }


def _against(
    value: int | None,
    suspect: bool,
    age: int,
    day: date,
    others: list[tuple[dict[date, int | None], date | None]],
) -> Row:
    found = []
    for series, start in others:
        if start is None:
            continue
        values = reference.counted(series, day)
        # a row of the curve stands on its day whatever counts: the nearest of those that do
        near = _nearest(values, [start + (age + off) * DAY for off in (0, -1, 1)])
        if near is not None:
            found.append(near[1])
    median = float(statistics.median(map(Fraction, found))) if len(found) >= 3 else None
    reason = None
    if value is None:
        reason = "no_popularity"
    elif suspect:
        reason = "suspect_popularity"
    elif median is None:
        reason = "insufficient_releases"
    return {
        "artist_releases_compared": len(found),
        "artist_median_popularity": median,
        "difference_to_artist_median": value - median
        if reason is None and value is not None and median is not None
        else None,
        "difference_to_artist_median_null_reason": reason,
    }


def new_releases_weekly(known: Releases, artists: Mapping[str, Mapping[date, int | None]]) -> list[Row]:
    """Every row of the mart for one source; `artists` are the popularity series of its artists."""
    newest = max(known.days())
    rows = []
    for release, first in known.first.items():
        start = known.released_on(release)
        if start is None or start > newest or first["snapshot_date"] > start + 8 * DAY:
            continue
        monday = start - start.weekday() * DAY
        settled = monday + 14 * DAY
        until = min(newest, settled)
        chosen = None
        if newest >= start + 7 * DAY:
            for basis in ("tracks", "album"):
                values = reference.counted(known.curve(release, basis), until)
                chosen = _nearest(values, [start + age * DAY for age in (7, 6, 8)])
                if chosen is not None:
                    break
        popular = [
            series[start]
            for series in (artists.get(artist, {}) for artist in first["artist_ids"])
            if series.get(start) is not None and not reference.is_suspect(series, start)
        ]
        year, week, _ = start.isocalendar()
        seen_in = None
        if chosen is not None:
            seen_in = known.tracks[release][chosen[0]][1] if basis == "tracks" else "new releases"
        artist_popularity = max((value for value in popular if value is not None), default=None)
        rows.append(
            {
                "source": known.source,
                "week_starts_on": monday,
                "release_id": release,
                "snapshot_date": settled,
                "iso_week": f"{year}-W{week:02}",
                "name": first["name"],
                "album_type": first["album_type"],
                "artist_id": first["artist_ids"][0],
                "artist_ids": first["artist_ids"],
                "artist_names": first["artist_names"],
                "release_date": start,
                "popularity": chosen and chosen[1],
                "popularity_basis": basis if chosen else None,
                "popularity_seen_in": seen_in,
                "popularity_on": chosen and chosen[0],
                "popularity_actual_days": (chosen[0] - start).days if chosen else None,
                "popularity_null_reason": None
                if chosen
                else "not_yet_7_days_on"
                if newest < start + 7 * DAY
                else "no_popularity_7_days_on",
                "artist_popularity": artist_popularity,
                "artist_popularity_null_reason": "no_artist_observed_on_release_day"
                if artist_popularity is None
                else None,
                "known_until": until,
                "is_preliminary": until < settled,
                "formula_version": reference.FORMULA_VERSION,
            }
        )
    for row in rows:
        week_rows = [other for other in rows if other["week_starts_on"] == row["week_starts_on"]]
        row["releases_of_week"] = len(week_rows)
        for name in ("popularity", "artist_popularity"):
            better = [
                o for o in week_rows if o[name] is not None and row[name] is not None and o[name] > row[name]
            ]
            row[f"{name}_rank"] = None if row[name] is None else len(better) + 1
    return rows


def source_tables(tables: Tables, until: date) -> Tables:
    """The snapshots up to a day."""
    return {name: [row for row in rows if row["snapshot_date"] <= until] for name, rows in tables.items()}
