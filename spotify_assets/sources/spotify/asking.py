"""Asking Spotify for as much as an app may see, with the fewest calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from spotify_assets.sources.http.request import Request, Response
from spotify_assets.sources.protocol import NotAllowed, UpstreamUnavailable
from spotify_assets.sources.records import RECENT_DAYS
from spotify_assets.sources.release_dates import all_recent, is_recent
from spotify_assets.sources.spotify import requests as send
from spotify_assets.sources.spotify.access import (
    ALBUM_BATCHES,
    ARTIST_ALBUMS,
    ARTIST_BATCHES,
    AUDIO_FEATURES,
    NEW_RELEASES,
    ONE_ARTIST,
    TOP_TRACKS,
    field_name,
)
from spotify_assets.sources.spotify.calls import Calls
from spotify_assets.sources.spotify.envelope import items_of, pair
from spotify_assets.sources.spotify.paging import album_page, turn_pages, with_ids

MOST_ODD = 10
"""Most artists asked for again alone; where more are answered with others, the upstream is out of order."""


@dataclass(frozen=True, kw_only=True)
class Asking(Calls):
    """One observation's way of asking.

    Attributes:
        market: Market for what is not asked per market.
        again: Ask also what is remembered as refused.
    """

    market: str
    again: bool = False

    async def artists(self, ids: Sequence[str]) -> None:
        """Ask for artists, in batches if possible and else one by one.

        Who is answered with another who was asked for was merged, or an answer was repeated. Asked for again
        alone, who was merged is answered as before.
        """
        answered: dict[str, str] = {}
        batches = list(send.batches("artists", "/artists", ids, send.ARTISTS_IN_BATCH))
        noting = replace(self, seen=lambda request, answer: answered.update(_answered_ids(request, answer)))
        left = await noting.capable(ARTIST_BATCHES, batches)
        odd = _doubled(answered)[:MOST_ODD]
        await self.every(list(send.batches("artists", "/artists", odd, 1)))
        alone = [send.one_artist(artist_id) for request in left for artist_id in _ids(request)]
        await self.granted_by(ONE_ARTIST, alone)
        await self.settle()

    async def top_tracks(self, requests: Sequence[Request]) -> None:
        """Ask for lists of top tracks.

        Raises:
            NotAllowed: This app may not see top tracks.
        """
        if not await self.allows(TOP_TRACKS, requests):
            why = self.access.why_not(TOP_TRACKS)
            raise NotAllowed(
                f"{self.session.source} does not let this app see artists' top tracks ({why}). Deezer and "
                "Last.fm tell theirs: see SOURCES",
                why,
                checked=True,
            )

    async def new_releases(self, keys: Sequence[str]) -> None:
        """Ask for new releases: the list of all, or else a search and each artist's own.

        Args:
            keys: Artist ids, or what `expected` named (see `release_key`).
        """
        first = send.new_releases()
        answer = await self._first_page(first)
        if answer is not None:
            albums = await turn_pages(self.api, self.session, first, answer=answer)
            await self._album_details(albums)
            await self.settle()
            return
        named = [key for key in keys if ":" in key]
        wanted = named or [
            send.LIST_KEY,
            *(send.release_key(key, group) for key in keys for group in send.RELEASE_GROUPS),
        ]
        albums = []
        if send.LIST_KEY in wanted:
            try:
                albums += await turn_pages(
                    self.api, self.session, send.newest_albums(self.market), most=send.SEARCH_PAGES
                )
                self.believe()
            except UpstreamUnavailable as error:
                self.session.fail(str(error))
        albums += await self._releases_of([key for key in wanted if key != send.LIST_KEY])
        await self._album_details(list(dict.fromkeys(albums)))
        await self.settle()

    async def probe(self, artist_id: str) -> None:
        """Find out what is not known yet, with one call each; nothing is landed.

        What every app may ask comes after what may be refused: its answer shows that not all is refused.

        Args:
            artist_id: An artist that exists, to ask about.
        """
        album_ids: list[str] = []
        track_ids: list[str] = []

        def note(answer: Response) -> None:
            self._look_at(answer)
            data = answer.data if isinstance(answer.data, dict) else {}
            album_ids.extend(str(album["id"]) for album in with_ids(album_page(data) or {}))
            track_ids.extend(str(track["id"]) for track in with_ids({"items": data.get("tracks")}))

        batch = list(send.batches("artists", "/artists", [artist_id], 1))
        batched = await self._learn(ARTIST_BATCHES, batch[0], note)
        await self._learn(TOP_TRACKS, send.top_tracks(artist_id, self.market), note)
        if await self._learn(NEW_RELEASES, send.new_releases(), note) is False or not album_ids:
            page = send.artist_albums(artist_id, "album", self.market)
            await self.granted_by(ARTIST_ALBUMS, [page], lambda _, answer: note(answer))
        # Any track tells; one that does not exist is answered like one that does.
        features = list(send.batches("audio features", "/audio-features", (track_ids or [artist_id])[:1], 1))
        await self._learn(AUDIO_FEATURES, features[0], note)
        if album_ids:
            albums = list(send.batches("albums", "/albums", album_ids[:1], 1))
            await self._learn(ALBUM_BATCHES, albums[0], note)
        if batched is False:
            await self.granted_by(ONE_ARTIST, [send.one_artist(artist_id)])
        await self.settle()
        self.access.conclude()

    async def _learn(self, call: str, request: Request, note: Callable[[Response], None]) -> bool:
        """Make a call whose outcome is not remembered, or trust what is."""
        if self.access.may(call) is False and not self.again:
            return False
        answer = await self.api.send(request, self.session)
        self.stop_if_closed(answer)
        if answer.status == 403:
            self.refuse(call, answer)
            return False
        self.grant(call)
        note(answer)
        self.changed()
        return True

    async def _first_page(self, first: Request) -> Response | None:
        """The first page of new releases, or None if this app may not see the list."""
        may = self.access.may(NEW_RELEASES)
        if may is False:
            return None
        answer = await self.api.send(first, self.session)
        self.stop_if_closed(answer)
        if answer.status == 403 and may:
            answer = await self.api.send(first, self.session)  # contradicts what is remembered: make sure
        if answer.status == 403:
            self.refuse(NEW_RELEASES, answer)
            return None
        self.grant(NEW_RELEASES)
        return answer

    async def _releases_of(self, keys: Sequence[str]) -> list[str]:
        """The first pages of artists' own lists, and more where a whole page is recent."""
        found: list[str] = []
        since = (self.session.day or self.session.clock.now().date()) - timedelta(days=RECENT_DAYS)
        further: list[tuple[Request, Response]] = []

        def note(request: Request, answer: Response) -> None:
            page = album_page(answer.data) or {}
            found.extend(str(album["id"]) for album in with_ids(page) if is_recent(album, since))
            if answer.status == 200 and page.get("next") and all_recent(with_ids(page), since):
                further.append((request, answer))

        await self.granted_by(ARTIST_ALBUMS, [_release_question(key, self.market) for key in keys], note)
        for request, answer in further:
            found += await turn_pages(
                self.api,
                self.session,
                request,
                answer=answer,
                further=lambda page: all_recent(with_ids(page), since),
            )
        return found

    async def _album_details(self, albums: Sequence[str]) -> None:
        """Ask for what a list leaves out of albums: popularity, label, codes; worth batches, and no more."""
        ids, odd = send.askable(albums)
        for _ in odd:
            self.session.fail("no details for an album whose id is none of Spotify's")
        params = (("market", self.market),)
        batches = list(send.batches("albums", "/albums", ids, send.ALBUMS_IN_BATCH, params))
        left = await self.capable(ALBUM_BATCHES, batches)
        if left and self.access.may(field_name("album", "popularity")) is not False:
            # Whether single calls would tell more is not known: one call shows it.
            single = send.one_album(_ids(left[0])[0], self.market)
            await self.every([single], self.answered)
            if self.access.saw("album", "popularity"):
                rest = [album_id for request in left for album_id in _ids(request)][1:]
                await self.every([send.one_album(album_id, self.market) for album_id in rest])


def _answered_ids(request: Request, answer: Response) -> dict[str, str]:
    """The id that stands in the answer to each id of a batch of artists, for those that have one."""
    answers = items_of(answer.data, "artists")[0] if isinstance(answer.data, dict) else []
    return {
        asked: str(piece["id"])
        for asked, piece in pair(_ids(request), answers)
        if asked is not None and isinstance(piece, dict) and "id" in piece
    }


def _doubled(answered: Mapping[str, str]) -> list[str]:
    """Who alone was answered with another who was asked for and answered too."""
    others = Counter(other for asked, other in answered.items() if asked != other)
    return [
        asked
        for asked, other in answered.items()
        if asked != other and answered.get(other) == other and others[other] == 1
    ]


def _ids(request: Request) -> list[str]:
    ids = request.context.get("ids")
    return [str(each) for each in ids] if isinstance(ids, list) else []


def _release_question(key: str, market: str) -> Request:
    artist_id, _, group = key.removeprefix("artist:").partition("/")
    return send.artist_albums(artist_id, group, market)
