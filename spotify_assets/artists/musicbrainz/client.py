"""MusicBrainz's calls.

API: https://musicbrainz.org/doc/MusicBrainz_API. One call a second, and a User-Agent that says whom to write
to (https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting). Beside that the service sheds load: it answers
a share of all calls, at times half of them, with 503 "busy". An artist that was merged is answered with 301
and the surviving one in full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from spotify_assets.artists.musicbrainz.parse import (
    PAGES,
    Candidate,
    Pages,
    artist_pages,
    found_artists,
    is_artist,
    is_page,
    is_search,
    linked_artists,
    linked_by_page,
)
from spotify_assets.settings import Settings
from spotify_assets.sources.capabilities import Capabilities, NullCapabilities
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota
from spotify_assets.sources.http.refusals import musicbrainz_form
from spotify_assets.sources.http.request import Limits, Request, Response, user_agent
from spotify_assets.sources.observer import Observer, contact, simulated_url
from spotify_assets.sources.protocol import MBID, UpstreamUnavailable
from spotify_assets.sources.state import PER_ADDRESS, State

REQUESTS_PER_SECOND = 1.0
LIMITS = Limits(busy_attempts=8)
"""Patience with a service that sheds load: enough for one that answers every second call."""
CONCURRENCY = 2
MANY = "call: whose pages several are"
"""Name of the capability that tells an answer about none of several pages from one about the first only."""
MOST_MERGES = 3
"""Redirects followed from one artist; an entity is redirected to where it is now, so one is the rule."""
ENTITY = "identities"
"""What its answers land as."""
_LUCENE = re.compile(r'([+\-!(){}\[\]^"~*?:\\/&|])')


class MusicBrainz:
    """Asks MusicBrainz, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        api_url: str,
        quota: Quota | None = None,
        capabilities: Capabilities | None = None,
        agent: str | None = None,
        requests_per_second: float | None = REQUESTS_PER_SECOND,
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        run_id: str = "",
    ) -> None:
        """Prepare; nothing is sent before something is asked.

        Args:
            name: What its answers land under.
            api_url: Base URL, such as ``https://musicbrainz.org/ws/2``.
            quota: Leave to call; ``None`` for books of its own.
            capabilities: Memory of what it answers.
            agent: User-Agent; see `http.user_agent`.
            requests_per_second: Pace; ``None`` for none.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        if quota is not None:
            quota.limit(requests_per_second, None)
        self._api = PoliteClient(
            api_url,
            concurrency=CONCURRENCY,
            requests_per_second=requests_per_second,
            quota=quota,
            own_error=musicbrainz_form,
            user_agent=agent,
            limits=limits or LIMITS,
            clock=clock,
        )
        self._observer = Observer(name, self._api, clock=clock, run_id=run_id)
        self._capabilities = capabilities or NullCapabilities()
        self._clock = clock
        self._takes_many: bool | None = None

    @classmethod
    def from_settings(
        cls, settings: Settings, memory: State, *, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
    ) -> MusicBrainz:
        """The one that belongs with what is observed.

        Raises:
            SettingsError: The simulated upstream is observed and none is running.
        """
        simulated = settings.simulated
        name = "simulated-musicbrainz" if simulated else "musicbrainz"
        return cls(
            name,
            api_url=simulated_url(settings, "/musicbrainz/ws/2")
            if simulated
            else settings.musicbrainz_api_url,
            quota=memory.quota(name, PER_ADDRESS),
            capabilities=memory.capabilities(name, PER_ADDRESS),
            agent=user_agent(contact(settings)),
            requests_per_second=None if simulated else REQUESTS_PER_SECOND,
            clock=clock,
            run_id=run_id,
        )

    async def linked_to(
        self, service: str, artist_id: str, sink: Sink | None = None, until: float = math.inf
    ) -> list[Candidate]:
        """The artists whose page at a service this is; one call.

        Args:
            service: A key of `PAGES`.
            artist_id: An id at that service.
            sink: Gets each response.
            until: When to give up, on the clock's monotonic scale.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        answer = await self._look_up_pages(service, [artist_id], sink, until)
        return linked_artists(answer.data) if answer.status == 200 else []

    async def linked_to_many(
        self, service: str, ids: Sequence[str], sink: Sink | None = None, until: float = math.inf
    ) -> dict[str, list[Candidate]] | None:
        """The artists whose pages at a service these are; one call for two to 50 of them.

        Returns:
            By id, none for pages that MusicBrainz does not know; ``None`` if it does not answer about several
            at once, so that they have to be asked for one by one.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        if self._takes_many is None:
            self._takes_many = MANY in self._capabilities.known() or None
        if self._takes_many is False:
            return None
        answer = await self._look_up_pages(service, ids, sink, until)
        urls = answer.data.get("urls") if isinstance(answer.data, dict) else None
        if answer.status == 404 and self._takes_many:
            return {}
        if answer.status == 200:
            if isinstance(urls, list) and not self._takes_many:
                self._capabilities.note(MANY, allowed=True, reason="it answered", at=self._clock.now())
            self._takes_many = isinstance(urls, list)
        return linked_by_page(service, urls) if isinstance(urls, list) else None

    async def _look_up_pages(
        self, service: str, ids: Sequence[str], sink: Sink | None, until: float
    ) -> Response:
        pages = [PAGES[service].format(ident) for ident in ids]
        label = f"whose page at {service} this is" if len(ids) == 1 else f"whose {len(ids)} pages these are"
        params = (*(("resource", page) for page in pages), ("inc", "artist-rels"), ("fmt", "json"))
        which: dict[str, object] = {"id": ids[0]} if len(ids) == 1 else {"ids": list(ids)}
        request = Request(
            label,
            "/url",
            params,
            {"service": service, **which},
            # What an older service says to several pages is no matter: it is asked for one by one then.
            answers=frozenset({404} if len(ids) == 1 else {400, 404, 414}),
            own_404=True,
            is_response=is_page,
        )
        return await self._observer.look_up(request, ENTITY, sink, until)

    async def pages_of(self, mbid: str, sink: Sink | None = None, until: float = math.inf) -> Pages:
        """An artist's pages at other services; one call, and one more where a merge names no pages.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        seen = {mbid}
        for _ in range(MOST_MERGES):
            pages, goes_on_to = await self._pages(mbid, sink, until)
            if goes_on_to is None or goes_on_to in seen:
                return pages
            seen.add(mbid := goes_on_to)
        return replace(pages, mbid=mbid)

    async def _pages(self, mbid: str, sink: Sink | None, until: float) -> tuple[Pages, str | None]:
        """What an artist's answer says, and whom to ask about instead if it was merged and tells no pages."""
        request = Request(
            "the pages of an artist",
            f"/artist/{mbid}",
            (("inc", "url-rels"), ("fmt", "json")),
            {"mbid": mbid},
            answers=frozenset({301, 404}),
            own_404=True,
            is_response=is_artist,
        )
        answer = await self._observer.look_up(request, ENTITY, sink, until)
        if answer.status == 404:
            return Pages(), None
        pages = artist_pages(answer.data)
        if answer.status != 301:
            return pages, None
        merged = pages.mbid if pages.mbid != mbid else None
        merged = merged or self._mbid_in(answer.location)
        if merged is None or merged == mbid:
            raise UpstreamUnavailable(
                f"{request.label}: MusicBrainz says that it was merged and not into whom; run again later"
            )
        told = pages.mbid == merged and isinstance(answer.data.get("relations"), list)
        return replace(pages, mbid=merged), None if told else merged

    def _mbid_in(self, location: str) -> str | None:
        """The artist that an address of this service leads to."""
        last = urlsplit(location).path.rpartition("/")[2].lower()
        is_ours = self._api.owns(location) and "/artist/" in urlsplit(location).path
        return last if is_ours and MBID.fullmatch(last) else None

    async def search(
        self, name: str, limit: int = 5, sink: Sink | None = None, until: float = math.inf
    ) -> list[Candidate]:
        """Artists by name, best match first; one call.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        quoted = _LUCENE.sub(r"\\\1", name)
        params = (("query", f'artist:"{quoted}"'), ("limit", str(limit)), ("fmt", "json"))
        request = Request(
            "artists of a name",
            "/artist",
            params,
            {"name": name},
            answers=frozenset(),  # nobody of a name is an empty list
            is_response=is_search,
        )
        return found_artists((await self._observer.look_up(request, ENTITY, sink, until)).data)

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()
