"""Spotify as a `Source`: which questions observe an entity, and in which order.

Belongs here: batches, paging and the choice between the live and the simulated upstream. Does not
belong here: sending (`sources.http`), signing in (`auth`), reading landed responses (`parse`).

Limits of the calls: https://developer.spotify.com/documentation/web-api (50 artists, 20 albums and 50
tracks in a batch; 50 new releases on a page).
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from typing import Any

from pydantic import SecretStr

from spotify_assets.settings import Settings, SettingsError
from spotify_assets.sources.base import ENTITIES, Entity, SourceError, UpstreamUnavailable, Usage
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http import PoliteClient
from spotify_assets.sources.question import Answer, Limits, Question
from spotify_assets.sources.records import Parsed
from spotify_assets.sources.spotify.auth import ClientCredentials
from spotify_assets.sources.spotify.lookup import ArtistHit, artist_hits
from spotify_assets.sources.spotify.paging import new_release_pages
from spotify_assets.sources.spotify.parse import parse
from spotify_assets.sources.spotify.questions import batches, halves, top_tracks
from spotify_assets.sources.visit import Visit

ARTISTS_IN_BATCH = 50
ALBUMS_IN_BATCH = 20
TRACKS_IN_BATCH = 50
LIVE_REQUESTS_PER_SECOND = 5.0

_PLAIN = re.compile(r"[0-9A-Za-z]+")


class SpotifySource:
    """Observes Spotify, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        api_url: str,
        accounts_url: str,
        client_id: SecretStr,
        client_secret: SecretStr,
        markets: Sequence[str] = ("US",),
        requests_per_second: float | None = None,
        concurrency: int = 8,
        can_observe_past: bool = False,
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        run_id: str = "",
    ) -> None:
        """Prepare; nothing is sent before something is observed.

        Args:
            name: Value of the ``source`` column.
            api_url: Base URL of the Web API.
            accounts_url: Base URL of the accounts service.
            client_id: Id of the app.
            client_secret: Secret of the app.
            markets: Markets for top tracks; the first one also for album details.
            requests_per_second: Pace limit; ``None`` for none.
            concurrency: Requests under way at once.
            can_observe_past: The upstream's "now" follows the header ``X-Simulated-Date``.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        self.name = name
        self.namespace = name
        self.entities = frozenset(ENTITIES)
        self.can_observe_past = can_observe_past
        self.markets = tuple(markets)
        self.run_id = run_id
        self._clock = clock
        self._limits = limits or Limits()
        self._accounts = PoliteClient(accounts_url, concurrency=1, limits=self._limits, clock=clock)
        self._api = PoliteClient(
            api_url,
            concurrency=concurrency,
            requests_per_second=requests_per_second,
            authorization=ClientCredentials(self._accounts, client_id, client_secret, clock),
            limits=self._limits,
            clock=clock,
        )

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        run_id: str = "",
    ) -> SpotifySource:
        """The upstream that the settings choose.

        Raises:
            SettingsError: The simulated upstream is chosen and none is running.
        """
        if settings.spotify_client_id is not None and settings.spotify_client_secret is not None:
            return cls(
                "spotify",
                api_url=settings.spotify_api_url,
                accounts_url=settings.spotify_accounts_url,
                client_id=settings.spotify_client_id,
                client_secret=settings.spotify_client_secret,
                markets=settings.spotify_markets,
                requests_per_second=settings.spotify_requests_per_second or LIVE_REQUESTS_PER_SECOND,
                concurrency=settings.spotify_concurrency,
                clock=clock,
                limits=limits,
                run_id=run_id,
            )
        if settings.simulator_url is None:
            raise SettingsError(
                "SIMULATOR_URL is not set and there are no Spotify credentials, so there is nothing to "
                "observe: start a simulated upstream with `spotify-assets simulate` and set SIMULATOR_URL to "
                "the address it prints, or set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"
            )
        return cls(
            "simulated",
            api_url=f"{settings.simulator_url}/v1",
            accounts_url=settings.simulator_url,
            client_id=SecretStr("simulated"),
            client_secret=SecretStr("simulated"),
            markets=settings.spotify_markets,
            requests_per_second=settings.spotify_requests_per_second,
            concurrency=settings.spotify_concurrency,
            can_observe_past=True,
            clock=clock,
            limits=limits,
            run_id=run_id,
        )

    async def __aenter__(self) -> SpotifySource:
        """Use as a context that gives up connections at its end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()
        await self._accounts.aclose()

    def parse(self, entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
        """Read landed responses; never asks the upstream anything."""
        return parse(entity, exchanges)

    def expected(self, entity: Entity, keys: Sequence[str]) -> list[str]:
        """The keys that `parse` will account for when `keys` are observed.

        Artist ids for ``artists``; ``artist_id/market`` for ``top_tracks``; none for ``new_releases``,
        where only the answer tells what there is.
        """
        if entity == "artists":
            return list(dict.fromkeys(keys))
        if entity == "top_tracks":
            return [f"{artist_id}/{market}" for artist_id, market in self._artist_markets(keys)]
        return []

    async def observe(self, entity: Entity, day: date, keys: Sequence[str], sink: Sink) -> Usage:
        """Ask for `entity` as it is on `day` and hand every response to `sink`.

        Args:
            entity: What to ask for.
            day: UTC day being observed.
            keys: Artist ids still to be asked for; for ``top_tracks`` also ``artist_id/market``, to ask
                for one market only; ignored by ``new_releases``.
            sink: Called with each response before anything reads it.

        Raises:
            SourceError: The rest cannot be asked for; what was received is with the sink. Its `usage`
                says what was spent.
        """
        if entity == "new_releases":
            return await self._visit(entity, day, sink, 8, self._observe_new_releases)
        if entity == "artists":
            ids, odd = _askable(keys)
            questions = list(batches("artists", "/artists", ids, ARTISTS_IN_BATCH))
        else:
            odd = _askable([key.partition("/")[0] for key in keys])[1]
            questions = [
                top_tracks(artist_id, market)
                for artist_id, market in self._artist_markets(keys)
                if artist_id not in odd
            ]
        return await self._ask(entity, day, sink, questions, odd)

    async def tracks(self, ids: Sequence[str], day: date, sink: Sink) -> Usage:
        """Ask for track details and hand every response to `sink` (entity ``tracks``).

        Raises:
            SourceError: As `observe`.
        """
        params = (("market", self.markets[0]),)
        known, odd = _askable(ids)
        questions = list(batches("tracks", "/tracks", known, TRACKS_IN_BATCH, params))
        return await self._ask("tracks", day, sink, questions, odd)

    async def search_artists(self, name: str, limit: int = 5) -> list[ArtistHit]:
        """Find artists by name, best match first; nothing is landed.

        Args:
            name: What to look for.
            limit: Most results, 1 to 10 (what an app in Development Mode may ask for).

        Raises:
            SourceError: The upstream cannot be asked.
        """
        params = (
            ("q", name),
            ("type", "artist"),
            ("limit", str(min(max(limit, 1), 10))),
            ("market", self.markets[0]),
        )
        data = await self._look_up(Question(f"artists called {name[:60]!r}", "/search", params))
        page = data.get("artists")
        return artist_hits(page.get("items") if isinstance(page, dict) else None)

    async def find_artists(self, ids: Sequence[str]) -> list[ArtistHit]:
        """Look artists up by id, in the order given, without those that the upstream does not know.

        Raises:
            SourceError: The upstream cannot be asked.
        """
        hits: list[ArtistHit] = []
        for question in batches("artists", "/artists", _askable(ids)[0], ARTISTS_IN_BATCH):
            hits += artist_hits((await self._look_up(question)).get("artists"))
        return hits

    def _artist_markets(self, keys: Sequence[str]) -> list[tuple[str, str]]:
        pairs: dict[tuple[str, str], None] = {}
        for key in keys:
            artist_id, slash, market = key.partition("/")
            for each in (market,) if slash else self.markets:
                pairs[artist_id, each] = None
        return list(pairs)

    async def _ask(
        self, entity: str, day: date, sink: Sink, questions: Sequence[Question], odd: Sequence[str]
    ) -> Usage:
        async def ask(visit: Visit) -> None:
            for key in odd:
                visit.fail(f"{key[:40]!r} is no Spotify id (letters and digits only) and was not asked for")
            before = len(visit.failures)
            await self._ask_batches(questions, visit)
            if questions and len(visit.failures) - before >= len(questions) and not visit.answers:
                raise UpstreamUnavailable(
                    f"{self.name}: none of {len(questions)} questions about {entity} was answered; "
                    f"the last one: {visit.failures[-1]}"
                )

        return await self._visit(entity, day, sink, len(questions), ask)

    async def _ask_batches(self, questions: Sequence[Question], visit: Visit) -> None:
        """Ask; a batch refused because of one bad id (HTTP 400) is asked again in two halves."""
        todo = list(questions)
        while todo:
            refused: list[Question] = []

            def handle(question: Question, answer: Answer, refused: list[Question] = refused) -> None:
                if answer.status == 400:
                    refused.append(question)

            await self._api.ask_all(todo, visit, handle)
            todo = []
            for question in refused:
                if not (parts := halves(question)):
                    visit.fail(f"{question.label}: {visit.source} calls the request bad (HTTP 400)")
                todo += parts

    async def _observe_new_releases(self, visit: Visit) -> None:
        album_ids, odd = _askable(await new_release_pages(self._api, visit))
        for album_id in odd:
            visit.fail(f"no details for the album {album_id[:40]!r}: that is no Spotify id")
        params = (("market", self.markets[0]),)
        await self._ask_batches(list(batches("albums", "/albums", album_ids, ALBUMS_IN_BATCH, params)), visit)

    async def _look_up(self, question: Question) -> dict[str, Any]:
        found: list[Answer] = []

        async def ask(visit: Visit) -> None:
            found.append(await self._api.ask(question, visit))

        await self._visit("artists looked up", self._clock.now().date(), None, 1, ask)
        data = found[0].data
        return data if found[0].status == 200 and isinstance(data, dict) else {}

    async def _visit(
        self,
        entity: str,
        day: date,
        sink: Sink | None,
        questions: int,
        ask: Callable[[Visit], Awaitable[None]],
    ) -> Usage:
        pace = self._api.requests_per_second or math.inf
        started = self._clock.monotonic()
        visit = Visit(
            source=self.name,
            entity=entity,
            sink=sink,
            clock=self._clock,
            budget=self._api.budget(),
            deadline=started + self._limits.observation_seconds + 2 * questions / pace,
            day=None if sink is None else day,
            past=self.can_observe_past,
            headers={"x-simulated-date": day.isoformat()} if self.can_observe_past else {},
            run_id=self.run_id,
        )
        try:
            await ask(visit)
        except SourceError as error:
            error.usage = visit.usage
            raise
        finally:
            visit.usage.seconds = self._clock.monotonic() - started
            visit.usage.failures = tuple(visit.failures)
        return visit.usage


def _askable(ids: Iterable[str]) -> tuple[list[str], list[str]]:
    """Each id once, in order: those that can stand in a URL as they are, and the others."""
    once = list(dict.fromkeys(ids))
    return [i for i in once if _PLAIN.fullmatch(i)], [i for i in once if not _PLAIN.fullmatch(i)]
