"""Credit and links wherever something of an upstream is shown.

What each upstream asks for stands in its own package.
"""

from __future__ import annotations

from collections.abc import Iterable

from spotify_assets.artists import musicbrainz
from spotify_assets.sources import deezer, lastfm, listenbrainz, spotify
from spotify_assets.sources.attribution import Attribution

ATTRIBUTIONS: dict[str, Attribution] = {
    "spotify": spotify.ATTRIBUTION,
    "listenbrainz": listenbrainz.ATTRIBUTION,
    "musicbrainz": musicbrainz.ATTRIBUTION,
    "deezer": deezer.ATTRIBUTION,
    "lastfm": lastfm.ATTRIBUTION,
}
"""By source and namespace. What is simulated is invented; what is imported is the importer's to credit."""


def artist_link(source: str, artist_id: str) -> str | None:
    """The address of an artist's page at a source; ``None`` where there is none to link to.

    Args:
        source: Series or namespace.
        artist_id: Id there.
    """
    found = ATTRIBUTIONS.get(source)
    return found.artist_url(artist_id) if found is not None else None


def credit(sources: Iterable[str]) -> list[str]:
    """One line for each source that wants to be credited, for people.

    Args:
        sources: Series or namespaces that something shown comes from, repeated as they like.
    """
    return [
        f"Data: {one.title} ({one.homepage}). An artist's page: {one.artist_page.format('ARTIST_ID')}. "
        f"Terms: {one.terms} ({one.licence})"
        for source in dict.fromkeys(sources)
        if (one := ATTRIBUTIONS.get(source)) is not None
    ]


def credit_markdown(sources: Iterable[str]) -> str:
    """The same as Markdown, for Dagster's metadata; empty where nobody is to be credited."""
    return "; ".join(
        f"Data: [{one.title}]({one.homepage}) ([terms]({one.terms}): {one.licence})"
        for source in dict.fromkeys(sources)
        if (one := ATTRIBUTIONS.get(source)) is not None
    )
