"""The Web API's calls about the signed-in person, under ``/v1/me``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import Any

from spotify_assets.simulator.catalogue import charts
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.replies import Refusal
from spotify_assets.simulator.spotify import objects
from spotify_assets.simulator.spotify.access import Session
from spotify_assets.simulator.spotify.call import Call
from spotify_assets.simulator.spotify.objects import Json
from spotify_assets.simulator.world.listener import RANGES, Listener

_Answer = Callable[["Call", Listener, frozenset[str]], Json]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_KEPT_PLAYS = 50

# Path after /v1/ -> the scope it needs (developer.spotify.com/documentation/web-api/concepts/scopes).
SCOPE: Mapping[str, str | None] = {
    "me": None,
    "me/top/artists": "user-top-read",
    "me/top/tracks": "user-top-read",
    "me/player/recently-played": "user-read-recently-played",
    "me/tracks": "user-library-read",
    "me/albums": "user-library-read",
    "me/playlists": "playlist-read-private",
    "me/following": "user-follow-read",
}


class Me:
    """Answers what a signed-in person's apps may ask."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Know nobody yet."""
        self._catalogue = catalogue
        self._listeners: dict[str, Listener] = {}
        self._answers: dict[str, _Answer] = {
            "me": self._profile,
            "me/top/artists": self._top_artists,
            "me/top/tracks": self._top_tracks,
            "me/player/recently-played": self._recently_played,
            "me/tracks": self._tracks,
            "me/albums": self._albums,
            "me/playlists": self._playlists,
            "me/following": self._following,
        }

    def answer(self, path: str, call: Call, session: Session | None) -> Json:
        """Return the answer to one GET, with every field of extended mode.

        Raises:
            Refusal: No such call, no person behind the token, or a scope they did not agree to.
        """
        if path not in self._answers:
            raise Refusal(404, "Service not found")
        if session is None or session.user is None:
            raise Refusal(401, "Valid user authentication required")
        scope = SCOPE[path]
        if scope is not None and scope not in session.scopes:
            raise Refusal(403, "Insufficient client scope")
        listener = self._listeners.get(session.user)
        if listener is None:
            listener = self._listeners[session.user] = Listener(self._catalogue, session.user)
        return self._answers[path](call, listener, session.scopes)

    def _profile(self, _: Call, listener: Listener, scopes: frozenset[str]) -> Json:
        return objects.person(
            listener.name,
            email="user-read-email" in scopes,
            private="user-read-private" in scopes,
        )

    def _artist(self, index: int, day: int) -> Json:
        return self._catalogue.artist_object(index, day, *self._catalogue.artist_values(index, day))

    def _top_artists(self, call: Call, listener: Listener, _: frozenset[str]) -> Json:
        found = listener.top_artists(_span(call), call.ordinal)
        return _page(call, found, lambda index: self._artist(index, call.ordinal), "time_range")

    def _top_tracks(self, call: Call, listener: Listener, _: frozenset[str]) -> Json:
        found = listener.top_tracks(_span(call), call.ordinal)
        return _page(call, found, lambda spot: self._catalogue.track_object(*spot), "time_range")

    def _recently_played(self, call: Call, listener: Listener, _: frozenset[str]) -> Json:
        """The last fifty plays are all the service remembers."""
        limit = call.whole("limit", 20, 1, 50)
        plays = list(islice(listener.plays(_moment(call.day)), _KEPT_PLAYS))
        if "after" in call.query and "before" in call.query:
            raise Refusal(400, "Either after or before can be specified, not both")
        if "after" in call.query:
            after = call.whole("after", 0, 0, 10**14)
            plays = list(takewhile(lambda play: _millis(play.played_at) > after, plays))[-limit:]
        else:
            before = call.whole("before", 10**14, 0, 10**14)
            plays = [play for play in plays if _millis(play.played_at) < before][:limit]
        items = []
        for play in plays:
            track = self._catalogue.track_object(*play[1:])
            context = {key: track["album"][key] for key in ("type", "href", "external_urls", "uri")}
            items.append({"track": track, "played_at": _stamp(play.played_at), "context": context})
        answer: Json = {"items": items, "next": None, "cursors": None, "limit": limit}
        if plays:
            newest, oldest = (str(_millis(plays[place].played_at)) for place in (0, -1))
            answer["cursors"] = {"after": newest, "before": oldest}
            answer["next"] = f"{call.href}?before={oldest}&limit={limit}"
        return {**answer, "href": f"{call.href}?limit={limit}"}

    def _tracks(self, call: Call, listener: Listener, _: frozenset[str]) -> Json:
        def row(saved: Any) -> Json:
            release, position = saved.release, saved.position
            popularity = self._catalogue.track_popularity(release, position, call.ordinal)
            track = self._catalogue.track_object(release, 0, position, popularity)
            shown = objects.playable(track) if call.market() else track
            return {"added_at": _stamp(saved.added_at, "seconds"), "track": shown}

        return _page(call, listener.saved_tracks(call.ordinal), row, "market")

    def _albums(self, call: Call, listener: Listener, _: frozenset[str]) -> Json:
        def row(saved: Any) -> Json:
            ident = self._catalogue.album_id(saved.release)
            album = self._catalogue.album(ident, call.day, call.link(f"albums/{ident}/tracks"))
            shown = objects.playable(album) if album and call.market() else album
            return {"added_at": _stamp(saved.added_at, "seconds"), "album": shown}

        return _page(call, listener.saved_albums(call.ordinal), row, "market")

    def _playlists(self, call: Call, _: Listener, __: frozenset[str]) -> Json:
        def row(ident: str) -> Json:
            count = {"href": call.link(f"playlists/{ident}/items"), "total": charts.SIZE}
            whole = charts.playlist(self._catalogue, ident, call.day, count)
            return {name: value for name, value in whole.items() if name != "followers"}

        return _page(call, charts.playlist_ids(self._catalogue.seed), row)

    def _following(self, call: Call, listener: Listener, _: frozenset[str]) -> Json:
        if call.query.get("type") != "artist":
            raise Refusal(400, "Invalid type: only artist is supported")
        limit = call.whole("limit", 20, 1, 50)
        followed = {self._catalogue.artist_id(index): index for index in listener.followed(call.ordinal)}
        idents = sorted(followed)
        rest = [ident for ident in idents if ident > call.query.get("after", "")]
        last = rest[limit - 1] if len(rest) > limit else None
        href = f"{call.href}?type=artist&limit={limit}"
        page = {
            "href": href,
            "limit": limit,
            "next": f"{href}&after={last}" if last else None,
            "cursors": {"after": last},
            "total": len(idents),
            "items": [self._artist(followed[ident], call.ordinal) for ident in rest[:limit]],
        }
        return {"artists": page}


def _page(call: Call, found: Any, row: Callable[[Any], Json], *kept: str) -> Json:
    limit, offset = call.whole("limit", 20, 1, 50), call.whole("offset", 0, 0, 100_000)
    items = [row(one) for one in found[offset : offset + limit]]
    query = call.keep(*kept)
    return objects.page(call.href, items, limit=limit, offset=offset, total=len(found), query=query)


def _span(call: Call) -> str:
    span = call.query.get("time_range", "medium_term")
    if span not in RANGES:
        raise Refusal(400, "Invalid time_range")
    return span


def _moment(day: date) -> datetime:
    """Return until when plays are known: now on the day itself, the end of any other day."""
    now = datetime.now(UTC)
    return now if day == now.date() else datetime.combine(day, time.max, UTC)


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _stamp(moment: datetime, precision: str = "milliseconds") -> str:
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
