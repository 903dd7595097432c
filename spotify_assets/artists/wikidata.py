"""Wikidata, asked for identities only: the ids that its items state for artists, many in one query.

Properties: P1902 Spotify artist id, P2722 Deezer artist id, P434 MusicBrainz artist id. An item may state
several ids of one kind, and several items the same id. Queries:
https://www.wikidata.org/wiki/Wikidata:SPARQL_query_service; a User-Agent with a contact is asked for by
https://meta.wikimedia.org/wiki/User-Agent_policy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from spotify_assets.settings import Settings
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota
from spotify_assets.sources.http.refusals import wikidata_form
from spotify_assets.sources.http.request import Limits, Request, user_agent
from spotify_assets.sources.observer import Observer, contact, simulated_url
from spotify_assets.sources.protocol import MBID, SPOTIFY_ID
from spotify_assets.sources.state import State

REQUESTS_PER_SECOND = 1.0
ENTITY = "identities"
IN_BATCH = 100
"""Ids in one query, so that its address stays well below what servers take."""
PROPERTIES: Mapping[str, str] = {"spotify": "P1902", "deezer": "P2722", "musicbrainz": "P434"}

_PLAIN = re.compile(r"[0-9A-Za-z-]{1,64}")
_FORMS: Mapping[str, re.Pattern[str]] = {
    "spotify": SPOTIFY_ID,
    "deezer": re.compile(r"[0-9]+"),
    "musicbrainz": MBID,
}
"""What ids look like: an item may state that there is one and which is not known, and people mistype."""


class Wikidata:
    """Asks Wikidata's query service, or the simulated upstream that speaks its protocol."""

    def __init__(
        self,
        name: str,
        *,
        sparql_url: str,
        quota: Quota | None = None,
        agent: str | None = None,
        requests_per_second: float | None = REQUESTS_PER_SECOND,
        clock: Clock = SYSTEM_CLOCK,
        limits: Limits | None = None,
        run_id: str = "",
    ) -> None:
        """Prepare; nothing is sent before something is asked.

        Args:
            name: What its answers land under.
            sparql_url: Address of the query service.
            quota: Leave to call; ``None`` for books of its own.
            agent: User-Agent; see `http.user_agent`.
            requests_per_second: Pace; ``None`` for none.
            clock: Time and waiting.
            limits: Patience of the HTTP client.
            run_id: Kept with each response.
        """
        if quota is not None:
            quota.limit(requests_per_second, None)
        self._api = PoliteClient(
            sparql_url,
            concurrency=1,
            requests_per_second=requests_per_second,
            quota=quota,
            own_error=wikidata_form,
            user_agent=agent,
            limits=limits or Limits(request_seconds=60.0),
            clock=clock,
        )
        self._observer = Observer(name, self._api, clock=clock, run_id=run_id)

    @classmethod
    def from_settings(
        cls, settings: Settings, memory: State, *, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
    ) -> Wikidata:
        """The one that belongs with what is observed.

        Raises:
            SettingsError: The simulated upstream is observed and none is running.
        """
        simulated = settings.simulated
        name = "simulated-wikidata" if simulated else "wikidata"
        url = simulated_url(settings, "/wikidata/sparql") if simulated else settings.wikidata_sparql_url
        return cls(
            name,
            sparql_url=url,
            quota=memory.quota(name, "none"),
            agent=user_agent(contact(settings)),
            requests_per_second=None if simulated else REQUESTS_PER_SECOND,
            clock=clock,
            run_id=run_id,
        )

    async def ids_of(
        self, service: str, ids: Sequence[str], sink: Sink | None = None, until: float = math.inf
    ) -> dict[str, dict[str, list[str]]]:
        """The other ids of artists; as few calls as `IN_BATCH` allows.

        Args:
            service: Whose ids are given: a key of `PROPERTIES`.
            ids: The artists; what cannot be an id there is passed over.
            sink: Gets each response.
            until: When to give up, on the clock's monotonic scale.

        Returns:
            By id, the artist's ids at the other services; nothing for those that no item states.

        Raises:
            SourceError: Wikidata cannot be asked.
        """
        plain = [ident for ident in dict.fromkeys(ids) if _PLAIN.fullmatch(ident)]
        found: dict[str, dict[str, list[str]]] = {}
        for start in range(0, len(plain), IN_BATCH):
            batch = plain[start : start + IN_BATCH]
            params = (("query", query(service, batch)), ("format", "json"))
            label = f"ids of {len(batch)} artists known at {service}"
            request = Request(
                label,
                "",
                params,
                {"service": service, "ids": batch},
                answers=frozenset(),
                is_response=lambda data: _bindings(data) is not None,
            )
            answer = await self._observer.look_up(request, ENTITY, sink, until)
            found |= stated_ids(service, answer.data)
        return found

    async def aclose(self) -> None:
        """Give up connections."""
        await self._api.aclose()


def query(service: str, ids: Sequence[str]) -> str:
    """The SPARQL query for the other ids of artists; `ids` hold letters, digits and hyphens only."""
    others = [other for other in PROPERTIES if other != service]
    values = " ".join(f'"{ident}"' for ident in ids)
    optional = " ".join(f"OPTIONAL {{ ?item wdt:{PROPERTIES[other]} ?{other} . }}" for other in others)
    names = " ".join(f"?{name}" for name in (service, *others))
    return (
        f"SELECT ?item {names} WHERE {{ VALUES ?{service} {{ {values} }} "
        f"?item wdt:{PROPERTIES[service]} ?{service} . {optional} }}"
    )


def stated_ids(service: str, data: Any) -> dict[str, dict[str, list[str]]]:
    """Read the answer to `query`: by id, the ids at other services, each once, in the order stated."""
    found: dict[str, dict[str, list[str]]] = {}
    for binding in _bindings(data) or []:
        values = {name: _value(binding, name) for name in PROPERTIES}
        ident = values.pop(service, None)
        for other, value in values.items():
            if ident and value and _FORMS[other].fullmatch(value):
                ids = found.setdefault(ident, {}).setdefault(other, [])
                ids += [] if value in ids else [value]
    return found


def _bindings(data: Any) -> list[Any] | None:
    results = data.get("results") if isinstance(data, dict) else None
    bindings = results.get("bindings") if isinstance(results, dict) else None
    return bindings if isinstance(bindings, list) else None


def _value(binding: Any, name: str) -> str | None:
    term = binding.get(name) if isinstance(binding, dict) else None
    value = term.get("value") if isinstance(term, dict) else None
    return value if isinstance(value, str) and value else None
