"""Songs, top lists and charts once more, written from the wording of the definitions and not from the SQL.

Rows go in as the snapshot tables have them. Everything is followed day by day, with what was known before
kept in plain dictionaries; pandas does what is said of a whole day or week.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from statistics import fmean, median
from typing import Any

import pandas as pd

from spotify_assets_tests.support.oracles.songs import Songs, title_of

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
Row = Mapping[str, Any]
Built = list[dict[str, Any]]


def _lists(rows: Iterable[Row], *columns: str) -> dict[tuple[Any, ...], dict[date, list[Row]]]:
    """The entries of each list on each day, in order of position."""
    found: dict[tuple[Any, ...], dict[date, list[Row]]] = {}
    for row in rows:
        key = tuple(row[column] for column in columns)
        found.setdefault(key, {}).setdefault(row["snapshot_date"], []).append(row)
    return {
        key: {day: sorted(days[day], key=lambda row: row["position"]) for day in sorted(days)}
        for key, days in found.items()
    }


def _ids(entries: Iterable[Row]) -> list[str]:
    return sorted({entry["track_id"] for entry in entries if entry["track_id"] is not None})


# -- top lists


@dataclass(frozen=True)
class _TopTen:
    """The first ten positions of one list on one day: positions by song, in order."""

    positions: dict[str, int]
    titles: dict[str, str | None]
    track_ids: list[str]
    is_complete: bool

    @classmethod
    def of(cls, entries: Sequence[Row], identify: Songs) -> _TopTen:
        first = [entry for entry in entries if entry["position"] <= 10]
        positions: dict[str, int] = {}
        titles: dict[str, str | None] = {}
        known = 0
        for entry in first:
            song = identify(entry)
            if song is not None:
                known += 1
                positions.setdefault(song, entry["position"])
                titles.setdefault(song, title_of(entry))
        return cls(positions, titles, _ids(first), known == 10)


def top_track_churn(rows: Iterable[Row]) -> Built:
    """Every row of marts.top_track_churn from those of snapshots.top_tracks."""
    rows = list(rows)
    identify = Songs(rows)
    built = []
    for (source, market, artist_id), days in _lists(rows, "source", "market", "artist_id").items():
        tops = {day: _TopTen.of(entries, identify) for day, entries in days.items()}
        for day, top in tops.items():
            nearest = [day - 7 * DAY, day - 8 * DAY, day - 6 * DAY]
            past_day = next((end for end in nearest if end in tops and tops[end].is_complete), None)
            row: dict[str, Any] = {
                "source": source,
                "market": market,
                "artist_id": artist_id,
                "snapshot_date": day,
                "is_complete": top.is_complete,
                "songs": len(top.positions),
                "formula_version": 1,
            }
            if not top.is_complete:
                reason: str | None = "the top 10 of this day is incomplete"
            elif past_day is not None:
                reason = None
            elif any(end in tops for end in nearest):
                reason = "the top 10 of 7 days before is incomplete"
            else:
                reason = "no list was observed 7 days before"
            row["churn_null_reason"] = reason
            past = tops[past_day] if past_day is not None else None
            row["track_ids"] = sorted({*top.track_ids, *(past.track_ids if past else [])})
            row |= _moves(day, top, past_day if reason is None else None, past)
            built.append(row)
    return built


def _moves(day: date, top: _TopTen, past_day: date | None, past: _TopTen | None) -> dict[str, Any]:
    if past_day is None or past is None:
        names = ("entered", "left", "stayed", "climbed", "fallen")
        lists = ("entered_song_ids", "entered_titles", "left_song_ids", "left_titles")
        others = ("compared_with", "actual_days", "churn", "mean_absolute_position_change")
        return dict.fromkeys([*(f"songs_{name}" for name in names), *lists, *others])
    now, then = top.positions, past.positions
    entered = [song for song in now if song not in then]
    left = [song for song in then if song not in now]
    moved = [then[song] - now[song] for song in now if song in then]
    return {
        "compared_with": past_day,
        "actual_days": (day - past_day).days,
        "churn": 1 - len(now.keys() & then.keys()) / len(now.keys() | then.keys()),
        "songs_entered": len(entered),
        "songs_left": len(left),
        "songs_stayed": len(moved),
        "songs_climbed": sum(places > 0 for places in moved),
        "songs_fallen": sum(places < 0 for places in moved),
        "mean_absolute_position_change": sum(map(abs, moved)) / len(moved) if moved else None,
        "entered_song_ids": entered,
        "entered_titles": [top.titles[song] for song in entered],
        "left_song_ids": left,
        "left_titles": [past.titles[song] for song in left],
    }


# -- series of one song


@dataclass
class _Popularity:
    """One song's popularity, day by day: what counts as known so far."""

    counted: dict[date, int] = field(default_factory=dict)
    latest: int | None = None
    pending: date | None = None
    """Day of a sudden 0 that the next observation may repeat."""
    began: bool = False

    def observe(self, day: date, value: int | None) -> bool:
        """Take a day's value; says whether it is suspect."""
        suspect = self.began and (value or 0) == 0 and (self.latest or 0) > 0
        if self.pending is not None and value == 0:
            self.counted[self.pending] = 0
        self.pending = day if suspect and value == 0 else None
        if value is not None and not suspect:
            self.counted[day] = value
        self.latest, self.began = value, True
        return suspect

    def change(self, day: date, span: int) -> tuple[int | None, int | None]:
        """The change over about `span` days, and over how many it really is."""
        current = next((end for end in (day, day - DAY) if end in self.counted), None)
        if current is None:
            return None, None
        for past in (day - span * DAY, day - (span + 1) * DAY, day - (span - 1) * DAY):
            if past in self.counted and past < current:
                return self.counted[current] - self.counted[past], (current - past).days
        return None, None

    def between(self, first: date, last: date) -> list[int]:
        """The counted values of the days from the first to the last."""
        days = [first + number * DAY for number in range((last - first).days + 1)]
        return [self.counted[day] for day in days if day in self.counted]


