"""Asking Spotify for as much as an app may see, with the fewest calls.

Belongs here: what is asked when a call is refused, for each entity. Does not belong here: the questions' form
(`questions`), what is remembered (`access`), sending (`sources.http`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from spotify_assets.sources.base import NotAllowed, UpstreamUnavailable
from spotify_assets.sources.http import PoliteClient
from spotify_assets.sources.question import Answer, Question
from spotify_assets.sources.records import RECENT_DAYS
from spotify_assets.sources.spotify import questions as ask
from spotify_assets.sources.spotify.access import (
    ALBUM_BATCHES,
    ARTIST_ALBUMS,
    ARTIST_BATCHES,
    AUDIO_FEATURES,
    NEW_RELEASES,
    ONE_ARTIST,
    TOP_TRACKS,
    Access,
    field_name,
)
from spotify_assets.sources.spotify.dates import all_recent, is_recent
from spotify_assets.sources.spotify.paging import album_page, turn_pages, with_ids
from spotify_assets.sources.visit import Visit
from spotify_assets.sources.wording import said

LIST_KEY = "list:search"
"""Key of the search for new albums among what `expected` names for new releases."""


def release_key(artist_id: str, group: str) -> str:
    """Key of an artist's newest releases of one kind."""
    return f"artist:{artist_id}/{group}"


