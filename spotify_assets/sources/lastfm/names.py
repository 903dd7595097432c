"""Last.fm's artist ids: names, in the form that stands in the address of their page.

The form is ASCII without spaces, as ids of all sources are: ``Daft+Punk``, ``Bj%C3%B6rk``.
"""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_plus


def id_of(name: str) -> str:
    """The id of an artist of this name."""
    return quote_plus(name, errors="replace")


def name_of(artist_id: str) -> str:
    """The name that an id stands for."""
    return unquote_plus(artist_id)