# -- charts and playlists


@dataclass
class _OnList:
    """What is known of a song on a list."""

    first_seen_on: date
    popularity: _Popularity
    seen: int = 0
    best: int = 1_000_000
    last_day: date | None = None
    last_row: dict[str, Any] = field(default_factory=dict)
    is_on: bool = False


def _of_songs(entries: Sequence[Row], identify: Songs) -> dict[str, list[Row]]:
    """The entries of each song, the best placed first."""
    songs: dict[str, list[Row]] = {}
    for entry in entries:
        song = identify(entry)
        if song is not None:
            songs.setdefault(song, []).append(entry)
    return songs


def _is_complete(entries: Sequence[Row], identify: Songs) -> bool:
    known = [entry["position"] for entry in entries if identify(entry) is not None]
    return known == list(range(1, entries[-1]["position"] + 1))


def _first_known(entries: Sequence[Row], column: str) -> Any:
    return next((entry[column] for entry in entries if entry[column] is not None), None)


def _about(song: str, entries: Sequence[Row]) -> dict[str, Any]:
    spokesman = entries[0]
    return {
        "song_id_kind": song.split(":", maxsplit=1)[0],
        "title": title_of(spokesman),
        "artist_ids": spokesman["artist_ids"],
        "artist_names": spokesman["artist_names"],
        "track_ids": _ids(entries) or None,
    }


def _age(entry: Row, day: date) -> int | None:
    if entry["release_date_precision"] != "day":
        return None
    return int((day - entry["release_date"]).days)


def _best_popularity(entries: Iterable[Row]) -> int | None:
    return max((entry["popularity"] for entry in entries if entry["popularity"] is not None), default=None)


