"""Deezer as a `Source`: which questions observe an entity.

Limits: 50 requests in 5 seconds (https://developers.deezer.com/guidelines); there are no batches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from spotify_assets.settings import Settings
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.deezer.faults import reads_fault
from spotify_assets.sources.deezer.parse import (
    ARTIST,
    EDITORIAL,
    EDITORIAL_PAGES,
    MOST_TOP_TRACKS,
    PAGE_SIZE,
    has_next,
    next_index,
    parse,
)
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota
from spotify_assets.sources.http.refusals import deezer_form
from spotify_assets.sources.http.request import Limits, Request, Response, user_agent
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.observer import Observer, contact, simulated_url
from spotify_assets.sources.parsing import WORLDWIDE
from spotify_assets.sources.protocol import ARTIST_ENTITIES, Entity, Usage
from spotify_assets.sources.records import Parsed
from spotify_assets.sources.state import State

REQUESTS_PER_SECOND = 10.0

_CONTROL = Request("an artist that everybody may see", "/artist/27", landed=False)
_ID = re.compile(r"[0-9]{1,20}")


class DeezerSource:
    """Observes Deezer, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        api_url: str,
        quota: Quota | None = None,
        agent: str | None = None,
        requests_per_second: float | None = REQUESTS_PER_SECOND,
        can_observe_past: bool = False,
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        run_id: str = "",
    ) -> None:
        """Prepare; nothing is sent before something is observed.

        Args:
            name: Value of the ``source`` column.
            api_url: Base URL.
            quota: Leave to call; ``None`` for books of its own.
            agent: User-Agent; see `user_agent`.
            requests_per_second: Pace; ``None`` for none.
            can_observe_past: The upstream's "now" follows the header ``X-Simulated-Date``.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        self.name = name
        self.namespace = "simulated-deezer" if can_observe_past else "deezer"
        self.entities: frozenset[Entity] = frozenset(ARTIST_ENTITIES)
        self.can_observe_past = can_observe_past
        if quota is not None:
            quota.limit(requests_per_second, None)
        self._api = PoliteClient(
            api_url,
            concurrency=8,
            requests_per_second=requests_per_second,
            quota=quota,
            reads_fault=reads_fault,
            own_error=deezer_form,
            user_agent=agent,
            limits=limits,
            clock=clock,
        )
        self._observer = Observer(
            name,
            self._api,
            clock=clock,
            run_id=run_id,
            can_observe_past=can_observe_past,
            control=_CONTROL,
        )

    @classmethod
    def from_settings(
        cls, settings: Settings, memory: State, *, name: str, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
    ) -> DeezerSource:
        """The upstream that `name` says: ``deezer`` or ``simulated-deezer``.

        Raises:
            SettingsError: The simulated upstream is chosen and none is running.
        """
        simulated = name != "deezer"
        return cls(
            name,
            api_url=simulated_url(settings, "/deezer") if simulated else settings.deezer_api_url,
            quota=memory.quota(name, "none"),
            agent=user_agent(contact(settings)),
            requests_per_second=None if simulated else REQUESTS_PER_SECOND,
            can_observe_past=simulated,
            clock=clock,
            run_id=run_id,
        )

    def cost(self, entity: Entity, artists: int) -> int:
        """The calls that observing `entity` of so many artists takes.

        Exact for artists and top tracks; releases take one more for each further 100 albums of an artist.
        """
        return artists + EDITORIAL_PAGES if entity == "new_releases" else artists

    def expected(self, entity: Entity, keys: Sequence[str]) -> list[str]:
        """Ids, ``ID/XW`` for ``top_tracks``, or ``artist:ID`` and ``editorial:0`` for ``new_releases``."""
        ids = list(dict.fromkeys(keys))
        if entity == "top_tracks":
            return [f"{key}/{WORLDWIDE}" for key in ids]
        return [*(f"{ARTIST}{key}" for key in ids), EDITORIAL] if entity == "new_releases" else ids

    async def observe(self, entity: Entity, day: date, keys: Sequence[str], sink: Sink) -> Usage:
        """Ask for `entity` as it is on `day` and hand every response to `sink`.

        Raises:
            SourceError: The rest cannot be asked for; what was received is with the sink.
        """
        known = list(dict.fromkeys(key.partition("/")[0].removeprefix(ARTIST) for key in keys))
        odd = [
            "an id that is none of Deezer's (digits only) was not asked for"
            for key in known
            if not _ID.fullmatch(key) and key != EDITORIAL
        ]
        ids = [key for key in known if _ID.fullmatch(key)]
        if entity == "new_releases":
            lists = [_albums(key) for key in ids] + ([_editorial()] if EDITORIAL in known else [])

            async def send(session: ObservationSession) -> None:
                await self._turn_pages(lists, session)

            return await self._observer.session(entity, day, sink, len(lists), send, odd)
        make = _artist if entity == "artists" else _top_tracks
        return await self._observer.observe(entity, day, sink, [make(key) for key in ids], odd)

    async def _turn_pages(self, lists: Sequence[Request], session: ObservationSession) -> None:
        """Ask for lists and their further pages, all lists at once, page by page."""
        todo = list(lists)
        while todo:
            further: list[Request] = []
            await self._observer.send_all(todo, session, _collect(further, session))
            todo = further

    async def search_artists(self, name: str, limit: int = 5) -> list[dict[str, Any]]:
        """Find artists by name, best match first, as Deezer's artist objects; nothing is landed.

        Raises:
            SourceError: The upstream cannot be asked.
        """
        request = Request(
            "artists of a name",
            "/search/artist",
            (("q", name), ("limit", str(limit))),
            answers=frozenset(),  # nobody of a name is an empty list
            is_response=lambda data: isinstance(data, dict) and isinstance(data.get("data"), list),
        )
        found = (await self._observer.look_up(request, "artists looked up")).data["data"]
        return [piece for piece in found if isinstance(piece, dict)]

    async def name_of(self, artist_id: str) -> str | None:
        """What an artist is called, looked up by id; None if Deezer does not know it. Nothing is landed.

        Raises:
            SourceError: The upstream cannot be asked.
        """
        data = (await self._observer.look_up(_artist(artist_id), "artists looked up")).data
        name = data.get("name") if isinstance(data, dict) else None
        return name if isinstance(name, str) and name else None

    def parse(self, entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
        """Read landed responses; never asks the upstream anything."""
        return parse(entity, exchanges)

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()


def _artist(artist_id: str) -> Request:
    return Request("an artist", f"/artist/{artist_id}", context={"artist_id": artist_id})


def _top_tracks(artist_id: str) -> Request:
    return Request(
        "top tracks of an artist",
        f"/artist/{artist_id}/top",
        (("limit", str(MOST_TOP_TRACKS)),),
        {"artist_id": artist_id},
    )


def _albums(artist_id: str) -> Request:
    return _page("albums of an artist", f"/artist/{artist_id}/albums", ARTIST + artist_id, 0)


def _editorial() -> Request:
    return _page("editorial releases", "/editorial/0/releases", EDITORIAL, 0)


def _page(label: str, path: str, key: str, index: int) -> Request:
    params = (("limit", str(PAGE_SIZE)), *((("index", str(index)),) if index else ()))
    return Request(label, path, params, {"key": key, "index": index})


def _collect(further: list[Request], session: ObservationSession) -> Callable[[Request, Response], None]:
    """Note the page after each answered one; its address is made here, never taken from the response."""

    def handle(request: Request, answer: Response) -> None:
        key, index = str(request.context["key"]), request.context["index"]
        at = index if isinstance(index, int) else 0
        if (following := next_index(key, at, answer.data)) is not None:
            further.append(_page(request.label, request.path, key, following))
        elif key != EDITORIAL and has_next(answer.data):
            session.fail(f"{request.label}: more than {at + PAGE_SIZE} albums; the rest was not asked for")

    return handle
