"""One call of the Web API: its parameters, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from spotify_assets.simulator.catalogue.ids import is_id
from spotify_assets.simulator.server.replies import Refusal
from spotify_assets.simulator.spotify.modes import Access

_MARKET = re.compile(r"[A-Z]{2}")


class Call:
    """One call: its parameters and the day it is answered for.

    Attributes:
        query: Parameters; of a repeated one, the last.
        day: Day the answer is "as of".
        ordinal: The same as a number.
        href: Address of the call without query.
        access: What the app may see.
    """

    __slots__ = ("access", "day", "href", "ordinal", "query")

    def __init__(self, query: Mapping[str, str], day: date, href: str, access: Access) -> None:
        """Keep what was asked."""
        self.access = access
        self.query = query
        self.day = day
        self.ordinal = day.toordinal()
        self.href = href

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole-number parameter, or refuse with ``Invalid <name>``."""
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise Refusal(400, f"Invalid {name}")
        return int(text)

    def ids(self, most: int) -> list[str]:
        """Return the ids of a batch, or refuse."""
        asked = [each for each in self.query.get("ids", "").split(",") if each]
        if not asked:
            raise Refusal(400, "Missing required field: ids")
        if len(asked) > most:
            raise Refusal(400, "Too many ids requested")
        if not all(map(is_id, asked)):
            raise Refusal(400, "Invalid base62 id")
        return asked

    def market(self) -> str | None:
        """Return the market asked for, or None; refuse one that is no country code."""
        market = self.query.get("market", self.query.get("country"))
        if market is not None and not _MARKET.fullmatch(market):
            raise Refusal(400, "Invalid market code")
        return market

    def link(self, path: str) -> str:
        """Return the address of another call on the same server."""
        return f"{self.href.partition('/v1/')[0]}/v1/{path}"

    def keep(self, *names: str) -> str:
        """Return the part of the query that links to other pages keep."""
        return "".join(f"&{name}={self.query[name]}" for name in names if name in self.query)


def allowed(may: bool) -> None:
    """Refuse what the app may not do.

    Raises:
        Refusal: It may not.
    """
    if not may:
        raise Refusal(403, "Forbidden")
