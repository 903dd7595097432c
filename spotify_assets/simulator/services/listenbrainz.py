"""ListenBrainz's API over the invented catalogue, under ``/listenbrainz``."""

from __future__ import annotations

import json
import math
import time as clock
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.catalogue.foreign_ids import RECORDING, RELEASE, RELEASE_GROUP, is_mbid
from spotify_assets.simulator.server.replies import WANTS_TOKEN, Reply
from spotify_assets.simulator.services.mount import Asked, Stepped
from spotify_assets.simulator.world.audience import Audience
from spotify_assets.simulator.world.chance import mix, unit
from spotify_assets.simulator.world.releases import Release, song_key
from spotify_assets.simulator.world.service_days import World

ENDPOINTS = (
    "POST /listenbrainz/1/popularity/artist (1,000)",
    "GET /listenbrainz/1/popularity/top-recordings-for-artist/{mbid} (Authorization: Token …)",
    "GET /listenbrainz/1/explore/fresh-releases/?release_date=&days=&sort=&past=&future=",
    "GET /listenbrainz/1/stats/sitewide/artists?range=&count=&offset=",
    "GET /listenbrainz/1/validate-token",
)
BATCH = 1000
_CALLS, _SECONDS = 30, 10.0
_UNLIMITED = 1_000_000
_RECORDINGS = 100
_SILENT, _COVER, _TYPED = 0x51, 0x52, 0x53
_DAYS = {"week": 7, "month": 30, "quarter": 91, "half_yearly": 182, "year": 365, "all_time": 100_000}
_SORTS = ("release_date", "artist_credit_name", "release_name")
_PRIMARY = {"single": "Single", "ep": "EP", "album": "Album", "compilation": "Album"}


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply.json(status, {"code": status, "error": message})