def playlist_trends(rows: Iterable[Row], no_value: str) -> Built:
    """Every row of marts.playlist_trends from those of snapshots.playlist_tracks.

    Args:
        rows: Rows of the snapshot table.
        no_value: Why a popularity is null that the list should have told.
    """
    rows = list(rows)
    identify = Songs(rows)
    built = []
    for (source, playlist_id), days in _lists(rows, "source", "playlist_id").items():
        known: dict[str, _OnList] = {}
        previous_day = None
        for day, entries in days.items():
            songs = _of_songs(entries, identify)
            complete = _is_complete(entries, identify)
            same = {
                "source": source,
                "playlist_id": playlist_id,
                "snapshot_date": day,
                "playlist_name": _first_known(entries, "playlist_name"),
                "market": _first_known(entries, "market"),
                "previous_observed_on": previous_day,
                "list_is_complete": complete,
                "formula_version": 1,
            }
            for song, of_song in songs.items():
                row = same | _listed(known, song, of_song, day, previous_day is None, no_value)
                built.append(row)
            gone = (
                [song for song, told in known.items() if told.is_on and song not in songs] if complete else []
            )
            for song in gone:
                known[song].is_on = False
                built.append(same | _left(song, known[song], day))
            previous_day = day
    return built


def _listed(
    known: dict[str, _OnList], song: str, entries: Sequence[Row], day: date, first_day: bool, no_value: str
) -> dict[str, Any]:
    position = entries[0]["position"]
    is_new = song not in known
    told = known.setdefault(song, _OnList(day, _Popularity()))
    if first_day:
        movement = None
    elif is_new:
        movement = "entered"
    elif not told.is_on:
        movement = "re-entered"
    else:
        places = told.last_row["position"] - position
        movement = "rose" if places > 0 else "fell" if places < 0 else "stayed"
    before = told.last_row["position"] if movement in {"rose", "fell", "stayed"} else None
    popularity = _best_popularity(entries)
    row = {
        "song_id": song,
        **_about(song, entries),
        "movement": movement,
        "movement_null_reason": "the first observed day of this list" if first_day else None,
        "position": position,
        "previous_position": before,
        "position_change": None if before is None else before - position,
        "previous_seen_on": told.last_day,
        "first_seen_on": told.first_seen_on,
        "days_on_list": told.seen + 1,
        "best_position": min(told.best, position),
        "days_since_release": _age(entries[0], day),
        "popularity": popularity,
        "popularity_null_reason": no_value if popularity is None else None,
        "popularity_is_suspect": told.popularity.observe(day, popularity),
    }
    for span, suffix in ((1, "1_day"), (7, "7_days")):
        change, actual = told.popularity.change(day, span)
        row[f"popularity_change_{suffix}"] = change
        row[f"popularity_change_{suffix}_actual_days"] = actual
    told.seen, told.best, told.last_day = told.seen + 1, min(told.best, position), day
    told.last_row, told.is_on = row | {"entry": entries[0]}, True
    return row


def _left(song: str, told: _OnList, day: date) -> dict[str, Any]:
    kept = ("song_id_kind", "title", "artist_ids", "artist_names", "track_ids")
    return {
        "song_id": song,
        **{name: told.last_row[name] for name in kept},
        "movement": "left",
        "movement_null_reason": None,
        "position": None,
        "previous_position": told.last_row["position"],
        "position_change": None,
        "previous_seen_on": told.last_day,
        "first_seen_on": told.first_seen_on,
        "days_on_list": told.seen,
        "best_position": told.best,
        "days_since_release": _age(told.last_row["entry"], day),
        "popularity": None,
        "popularity_null_reason": "not on the list on this day",
        "popularity_is_suspect": False,
        "popularity_change_1_day": None,
        "popularity_change_1_day_actual_days": None,
        "popularity_change_7_days": None,
        "popularity_change_7_days_actual_days": None,
    }


