"""ListenBrainz as a `Source`: which questions observe an entity.

Limits: 1,000 MBIDs in a batch and 30 requests in 10 seconds, ruled by ``X-RateLimit-*`` headers
(https://listenbrainz.readthedocs.io/en/latest/users/api/index.html#rate-limiting). Top recordings need a user
token since 2026-08-21; counts needed one as well for a month before, so it goes with every call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from pydantic import SecretStr

from spotify_assets.settings import Settings
from spotify_assets.sources.capabilities import Capabilities, NullCapabilities
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota
from spotify_assets.sources.http.refusals import listenbrainz_form
from spotify_assets.sources.http.request import Limits, Request, user_agent
from spotify_assets.sources.listenbrainz.parse import parse
from spotify_assets.sources.observer import Observer, contact, simulated_url
from spotify_assets.sources.parsing import WORLDWIDE
from spotify_assets.sources.protocol import ARTIST_ENTITIES, MBID, Entity, NotAllowed, SignInRefused, Usage
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.sources.records import Parsed
from spotify_assets.sources.state import PER_ADDRESS, State, credential_digest

ARTISTS_IN_BATCH = 1000
REQUESTS_PER_SECOND = 3.0
FRESH_DAYS = 14
SOMEBODY = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d"
"""An artist to ask about where only the call matters."""
TOP_TRACKS = "call: an artist's top tracks"
"""Name of the capability that a token gives."""
_GET_ONE = "set LISTENBRAINZ_TOKEN (free, at https://listenbrainz.org/settings/)"
NO_TOKEN = f"ListenBrainz gives top tracks to signed-in users only: {_GET_ONE}"

_MBID = re.compile(MBID.pattern, re.IGNORECASE)


class ListenBrainzSource:
    """Observes ListenBrainz, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        api_url: str,
        token: SecretStr | None = None,
        quota: Quota | None = None,
        capabilities: Capabilities | None = None,
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
            token: A user's token; without it there are no top tracks.
            quota: Leave to call; ``None`` for books of its own.
            capabilities: Memory of what may be seen.
            agent: User-Agent; see `user_agent`.
            requests_per_second: Pace; ``None`` for none.
            can_observe_past: The upstream's "now" follows the header ``X-Simulated-Date``.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        self.name = name
        self.namespace = "simulated-musicbrainz" if can_observe_past else "musicbrainz"
        self.entities: frozenset[Entity] = frozenset(ARTIST_ENTITIES)
        self.can_observe_past = can_observe_past
        self._token = token
        self._capabilities = capabilities or NullCapabilities()
        self._clock = clock
        if quota is not None:
            quota.limit(requests_per_second, None)
        self._api = PoliteClient(
            api_url,
            concurrency=4,
            requests_per_second=requests_per_second,
            quota=quota,
            own_error=listenbrainz_form,
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
            control=replace(self._signed(_batches([SOMEBODY])[0]), landed=False),
        )

    @classmethod
    def from_settings(
        cls, settings: Settings, memory: State, *, name: str, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
    ) -> ListenBrainzSource:
        """The upstream that `name` says: ``listenbrainz`` or ``simulated-listenbrainz``.

        Raises:
            SettingsError: The simulated upstream is chosen and none is running.
        """
        simulated = name != "listenbrainz"
        # Its limit is per address, whoever asks: a token is no other allowance.
        return cls(
            name,
            api_url=simulated_url(settings, "/listenbrainz") if simulated else settings.listenbrainz_api_url,
            token=SecretStr("simulated") if simulated else settings.listenbrainz_token,
            quota=memory.quota(name, PER_ADDRESS),
            capabilities=memory.capabilities(name, credential_digest(settings.listenbrainz_token)),
            agent=user_agent(contact(settings)),
            requests_per_second=None if simulated else REQUESTS_PER_SECOND,
            can_observe_past=simulated,
            clock=clock,
            run_id=run_id,
        )

    def cost(self, entity: Entity, artists: int) -> int:
        """The calls that observing `entity` of so many artists takes; exact."""
        if entity == "artists":
            return math.ceil(artists / ARTISTS_IN_BATCH)
        if entity == "top_tracks":
            return artists if self._token is not None else 0
        return 1

    def expected(self, entity: Entity, keys: Sequence[str]) -> list[str]:
        """MBIDs for ``artists``, ``MBID/XW`` for ``top_tracks``; none for the list of fresh releases."""
        if entity == "new_releases":
            return []
        ids = dict.fromkeys(key.lower() for key in keys)
        return [f"{key}/{WORLDWIDE}" for key in ids] if entity == "top_tracks" else list(ids)

    async def observe(self, entity: Entity, day: date, keys: Sequence[str], sink: Sink) -> Usage:
        """Ask for `entity` as it is on `day` and hand every response to `sink`.

        Without a token nothing is asked about top tracks; that is landed as their reason for being missing.

        Raises:
            SourceError: The rest cannot be asked for; what was received is with the sink.
        """
        if entity == "new_releases":
            params = (("days", str(FRESH_DAYS)), ("sort", "release_date"))
            fresh = Request("fresh releases", "/1/explore/fresh-releases/", params)
            return await self._ask(entity, day, sink, [fresh])
        known = dict.fromkeys(key.partition("/")[0].lower() for key in keys)
        ids = [key for key in known if _MBID.fullmatch(key)]
        odd = ["an id that is no MBID was not asked for" for key in known if key not in ids]
        if entity == "artists":
            return await self._ask(entity, day, sink, _batches(ids), odd)
        if self._token is None:
            why = Reason(ReasonCode.NOT_ASKED, NO_TOKEN)
            sink(self._observer.unasked(entity, day, self.expected(entity, list(known)), why))
            self._capabilities.note(TOP_TRACKS, allowed=False, reason=NO_TOKEN, at=self._clock.now())
            return Usage(failures=(NO_TOKEN,))
        try:
            usage = await self._ask(entity, day, sink, [_top_tracks(key) for key in ids], odd)
        except (NotAllowed, SignInRefused) as error:
            self._capabilities.note(TOP_TRACKS, allowed=False, reason=str(error)[:200], at=self._clock.now())
            raise
        if len(usage.failures) < len(odd) + len(ids):  # anything was answered at all
            self._capabilities.note(TOP_TRACKS, allowed=True, reason="it answered", at=self._clock.now())
        return usage

    async def _ask(
        self, entity: Entity, day: date, sink: Sink, requests: Sequence[Request], odd: Sequence[str] = ()
    ) -> Usage:
        """Ask, signed in if there is a token: which calls need one changes from month to month."""
        try:
            return await self._observer.observe(entity, day, sink, list(map(self._signed, requests)), odd)
        except SignInRefused as error:
            todo = (
                _GET_ONE
                if self._token is None
                else "check LISTENBRAINZ_TOKEN at https://listenbrainz.org/settings/"
            )
            refused = SignInRefused(f"{error}: {todo}")
            refused.usage = error.usage
            raise refused from None

    def _signed(self, request: Request) -> Request:
        if self._token is None:
            return request
        value = SecretStr(f"Token {self._token.get_secret_value()}")
        return replace(request, headers=(("authorization", value),))

    async def probe(self, artist_id: str, *, again: bool = False) -> None:
        """Find out whether top tracks may be seen, unless that is remembered; one call.

        Args:
            artist_id: An artist to ask about.
            again: Ask also if it is remembered.

        Raises:
            SourceError: The upstream cannot be asked.
        """
        if TOP_TRACKS in self._capabilities.known() and not again:
            return
        request = replace(self._signed(_top_tracks(artist_id)), landed=False)
        allowed, reason = self._token is not None, "it answered" if self._token else NO_TOKEN
        try:
            if self._token is not None:
                await self._observer.look_up(request, "what may be seen")
        except (NotAllowed, SignInRefused) as error:
            allowed, reason = False, str(error)[:200]
        self._capabilities.note(TOP_TRACKS, allowed=allowed, reason=reason, at=self._clock.now())

    def parse(self, entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
        """Read landed responses; never asks the upstream anything."""
        return parse(entity, exchanges)

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()


def _top_tracks(mbid: str) -> Request:
    return Request(
        "top recordings of an artist",
        f"/1/popularity/top-recordings-for-artist/{mbid}",
        context={"artist_id": mbid},
    )


def _batches(ids: Sequence[str]) -> list[Request]:
    """The fewest questions that ask for all `ids`, order kept."""
    requests = []
    for start in range(0, len(ids), ARTISTS_IN_BATCH):
        batch = list(ids[start : start + ARTISTS_IN_BATCH])
        requests.append(
            Request(
                f"artists {start + 1} to {start + len(batch)} of {len(ids)}",
                "/1/popularity/artist",
                context={"ids": batch},
                method="POST",
                json={"artist_mbids": batch},
            )
        )
    return requests