class ListenBrainz:
    """Answers ListenBrainz's calls."""

    def __init__(
        self, elsewhere: Elsewhere, *, limited: bool, scale: float = 1.0, token: str | None = None
    ) -> None:
        """Prepare the service.

        Args:
            elsewhere: Who has an MBID.
            limited: Whether to hold the limit of 30 calls in 10 seconds.
            scale: Factor of the window's length.
            token: The only token accepted; None accepts any.
        """
        self._elsewhere = elsewhere
        self._catalogue = elsewhere.catalogue
        self._audience = Audience(elsewhere.catalogue, share=0.01, breadth=0.78)
        self._world = World(elsewhere.catalogue.seed ^ 0x1B, quirks=elsewhere.quirks)
        self._window = Stepped(_CALLS if limited else _UNLIMITED, _SECONDS * scale)
        self._token = token
        self._sitewide: dict[tuple[str, int], list[tuple[int, int]]] = {}

    def answer(self, asked: Asked) -> Reply:
        """Answer a call; every answer tells what is left of the window."""
        # Counted for an address, whoever signs in from there.
        fits, left, reset = self._window.take()
        headers = {
            "X-RateLimit-Limit": str(self._window.most),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(math.ceil(clock.time()) + reset),
            "X-RateLimit-Reset-In": str(reset),
        }
        try:
            if not fits:
                raise _Refused(429, "You have exceeded your rate limit. See the X-RateLimit headers.")
            node, status = self._answer(asked), 200
        except _Refused as refused:
            return Reply(refused.reply.status, refused.reply.body, headers)
        return Reply.json(status, node, headers)

    def _answer(self, asked: Asked) -> Any:
        path = asked.path.rstrip("/")
        expected = "POST" if path == "/1/popularity/artist" else "GET"
        if asked.method != expected:
            raise _Refused(405, "The method is not allowed for the requested URL.")
        if path == "/1/popularity/artist":
            return self._popularity(asked)
        root, _, mbid = path.rpartition("/")
        if root == "/1/popularity/top-recordings-for-artist":
            return self._top_recordings(asked, mbid)
        if path == "/1/explore/fresh-releases":
            return self._fresh_releases(asked)
        if path == "/1/stats/sitewide/artists":
            return self._artists(asked)
        if path == "/1/validate-token":
            self._signed(asked)
            return {"code": 200, "message": "Token valid.", "valid": True, "user_name": "simulated-listener"}
        raise _Refused(404, "The requested URL was not found on the server.")

    def _signed(self, asked: Asked) -> None:
        header = asked.headers.get("authorization", "")
        if not header:
            raise _Refused(401, WANTS_TOKEN)
        word, _, token = header.partition(" ")
        if word.lower() != "token" or not token or self._token not in {None, token}:
            raise _Refused(401, "Invalid authorization token.")

    def _popularity(self, asked: Asked) -> list[dict[str, Any]]:
        """Answer for each MBID in the order asked; null for what nobody is known to have listened to."""
        try:
            mbids = json.loads(asked.body)["artist_mbids"]
        except (ValueError, KeyError, TypeError):
            expected = "artist_mbids JSON element must be present and contain a list of artist_mbids"
            raise _Refused(400, expected) from None
        for mbid in mbids:
            if not isinstance(mbid, str) or not is_mbid(mbid):
                raise _Refused(400, f"artist_mbid {mbid} is not valid.")
        if not mbids:
            raise _Refused(400, "At least one valid artist_mbid must be present.")
        if len(mbids) > BATCH:
            raise _Refused(400, f"Maximum number of artist_mbids that can be fetched at once is {BATCH}")
        day = self._world.effective(asked.ordinal)
        return [{"artist_mbid": mbid, **self._counts(mbid, day)} for mbid in mbids]

    def _counts(self, mbid: str, day: int) -> dict[str, int | None]:
        index = self._elsewhere.of_mbid(mbid)
        count = None if index is None or self._silent(index) else self._audience.of_artist(index, day)
        known = count is not None and count.plays > 0
        return {
            "total_listen_count": count.plays if known and count else None,
            "total_user_count": count.people if known and count else None,
        }

    def _silent(self, index: int) -> bool:
        return self._elsewhere.quirks and unit(self._catalogue.life(index).key, _SILENT) < 0.01

    def _top_recordings(self, asked: Asked, mbid: str) -> list[dict[str, Any]]:
        if not is_mbid(mbid):
            raise _Refused(400, f"artist_mbid: '{mbid}' is not a valid uuid")
        self._signed(asked)
        index, day = self._elsewhere.of_mbid(mbid), self._world.effective(asked.ordinal)
        if index is None or self._silent(index):
            return []
        found = []
        for release, position, song, count in self._audience.top_recordings(index, day, _RECORDINGS):
            if not count.plays:
                continue
            bits = mix(song_key(self._catalogue.life(index).key, song))
            shown = self._catalogue.simple_track_object(release, 0, position)
            release_mbid = self._elsewhere.mbids.encode(RELEASE, index, release.slot)
            found.append(
                {
                    "artist_mbids": [mbid],
                    "artist_name": self._catalogue.name(index),
                    "artists": [
                        {
                            "artist_credit_name": self._catalogue.name(index),
                            "artist_mbid": mbid,
                            "join_phrase": "",
                        }
                    ],
                    "caa_id": bits >> 30,
                    "caa_release_mbid": release_mbid,
                    "length": shown["duration_ms"],
                    "recording_mbid": self._elsewhere.mbids.encode(RECORDING, index, song.slot, song.number),
                    "recording_name": shown["name"],
                    "release_color": {"blue": bits & 255, "green": bits >> 8 & 255, "red": bits >> 16 & 255},
                    "release_mbid": release_mbid,
                    "release_name": self._catalogue.album_name(release),
                    "tags": [{"count": 1, "tag": genre} for genre in self._catalogue.genres(index)],
                    "total_listen_count": count.plays,
                    "total_user_count": count.people,
                }
            )
        return found

    def _fresh_releases(self, asked: Asked) -> dict[str, Any]:
        """Answer with the releases around a day, those to come included."""
        days = _whole(asked, "days", 14)
        if not 1 <= days <= 90:
            raise _Refused(400, "days must be between 1 and 90.")
        sort = asked.query.get("sort", "release_date")
        if sort not in _SORTS:
            raise _Refused(400, "sort must be one of 'release_date', 'artist_credit_name' or 'release_name'.")
        try:
            pivot = date.fromisoformat(asked.query.get("release_date") or asked.day.isoformat()).toordinal()
        except ValueError:
            raise _Refused(400, "Cannot parse date. Must be in YYYY-MM-DD format.") from None
        first = pivot - days if _truth(asked, "past") else pivot
        last = pivot + days if _truth(asked, "future") else pivot
        releases = [
            self._fresh(release, asked.ordinal)
            for release, _ in self._catalogue.released_between(first, last)
            if self._elsewhere.ties(release.artist).musicbrainz
        ]
        releases.sort(key=lambda row: (row[sort], row["release_mbid"]))
        return {"payload": {"releases": releases, "total_count": len(releases)}}

    def _fresh(self, release: Release, day: int) -> dict[str, Any]:
        mbids, index = self._elsewhere.mbids, release.artist
        mbid = mbids.encode(RELEASE, index, release.slot)
        plays = sum(self._audience.of_recording(release, song, day).plays for song in release.songs)
        key = mix(index, release.slot)
        covered = unit(key, _COVER) < 2 / 3  # the rest has no cover in the archive
        row = {
            "artist_credit_name": self._catalogue.name(index),
            "artist_mbids": [self._elsewhere.mbid(index)],
            "caa_id": key >> 30 if covered else None,
            "caa_release_mbid": mbid if covered else None,
            "listen_count": plays,
            "release_date": date.fromordinal(release.day).isoformat(),
            "release_group_mbid": mbids.encode(RELEASE_GROUP, index, release.slot),
            "release_mbid": mbid,
            "release_name": self._catalogue.album_name(release),
            "release_tags": self._catalogue.genres(index),
        }
        # What a release group has no type of is not there at all.
        if not self._elsewhere.quirks or unit(key, _TYPED) < 0.98:
            row["release_group_primary_type"] = _PRIMARY[release.form]
        if release.form == "compilation":
            row["release_group_secondary_type"] = "Compilation"
        return row

    def _artists(self, asked: Asked) -> dict[str, Any]:
        """Answer with the artists most listened to by everyone, over a range of days."""
        span = asked.query.get("range", "all_time")
        if span not in _DAYS:
            raise _Refused(400, f"Invalid range: {span}")
        count = min(BATCH, _whole(asked, "count", 25))
        offset = _whole(asked, "offset", 0)
        ranked = self._ranked(span, self._world.effective(asked.ordinal))
        shown = [
            {
                "artist_mbid": self._elsewhere.mbid(index),
                "artist_name": self._catalogue.name(index),
                "listen_count": plays,
            }
            for plays, index in ranked[offset : offset + count]
        ]
        end = datetime.combine(asked.day, time(), UTC)
        start = (
            max(end - timedelta(days=_DAYS[span]), datetime(2005, 1, 1, tzinfo=UTC))
            if span != "all_time"
            else None
        )
        return {
            "payload": {
                "artists": shown,
                "count": len(shown),
                "from_ts": int((start or datetime(2002, 10, 1, tzinfo=UTC)).timestamp()),
                "last_updated": int(end.timestamp()),
                "offset": offset,
                "range": span,
                "to_ts": int(end.timestamp()),
            }
        }

    def _ranked(self, span: str, day: int) -> list[tuple[int, int]]:
        ranked = self._sitewide.get((span, day))
        if ranked is None:
            there = [
                index
                for index in range(self._catalogue.size)
                if self._elsewhere.ties(index).musicbrainz and not self._silent(index)
            ]
            first, of_artist = day - _DAYS[span], self._audience.of_artist
            found = [(of_artist(one, day).plays - of_artist(one, first).plays, one) for one in there]
            ranked = sorted((row for row in found if row[0]), key=lambda row: (-row[0], row[1]))[:BATCH]
            self._sitewide = {(span, day): ranked}
        return ranked


def _whole(asked: Asked, name: str, default: int) -> int:
    text = asked.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise _Refused(400, f"Invalid {name} argument: {text}")
    return int(text)


def _truth(asked: Asked, name: str) -> bool:
    text = asked.query.get(name, "true").lower()
    if text not in {"true", "false"}:
        raise _Refused(400, f"Invalid {name} argument: {text}")
    return text == "true"