def playlist_weekly(rows: Iterable[Row]) -> Built:
    """Every row of marts.playlist_weekly from those of snapshots.playlist_tracks."""
    rows = list(rows)
    identify = Songs(rows)
    built = []
    for (source, playlist_id), days in _lists(rows, "source", "playlist_id").items():
        weeks: dict[date, dict[date, list[Row]]] = {}
        for day, entries in days.items():
            weeks.setdefault(day - day.weekday() * DAY, {})[day] = entries
        series: dict[str, _Popularity] = {}
        ranks: dict[date, dict[str, int]] = {}
        for monday, week in weeks.items():
            placed = []
            last: dict[str, list[Row]] = {}
            for day, of_day in week.items():
                for song, entries in _of_songs(of_day, identify).items():
                    placed.append({"song": song, "position": entries[0]["position"]})
                    series.setdefault(song, _Popularity()).observe(day, _best_popularity(entries))
                    last[song] = entries
            listed = pd.DataFrame(placed, columns=["song", "position"])
            outside = max(entry["position"] for entries in week.values() for entry in entries) + 1
            songs = listed.groupby("song")["position"].agg(["sum", "count", "min", "mean"])
            songs["places"] = songs["sum"] + (len(week) - songs["count"]) * outside
            songs["rank"] = songs["places"].rank(method="min").astype(int)
            ranks[monday] = {str(name): int(rank) for name, rank in songs["rank"].items()}
            names = [_first_known(entries, "playlist_name") for entries in week.values()]
            markets = [_first_known(entries, "market") for entries in week.values()]
            year, number, _ = monday.isocalendar()
            for name, of_song in songs.to_dict("index").items():
                song = str(name)
                counted = series[song].between(monday, monday + 6 * DAY)
                before = ranks.get(monday - WEEK, {}).get(song)
                built.append(
                    {
                        "source": source,
                        "playlist_id": playlist_id,
                        "song_id": song,
                        "snapshot_date": monday + 6 * DAY,
                        "week_starts_on": monday,
                        "iso_week": f"{year}-W{number:02}",
                        "playlist_name": _latest(names),
                        "market": _latest(markets),
                        **_about(song, last[song]),
                        "days_observed": len(week),
                        "days_on_list": int(of_song["count"]),
                        "week_rank": int(of_song["rank"]),
                        "previous_week_rank": before,
                        "week_rank_change": None if before is None else before - int(of_song["rank"]),
                        "best_position": int(of_song["min"]),
                        "mean_position": of_song["mean"],
                        "mean_place": of_song["places"] / len(week),
                        "average_popularity": fmean(counted) if counted else None,
                        "popularity_observed_days": len(counted),
                        "formula_version": 1,
                    }
                )
    return built


def _latest(told: Sequence[str | None]) -> str | None:
    return next((text for text in reversed(told) if text is not None), None)


# -- songs of top lists


def song_days(rows: Iterable[Row]) -> dict[tuple[str, str], dict[date, list[Row]]]:
    """The entries of each song of a source on each day, whatever list they stand on."""
    rows = list(rows)
    identify = Songs(rows)
    songs: dict[tuple[str, str], dict[date, list[Row]]] = {}
    for row in rows:
        song = identify(row)
        if song is not None:
            songs.setdefault((row["source"], song), {}).setdefault(row["snapshot_date"], []).append(row)
    return {key: {day: days[day] for day in sorted(days)} for key, days in songs.items()}


def track_popularity_trend(rows: Iterable[Row], no_value: str) -> Built:
    """Every row of marts.track_popularity_trend from those of snapshots.top_tracks."""
    built = []
    for (source, song), days in song_days(rows).items():
        series = _Popularity()
        for day, entries in days.items():
            spokesman = min(entries, key=_by_popularity)
            popularity = _best_popularity(entries)
            exact = [e["release_date"] for e in entries if e.get("release_date_precision") == "day"]
            row = {
                "source": source,
                "song_id": song,
                "snapshot_date": day,
                "song_id_kind": song.split(":", maxsplit=1)[0],
                "title": title_of(spokesman),
                "artist_id": spokesman["primary_artist_id"] or spokesman["artist_id"],
                "track_ids": _ids(entries) or None,
                "markets": sorted({entry["market"] for entry in entries}),
                "best_position": min(entry["position"] for entry in entries),
                "released_on": min(exact, default=None),
                "days_since_release": (day - min(exact)).days if exact else None,
                "popularity": popularity,
                "popularity_null_reason": no_value if popularity is None else None,
                "popularity_is_suspect": series.observe(day, popularity),
                "formula_version": 1,
            }
            built.append(row | _song_metrics(series, day))
    frame = pd.DataFrame(built)
    for _, of_day in frame.groupby(["source", "snapshot_date"]):
        for index, columns in _among_songs(of_day).items():
            built[index] |= columns
    for row in built:
        del row["counts"]
    return built


