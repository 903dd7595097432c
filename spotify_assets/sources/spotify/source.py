"""Spotify as a `Source`: what observing an entity means, what it costs, and at which pace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from pydantic import SecretStr

from spotify_assets.settings import Settings, SettingsError
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import UncountedQuota
from spotify_assets.sources.http.refusals import spotify_form
from spotify_assets.sources.http.request import Limits, Request, user_agent
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.observer import Observer
from spotify_assets.sources.protocol import (
    ARTIST_ENTITIES,
    ASKED_ONCE,
    Entity,
    SourceError,
    UpstreamUnavailable,
    Usage,
)
from spotify_assets.sources.records import Parsed
from spotify_assets.sources.spotify.access import ARTIST_BATCHES, Access, trusted_pace
from spotify_assets.sources.spotify.asking import Asking
from spotify_assets.sources.spotify.auth import ClientCredentials
from spotify_assets.sources.spotify.catalogue import ask_once
from spotify_assets.sources.spotify.parse import parse
from spotify_assets.sources.spotify.pieces import ArtistHit, artist_hits
from spotify_assets.sources.spotify.requests import (
    ARTISTS_IN_BATCH,
    CONTROL,
    REFUSED_KEY,
    artist_markets,
    askable,
    askable_release_keys,
    batches,
    cost,
    expected,
    one_artist,
    top_tracks,
)
from spotify_assets.sources.state import InMemoryState, State, credential_digest


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
        calls_per_day: int | None = None,
        careful: bool = False,
        concurrency: int = 8,
        can_observe_past: bool = False,
        memory: State | None = None,
        contact: str | None = None,
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
            requests_per_second: Pace limit; ``None`` for none, or with `careful` for what suits the app.
            calls_per_day: Most calls on a UTC day; ``None`` likewise.
            careful: Where a limit is not given, keep to what an app of this mode was seen to stand.
            concurrency: Requests under way at once.
            can_observe_past: The upstream's "now" follows the header ``X-Simulated-Date``.
            memory: What is remembered between runs; absent: only as long as this object lives.
            contact: Where the upstream can reach whoever runs this.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        self.name = name
        self.namespace = name
        self.entities = frozenset(ARTIST_ENTITIES) | ASKED_ONCE
        self.can_observe_past = can_observe_past
        self.markets = tuple(markets)
        self._clock = clock
        memory = memory or InMemoryState(clock)
        self.credential = credential_digest(client_id)
        self.access = Access(memory.capabilities(name, self.credential), clock)
        self._requests_per_second = requests_per_second
        self._calls_per_day = calls_per_day
        self._careful = careful
        self._quota = memory.quota(name, self.credential)
        agent = user_agent(contact)
        self._accounts = PoliteClient(
            accounts_url,
            concurrency=1,
            quota=UncountedQuota(self._quota),
            limits=limits,
            clock=clock,
            user_agent=agent,
        )
        self._api = PoliteClient(
            api_url,
            concurrency=concurrency,
            quota=self._quota,
            authorization=ClientCredentials(self._accounts, client_id, client_secret, clock),
            own_error=spotify_form,
            limits=limits,
            clock=clock,
            user_agent=agent,
        )
        self._observer = Observer(
            name,
            self._api,
            clock=clock,
            run_id=run_id,
            can_observe_past=can_observe_past,
            control=CONTROL,
        )

    def _pace_itself(self) -> None:
        """Keep to the limits that suit what is known about the app."""
        per_second, per_day = self.allowed_pace
        self._quota.limit(per_second, per_day)

    @property
    def allowed_pace(self) -> tuple[float | None, int | None]:
        """Calls a second and a UTC day that this app is trusted with; ``None`` for no limit."""
        limits = self._requests_per_second, self._calls_per_day
        return trusted_pace(self.access, *limits) if self._careful else limits

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        memory: State | None = None,
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        run_id: str = "",
    ) -> SpotifySource:
        """Spotify where there are credentials, else the simulated upstream.

        Raises:
            SettingsError: The simulated upstream is chosen and none is running.
        """
        if (
            settings.spotify_client_id is not None
            and settings.spotify_client_secret is not None
            and not settings.simulated
        ):
            return cls(
                "spotify",
                api_url=settings.spotify_api_url,
                accounts_url=settings.spotify_accounts_url,
                client_id=settings.spotify_client_id,
                client_secret=settings.spotify_client_secret,
                markets=settings.spotify_markets,
                requests_per_second=settings.spotify_requests_per_second,
                calls_per_day=settings.spotify_calls_per_day,
                careful=True,
                concurrency=settings.spotify_concurrency,
                memory=memory,
                contact=settings.spotify_assets_contact,
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
            calls_per_day=settings.spotify_calls_per_day,
            concurrency=settings.spotify_concurrency,
            can_observe_past=True,
            memory=memory,
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
        """The keys that `parse` will account for when the artists `keys` are observed.

        Artist ids for ``artists``; ``artist_id/market`` for ``top_tracks``. For ``new_releases`` none where
        the list may be read, as only the answer tells what there is; otherwise the parts that make up for it.
        """
        return expected(self.access, entity, keys, self.markets)

    def cost(self, entity: Entity, artists: int) -> int:
        """The calls that observing `entity` of so many artists takes, as far as known; without sign-in.

        What is not known to be refused counts as granted; of the list of new releases, 100 albums, and of
        what makes up for it those that the search finds and a first page of each artist's own.
        """
        return cost(self.access, entity, artists, self.markets)

    async def observe(self, entity: Entity, day: date, keys: Sequence[str], sink: Sink) -> Usage:
        """Ask for `entity` as it is on `day` and hand every response to `sink`.

        Raises:
            NotAllowed: This app may not see it at all.
            SourceError: The rest cannot be asked for; what was received is with the sink.
        """
        if entity in ASKED_ONCE:
            new, odd = askable(key for key in keys if key != REFUSED_KEY)
            return await self._ask(
                entity, day, sink, len(new), odd, lambda asking: ask_once(asking, entity, new)
            )
        if entity == "artists":
            ids, odd = askable(keys)
            return await self._ask(entity, day, sink, len(ids), odd, lambda asking: asking.artists(ids))
        if entity == "new_releases":
            wanted, odd = askable_release_keys(keys)
            return await self._ask(
                entity, day, sink, len(wanted), odd, lambda asking: asking.new_releases(wanted)
            )
        odd = askable([key.partition("/")[0] for key in keys])[1]
        requests = [top_tracks(*pair) for pair in artist_markets(keys, self.markets) if pair[0] not in odd]
        return await self._ask(
            entity, day, sink, len(requests), odd, lambda asking: asking.top_tracks(requests)
        )

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
        data = await self._look_up(Request("artists of a name", "/search", params))
        page = data.get("artists")
        return artist_hits(page.get("items") if isinstance(page, dict) else None)

    async def find_artists(self, ids: Sequence[str]) -> list[ArtistHit]:
        """Look artists up by id, in the order given, without those that the upstream does not know.

        Raises:
            SourceError: The upstream cannot be asked.
        """
        hits: list[ArtistHit] = []
        for request in batches("artists", "/artists", askable(ids)[0], ARTISTS_IN_BATCH):
            asked = request.context["ids"]
            data = {} if self.access.may(ARTIST_BATCHES) is False else await self._look_up(request)
            if data:
                hits += artist_hits(data.get("artists"))
                continue
            for artist_id in asked if isinstance(asked, list) else []:
                hits += artist_hits([await self._look_up(one_artist(artist_id))])
        return hits

    async def probe(self, artist_id: str, *, again: bool = False) -> Usage:
        """Find out what this app may see, as far as it is not remembered, with one call each.

        Args:
            artist_id: An artist that exists, to ask about.
            again: Ask also what is remembered as refused.

        Raises:
            SourceError: The upstream cannot be asked.
        """

        async def send(session: ObservationSession) -> None:
            await self._asking(session, again=again).probe(artist_id)

        return await self._observer.session("what this app may see", self._clock.now().date(), None, 6, send)

    async def _ask(
        self,
        entity: str,
        day: date,
        sink: Sink,
        requests: int,
        odd: Sequence[str],
        how: Callable[[Asking], Awaitable[None]],
    ) -> Usage:
        async def send(session: ObservationSession) -> None:
            try:
                await how(self._asking(session))
            except SourceError:
                with suppress(Exception):  # why it ended matters more than what was learnt
                    self.access.conclude()
                raise
            self.access.conclude()
            self._pace_itself()
            if requests and len(session.failures) > len(odd) and not session.answers:
                raise UpstreamUnavailable(
                    f"{self.name}: none of {requests} questions about {entity} was answered; "
                    f"the last one: {session.failures[-1]}"
                )

        lines = ["an id that is none of Spotify's (letters and digits only) was not asked for"] * len(odd)
        return await self._observer.session(
            entity, day, sink, requests, send, lines, per_second=self.allowed_pace[0]
        )

    def _asking(self, session: ObservationSession, *, again: bool = False) -> Asking:
        self._pace_itself()
        return Asking(self._api, self.access, session, self._pace_itself, market=self.markets[0], again=again)

    async def _look_up(self, request: Request) -> dict[str, Any]:
        answer = await self._observer.look_up(request, "artists looked up")
        return answer.data if answer.status == 200 and isinstance(answer.data, dict) else {}
