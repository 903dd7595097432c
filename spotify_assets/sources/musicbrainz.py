"""MusicBrainz, asked for identities only: which artist a page belongs to, and which pages an artist has.

Belongs here: its calls, and reading their answers. Does not belong here: concluding who is who
(`identities`).

API: https://musicbrainz.org/doc/MusicBrainz_API. One call a second, and a User-Agent that says whom to write
to (https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spotify_assets.settings import Settings
from spotify_assets.sources.allowance import Allowance
from spotify_assets.sources.attribution import Attribution
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Sink
from spotify_assets.sources.http import PoliteClient, user_agent
from spotify_assets.sources.lastfm.names import id_of, name_of
from spotify_assets.sources.memory import Memory
from spotify_assets.sources.observing import Observer, contact, simulated_url
from spotify_assets.sources.question import Limits, Question

ATTRIBUTION = Attribution(
    title="MusicBrainz",
    homepage="https://musicbrainz.org",
    terms="https://musicbrainz.org/doc/About/Data_License",
    licence="core data CC0",
    artist_page="https://musicbrainz.org/artist/{}",
)
REQUESTS_PER_SECOND = 1.0
ENTITY = "identities"
"""What its answers land as."""
PAGES: Mapping[str, str] = {
    "spotify": "https://open.spotify.com/artist/{}",
    "deezer": "https://www.deezer.com/artist/{}",
    "lastfm": "https://www.last.fm/music/{}",
}
"""How MusicBrainz writes the address of an artist's page, by service."""

_ADDRESSES = {
    "spotify": re.compile(r"https?://open\.spotify\.com/(?:intl-[a-z-]+/)?artist/([0-9A-Za-z]{22})"),
    "deezer": re.compile(r"https?://(?:www\.)?deezer\.com/(?:[a-z]{2}/)?artist/([0-9]+)"),
    "lastfm": re.compile(r"https?://(?:www\.)?last\.fm/(?:[a-z]{2}/)?music/([^/?#]+)"),
}
_LUCENE = re.compile(r'([+\-!(){}\[\]^"~*?:\\/&|])')


@dataclass(frozen=True, slots=True)
class Candidate:
    """An artist that MusicBrainz names.

    Attributes:
        mbid: Its id.
        name: What it is called.
        hint: What tells it from others of the same name; may be empty.
    """

    mbid: str
    name: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """An artist's pages at other services.

    Attributes:
        mbid: The id it has now, another one than was asked for if it was merged; ``None``: not told.
        name: What the artist is called.
        ids: Its ids by service, those no longer in use left out.
    """

    mbid: str | None = None
    name: str | None = None
    ids: Mapping[str, list[str]] = field(default_factory=dict)


class MusicBrainz:
    """Asks MusicBrainz, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        api_url: str,
        allowance: Allowance | None = None,
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
            allowance: Leave to call; ``None`` for books of its own.
            agent: User-Agent; see `http.user_agent`.
            requests_per_second: Pace; ``None`` for none.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        if allowance is not None:
            allowance.limit(requests_per_second, None)
        self._api = PoliteClient(
            api_url,
            concurrency=1,
            requests_per_second=requests_per_second,
            allowance=allowance,
            user_agent=agent,
            limits=limits,
            clock=clock,
        )
        self._observer = Observer(name, self._api, clock=clock, run_id=run_id)

    @classmethod
    def from_settings(
        cls, settings: Settings, memory: Memory, *, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
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
            allowance=memory.allowance(name, "none"),
            agent=user_agent(contact(settings)),
            requests_per_second=None if simulated else REQUESTS_PER_SECOND,
            clock=clock,
            run_id=run_id,
        )

    async def linked_to(self, service: str, artist_id: str, sink: Sink | None = None) -> list[Candidate]:
        """The artists whose page at a service this is; one call.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        page = PAGES[service].format(artist_id)
        params = (("resource", page), ("inc", "artist-rels"), ("fmt", "json"))
        question = Question(
            f"whose page {page[:90]} is", "/url", params, {"service": service, "id": artist_id}
        )
        answer = await self._observer.look_up(question, ENTITY, sink)
        return linked_artists(answer.data if answer.status == 200 else None)

    async def pages_of(self, mbid: str, sink: Sink | None = None) -> Pages:
        """An artist's pages at other services; one call.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        params = (("inc", "url-rels"), ("fmt", "json"))
        question = Question(f"the pages of artist {mbid}", f"/artist/{mbid}", params, {"mbid": mbid})
        answer = await self._observer.look_up(question, ENTITY, sink)
        return artist_pages(answer.data if answer.status == 200 else None)

    async def search(self, name: str, limit: int = 5, sink: Sink | None = None) -> list[Candidate]:
        """Artists by name, best match first; one call.

        Raises:
            SourceError: MusicBrainz cannot be asked.
        """
        quoted = _LUCENE.sub(r"\\\1", name)
        params = (("query", f'artist:"{quoted}"'), ("limit", str(limit)), ("fmt", "json"))
        question = Question(f"artists called {name[:60]!r}", "/artist", params, {"name": name})
        answer = await self._observer.look_up(question, ENTITY, sink)
        return found_artists(answer.data if answer.status == 200 else None)

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()


def linked_artists(data: Any) -> list[Candidate]:
    """Read the relations of a page: the artists it belongs to now, each once."""
    found = {}
    for relation in _relations(data):
        candidate = _candidate(relation.get("artist"))
        if candidate is not None:
            found[candidate.mbid] = candidate
    return list(found.values())


def artist_pages(data: Any) -> Pages:
    """Read the relations of an artist: the ids that stand in the addresses of its pages."""
    ids: dict[str, list[str]] = {}
    for relation in _relations(data):
        page = relation.get("url")
        address = page.get("resource") if isinstance(page, dict) else None
        for service, pattern in _ADDRESSES.items():
            match = pattern.match(address) if isinstance(address, str) else None
            if match is not None:
                ident = id_of(name_of(match[1])) if service == "lastfm" else match[1]
                ids.setdefault(service, [])
                ids[service] += [] if ident in ids[service] else [ident]
    mbid, name = (data.get("id"), data.get("name")) if isinstance(data, dict) else (None, None)
    return Pages(
        mbid=mbid.lower() if isinstance(mbid, str) and mbid else None,
        name=name if isinstance(name, str) and name else None,
        ids=ids,
    )


def found_artists(data: Any) -> list[Candidate]:
    """Read what a search found, in its order."""
    artists = data.get("artists") if isinstance(data, dict) else None
    candidates = map(_candidate, artists if isinstance(artists, list) else [])
    return [candidate for candidate in candidates if candidate is not None]


def _relations(data: Any) -> list[dict[str, Any]]:
    relations = data.get("relations") if isinstance(data, dict) else None
    return [
        relation
        for relation in (relations if isinstance(relations, list) else [])
        if isinstance(relation, dict) and not relation.get("ended")
    ]


def _candidate(artist: Any) -> Candidate | None:
    mbid = artist.get("id") if isinstance(artist, dict) else None
    if not isinstance(mbid, str) or not mbid:
        return None
    return Candidate(mbid.lower(), str(artist.get("name") or ""), str(artist.get("disambiguation") or ""))