def _by_popularity(entry: Row) -> tuple[Any, ...]:
    """The order in which entries of a day speak for their song."""
    value = entry["popularity"]
    others = (entry["position"], entry["track_id"] or "", entry["market"], entry["artist_id"])
    return (math.inf if value is None else -value, *others)


def _song_metrics(series: _Popularity, day: date) -> dict[str, Any]:
    """What one song's own series says of a day."""
    row: dict[str, Any] = {"counts": series.counted.get(day)}
    for length, least in ((7, 5), (28, 20)):
        inside = series.between(day - (length - 1) * DAY, day)
        row[f"popularity_observed_{length}_days"] = len(inside)
        row[f"popularity_average_{length}_days"] = fmean(inside) if len(inside) >= least else None
    for span, suffix in ((1, "1_day"), (7, "7_days"), (28, "28_days")):
        change, actual = series.change(day, span)
        row[f"popularity_change_{suffix}"] = change
        row[f"popularity_change_{suffix}_actual_days"] = actual
    weeks_before = series.between(day - 34 * DAY, day - 7 * DAY)
    last_week = series.between(day - 6 * DAY, day)
    known = len(last_week) >= 5 and len(weeks_before) >= 20
    row["popularity_momentum_change"] = float(_mean(last_week) - _mean(weeks_before)) if known else None
    average = row["popularity_average_7_days"]
    row["popularity_band"] = None if average is None else _band(average)
    before = series.between(day - 28 * DAY, day - DAY)
    usual = median(before) if len(before) >= 20 else None
    score = None
    if usual is not None and day in series.counted:
        score = (series.counted[day] - usual) / max(_spread(before), 1)
    row["popularity_usual_value"] = usual
    row["popularity_anomaly_score"] = score
    row["popularity_is_anomaly"] = score is not None and abs(score) >= 3.5
    return row


def _mean(values: Sequence[int]) -> Fraction:
    """Exactly, so that equal changes are equal numbers."""
    return Fraction(sum(values), len(values))


def _band(average: float) -> str:
    lowest = min(int(average // 10) * 10, 90)
    return "90-100" if lowest == 90 else f"{lowest}-{lowest + 9}"


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    distances = [abs(value - middle) for value in values]
    return max(1.4826 * median(distances), 1.2533 * fmean(distances))


def _among_songs(of_day: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """What a song's place among the songs of its source on a day says, by row."""
    counts = of_day["counts"].dropna().astype(float)
    changes = of_day.dropna(subset=["popularity_momentum_change"]).groupby("popularity_band")
    bands = {str(band): peers["popularity_momentum_change"].astype(float).tolist() for band, peers in changes}
    spreads = {band: _spread(peers) for band, peers in bands.items()}
    found: dict[int, dict[str, Any]] = {}
    for index, row in of_day.iterrows():
        columns: dict[str, Any] = {"popularity_rank": None, "popularity_percentile": None}
        if index in counts.index:
            others, own = counts.drop(index), float(row["counts"])
            columns["popularity_rank"] = int((others > own).sum()) + 1
            if len(others):
                below = (others < own).sum() + (others == own).sum() / 2
                columns["popularity_percentile"] = 100 * below / len(others)
        change = row["popularity_momentum_change"]
        band = row["popularity_band"]
        columns["popularity_peers"] = peers = len(bands.get(band, []))
        reason = None
        if pd.isna(change):
            reason = "insufficient_observations"
        elif peers < 20:
            reason = "insufficient_peers"
        elif spreads[band] == 0:
            reason = "no_spread"
        columns["popularity_momentum_null_reason"] = reason
        columns["popularity_momentum"] = change / spreads[band] if reason is None else None
        found[int(str(index))] = columns
    return found


def rounded(rows: Iterable[Row]) -> Built:
    """Rows with floating-point numbers to nine places, so that the order of a sum is no difference."""
    return [
        {name: round(value, 9) + 0.0 if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]