@dataclass(frozen=True, slots=True)
class Asking:
    """One observation's way of asking.

    Attributes:
        api: Sends.
        access: What the app may see; corrected by what is met.
        visit: The observation.
        market: Market for what is not asked per market.
        changed: Called when it was learnt whether a call is granted.
    """

    api: PoliteClient
    access: Access
    visit: Visit
    market: str
    changed: Callable[[], None] = lambda: None

    async def artists(self, ids: Sequence[str]) -> None:
        """Ask for artists, in batches if possible and else one by one."""
        batches = list(ask.batches("artists", "/artists", ids, ask.ARTISTS_IN_BATCH))
        left = await self.capable(ARTIST_BATCHES, batches)
        alone = [ask.one_artist(artist_id) for question in left for artist_id in _ids(question)]
        await self._granted_by(ONE_ARTIST, alone)

    async def top_tracks(self, questions: Sequence[Question]) -> None:
        """Ask for lists of top tracks.

        Raises:
            NotAllowed: This app may not see top tracks.
        """
        if await self.capable(TOP_TRACKS, questions):
            why = self.access.why_not(TOP_TRACKS)
            raise NotAllowed(
                f"{self.visit.source} does not let this app see artists' top tracks ({why}). Deezer and "
                "Last.fm tell theirs: see SOURCES",
                why,
            )

    async def new_releases(self, keys: Sequence[str]) -> None:
        """Ask for new releases: the list of all, or else a search and each artist's own.

        Args:
            keys: Artist ids, or what `expected` named (see `release_key`).
        """
        first = ask.new_releases()
        answer = await self._first_page(first)
        if answer is not None:
            albums = await turn_pages(self.api, self.visit, first, answer=answer)
            await self._album_details(albums)
            return
        named = [key for key in keys if ":" in key]
        wanted = named or [
            LIST_KEY,
            *(release_key(key, group) for key in keys for group in ask.RELEASE_GROUPS),
        ]
        albums = []
        if LIST_KEY in wanted:
            try:
                albums += await turn_pages(
                    self.api, self.visit, ask.newest_albums(self.market), most=ask.SEARCH_PAGES
                )
            except UpstreamUnavailable as error:
                self.visit.fail(str(error))
        albums += await self._releases_of([key for key in wanted if key != LIST_KEY])
        await self._album_details(list(dict.fromkeys(albums)))

    async def probe(self, artist_id: str) -> None:
        """Find out what is not known yet, with one call each; nothing is landed.

        Args:
            artist_id: An artist that exists, to ask about.
        """
        album_ids: list[str] = []
        track_ids: list[str] = []

        def note(answer: Answer) -> None:
            self._look_at(answer)
            data = answer.data if isinstance(answer.data, dict) else {}
            album_ids.extend(str(album["id"]) for album in with_ids(album_page(data) or {}))
            track_ids.extend(str(track["id"]) for track in with_ids({"items": data.get("tracks")}))

        batch = list(ask.batches("artists", "/artists", [artist_id], 1))
        if await self._learn(ARTIST_BATCHES, batch[0], note) is False:
            await self._granted_by(ONE_ARTIST, [ask.one_artist(artist_id)])
        await self._learn(TOP_TRACKS, ask.top_tracks(artist_id, self.market), note)
        if await self._learn(NEW_RELEASES, ask.new_releases(), note) is False or not album_ids:
            page = ask.artist_albums(artist_id, "album", self.market)
            await self._granted_by(ARTIST_ALBUMS, [page], lambda _, answer: note(answer))
        if album_ids:
            albums = list(ask.batches("albums", "/albums", album_ids[:1], 1))
            await self._learn(ALBUM_BATCHES, albums[0], note)
        # Any track tells; one that does not exist is answered like one that does.
        features = list(ask.batches("audio features", "/audio-features", (track_ids or [artist_id])[:1], 1))
        await self._learn(AUDIO_FEATURES, features[0], note)
        self.access.conclude()

    async def _granted_by(
        self,
        call: str,
        questions: Sequence[Question],
        note: Callable[[Question, Answer], None] = lambda _, __: None,
    ) -> None:
        """Ask questions of a call that every app is said to be granted, and note that it was."""
        answered: list[Answer] = []

        def handle(question: Question, answer: Answer) -> None:
            if answer.status == 200 and not answered:
                answered.append(answer)
                self.access.granted(call)
            note(question, answer)

        await self.every(questions, handle)

    async def _learn(self, call: str, question: Question, note: Callable[[Answer], None]) -> bool:
        """Make a call whose outcome is not remembered, or trust what is."""
        known = self.access.may(call)
        if known is False:
            return False
        answer = await self.api.ask(question, self.visit)
        self._stop_if_closed(answer)
        if answer.status == 403:
            self._refused(call, answer)
            return False
        self.access.granted(call)
        note(answer)
        self.changed()
        return True

    async def _first_page(self, first: Question) -> Answer | None:
        """The first page of new releases, or None if this app may not see the list."""
        may = self.access.may(NEW_RELEASES)
        if may is False:
            return None
        answer = await self.api.ask(first, self.visit)
        self._stop_if_closed(answer)
        if answer.status == 403 and may:
            answer = await self.api.ask(first, self.visit)  # contradicts what is remembered: make sure
        if answer.status == 403:
            self._refused(NEW_RELEASES, answer)
            return None
        self.access.granted(NEW_RELEASES)
        return answer

    async def _releases_of(self, keys: Sequence[str]) -> list[str]:
        """The first pages of artists' own lists, and more where a whole page is recent."""
        found: list[str] = []
        since = (self.visit.day or self.visit.clock.now().date()) - timedelta(days=RECENT_DAYS)
        further: list[tuple[Question, Answer]] = []

        def note(question: Question, answer: Answer) -> None:
            page = album_page(answer.data) or {}
            found.extend(str(album["id"]) for album in with_ids(page) if is_recent(album, since))
            if answer.status == 200 and page.get("next") and all_recent(with_ids(page), since):
                further.append((question, answer))

        await self._granted_by(ARTIST_ALBUMS, [_release_question(key, self.market) for key in keys], note)
        for question, answer in further:
            found += await turn_pages(
                self.api,
                self.visit,
                question,
                answer=answer,
                further=lambda page: all_recent(with_ids(page), since),
            )
        return found

    async def _album_details(self, albums: Sequence[str]) -> None:
        """Ask for what a list leaves out of albums: popularity, label, codes; worth batches, and no more."""
        ids, odd = ask.askable(albums)
        for album_id in odd:
            self.visit.fail(f"no details for the album {album_id[:40]!r}: that is no Spotify id")
        params = (("market", self.market),)
        batches = list(ask.batches("albums", "/albums", ids, ask.ALBUMS_IN_BATCH, params))
        left = await self.capable(ALBUM_BATCHES, batches)
        if left and self.access.may(field_name("album", "popularity")) is not False:
            # Whether single calls would tell more is not known: one call shows it.
            single = ask.one_album(_ids(left[0])[0], self.market)
            await self.every([single])
            if self.access.saw("album", "popularity"):
                rest = [album_id for question in left for album_id in _ids(question)][1:]
                await self.every([ask.one_album(album_id, self.market) for album_id in rest])

    async def capable(self, call: str, questions: Sequence[Question]) -> list[Question]:
        """Ask questions that all make one call, as long as it is granted.

        Unknown: the first question is the probe. Remembered as granted and refused all the same: asked once
        more to make sure, and then remembered as refused.

        Returns:
            The questions that this app may not ask.
        """
        may = self.access.may(call)
        if not questions or may is False:
            return list(questions)
        todo = list(questions)
        if may is None:
            left, refusal = await self._until_refused(call, todo[:1])
            if refusal is not None:
                self._refused(call, refusal)
                return todo
            todo = todo[1:]
        left, refusal = await self._until_refused(call, todo)
        if refusal is None:
            return []
        sure, again = await self._until_refused(call, left[:1])
        if again is None:  # it was a slip
            left, again = await self._until_refused(call, left[1:])
        else:
            left = [*sure, *left[1:]]
        if again is not None:
            self._refused(call, again)
        return left

    async def _until_refused(
        self, call: str, questions: Sequence[Question]
    ) -> tuple[list[Question], Answer | None]:
        """Ask until the call is refused: the questions without an answer because of that, and the refusal."""
        refused: list[tuple[Question, Answer]] = []
        unasked: list[Question] = []
        answered: list[Question] = []

        def some() -> Iterator[Question]:
            for question in questions:
                if refused:
                    unasked.append(question)
                else:
                    yield question

        def note(question: Question, answer: Answer) -> None:
            self._stop_if_closed(answer)
            if answer.status == 403:
                refused.append((question, answer))
            elif answer.status == 200 and not answered:
                answered.append(question)
                self.access.granted(call)
                self.changed()

        await self.every(some(), note)
        return [question for question, _ in refused] + unasked, refused[0][1] if refused else None

    def _refused(self, call: str, answer: Answer) -> None:
        self.access.refused(call, f": HTTP 403{said(answer.data)}")
        self.changed()

    def _stop_if_closed(self, answer: Answer) -> None:
        """Tell an app that is closed altogether from one that may not make a call.

        Raises:
            NotAllowed: The app's owner has no Premium subscription, so the app may do nothing.
        """
        words = said(answer.data)
        if answer.status == 403 and "premium" in words.lower():
            raise NotAllowed(
                f"{self.visit.source} answers this app nothing at all (HTTP 403{words}): the account "
                "that owns the app needs Spotify Premium; then run again"
            )

    async def every(
        self,
        questions: Iterator[Question] | Sequence[Question],
        note: Callable[[Question, Answer], None] | None = None,
    ) -> None:
        """Ask; a batch refused because of one bad id (HTTP 400) is asked again in two halves."""
        todo: list[Question] | Iterator[Question] = iter(questions)
        while True:
            bad: list[Question] = []

            def handle(question: Question, answer: Answer, bad: list[Question] = bad) -> None:
                if answer.status == 400:
                    bad.append(question)
                    return
                self._look_at(answer)
                if note is not None:
                    note(question, answer)

            await self.api.ask_all(todo, self.visit, handle)
            parts: list[Question] = []
            for question in bad:
                if not (halves := ask.halves(question)):
                    self.visit.fail(f"{question.label}: {self.visit.source} calls the request bad (HTTP 400)")
                parts += halves
            if not parts:
                return
            todo = iter(parts)

    def _look_at(self, answer: Answer) -> None:
        """Learn which fields there are."""
        data = answer.data
        if answer.status != 200 or not isinstance(data, dict):
            return
        for kind in ("artist", "track"):
            pieces = data.get(f"{kind}s")
            if isinstance(pieces, list):
                self.access.look_at(kind, pieces)
        albums = data.get("albums")
        if isinstance(albums, list):  # a page's albums are simplified and lack these fields for every app
            self.access.look_at("album", albums)
        if data.get("type") in {"artist", "album", "track"}:
            self.access.look_at(str(data["type"]), [data])


def _ids(question: Question) -> list[str]:
    ids = question.request.get("ids")
    return [str(each) for each in ids] if isinstance(ids, list) else []


def _release_question(key: str, market: str) -> Question:
    artist_id, _, group = key.removeprefix("artist:").partition("/")
    return ask.artist_albums(artist_id, group, market)
