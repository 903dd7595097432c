"""Last.fm as a `Source`: which questions observe an entity.

Limits: about 5 requests a second (https://www.last.fm/api/tos, 4.4, and error 29); there are no batches. The
key is sent and never kept: neither in the landed URL nor in a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import SecretStr

from spotify_assets.settings import Settings, SettingsError
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota
from spotify_assets.sources.http.refusals import lastfm_form
from spotify_assets.sources.http.request import Limits, Request, user_agent
from spotify_assets.sources.lastfm.faults import reads_fault
from spotify_assets.sources.lastfm.names import name_of
from spotify_assets.sources.lastfm.parse import MOST_TOP_TRACKS, parse
from spotify_assets.sources.observer import Observer, contact, simulated_url
from spotify_assets.sources.parsing import WORLDWIDE, inner
from spotify_assets.sources.protocol import Entity, Usage
from spotify_assets.sources.records import Parsed
from spotify_assets.sources.state import State, credential_digest

REQUESTS_PER_SECOND = 5.0


class LastfmSource:
    """Observes Last.fm, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        api_url: str,
        api_key: SecretStr,
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
            api_url: Base URL, such as ``https://ws.audioscrobbler.com/2.0``.
            api_key: Key of the API.
            quota: Leave to call; ``None`` for books of its own.
            agent: User-Agent; see `user_agent`.
            requests_per_second: Pace; ``None`` for none.
            can_observe_past: The upstream's "now" follows the header ``X-Simulated-Date``.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        self.name = name
        self.namespace = "simulated-lastfm" if can_observe_past else "lastfm"
        self.entities: frozenset[Entity] = frozenset({"artists", "top_tracks"})
        self.can_observe_past = can_observe_past
        self._key = api_key
        if quota is not None:
            quota.limit(requests_per_second, None)
        self._api = PoliteClient(
            api_url,
            concurrency=4,
            requests_per_second=requests_per_second,
            quota=quota,
            reads_fault=reads_fault,
            own_error=lastfm_form,
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
            control=replace(self._question("artists", "Cher"), landed=False),
        )

    @classmethod
    def from_settings(
        cls, settings: Settings, memory: State, *, name: str, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
    ) -> LastfmSource:
        """The upstream that `name` says: ``lastfm`` or ``simulated-lastfm``.

        Raises:
            SettingsError: There is no key, or the simulated upstream is chosen and none is running.
        """
        simulated = name != "lastfm"
        key = SecretStr("no-key-is-needed") if simulated else settings.lastfm_api_key
        if key is None:
            raise SettingsError(
                "LASTFM_API_KEY is not set: get a free key at https://www.last.fm/api/account/create, or "
                "leave lastfm out of SOURCES"
            )
        return cls(
            name,
            api_url=simulated_url(settings, "/lastfm/2.0") if simulated else settings.lastfm_api_url,
            api_key=key,
            quota=memory.quota(name, credential_digest(settings.lastfm_api_key)),
            agent=user_agent(contact(settings)),
            requests_per_second=None if simulated else REQUESTS_PER_SECOND,
            can_observe_past=simulated,
            clock=clock,
            run_id=run_id,
        )

    def cost(self, entity: Entity, artists: int) -> int:
        """The calls that observing `entity` of so many artists takes; exact."""
        return artists if entity in self.entities else 0

    def expected(self, entity: Entity, keys: Sequence[str]) -> list[str]:
        """Artist ids for ``artists``, ``ID/XW`` for ``top_tracks``; nothing else can be asked for."""
        ids = dict.fromkeys(keys)
        if entity == "top_tracks":
            return [f"{key}/{WORLDWIDE}" for key in ids]
        return list(ids) if entity == "artists" else []

    async def observe(self, entity: Entity, day: date, keys: Sequence[str], sink: Sink) -> Usage:
        """Ask for `entity` as it is on `day` and hand every response to `sink`.

        Raises:
            SourceError: The rest cannot be asked for; what was received is with the sink.
        """
        if entity not in self.entities:
            return Usage()
        ids = dict.fromkeys(key.partition("/")[0] for key in keys)
        requests = [self._question(entity, key) for key in ids]
        return await self._observer.observe(entity, day, sink, requests)

    def _question(self, entity: Entity, artist_id: str) -> Request:
        name = name_of(artist_id)
        method = "artist.getinfo" if entity == "artists" else "artist.gettoptracks"
        limit = (("limit", str(MOST_TOP_TRACKS)),) if entity == "top_tracks" else ()
        return Request(
            "an artist" if entity == "artists" else "top tracks of an artist",
            "/",
            (("method", method), ("artist", name), ("autocorrect", "1"), *limit, ("format", "json")),
            {"artist_id": artist_id},
            secret_params=(("api_key", self._key),),
            answers=frozenset({400, 404}),
        )

    async def search_artists(self, name: str, limit: int = 5) -> list[dict[str, Any]]:
        """Find artists by name, best match first, as Last.fm's artist objects; nothing is landed.

        Shape: https://www.last.fm/api/show/artist.search.

        Raises:
            SourceError: The upstream cannot be asked.
        """
        request = Request(
            "artists of a name",
            "/",
            (("method", "artist.search"), ("artist", name), ("limit", str(limit)), ("format", "json")),
            secret_params=(("api_key", self._key),),
        )
        data = (await self._observer.look_up(request, "artists looked up")).data
        found = inner(data, "results", "artistmatches") if isinstance(data, dict) else None
        hits = found.get("artist") if isinstance(found, dict) else None
        listed = [hits] if isinstance(hits, dict) else hits  # a single one comes without its list
        return [piece for piece in listed if isinstance(piece, dict)] if isinstance(listed, list) else []

    def parse(self, entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
        """Read landed responses; never asks the upstream anything."""
        return parse(entity, exchanges)

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()
