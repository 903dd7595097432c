"""Whom to name and where to link when values of an upstream are shown.

What each upstream asks for stands in its own package.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Attribution:
    """How an upstream wants to be credited.

    Attributes:
        title: Its name, as written by itself.
        homepage: Where a reader learns what it is.
        terms: The terms under which its data may be used.
        licence: Those terms in a few words.
        artist_page: Address of an artist's page, with ``{}`` for the id.
    """

    title: str
    homepage: str
    terms: str
    licence: str
    artist_page: str

    def artist_url(self, artist_id: str) -> str:
        """The address of an artist's page, for a link beside its values."""
        return self.artist_page.format(quote(artist_id, safe="+%"))
