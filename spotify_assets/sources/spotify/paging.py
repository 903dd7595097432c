"""Turning the pages of a list, however odd the links are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.request import Request, Response
from spotify_assets.sources.http.session import ObservationSession, ObservationStopped
from spotify_assets.sources.protocol import UpstreamUnavailable

MOST_PAGES = 40
"""The list is about 100 albums long; whatever is longer than 2,000 is no list any more."""

Page = Mapping[str, Any]


def album_page(data: Any) -> Page | None:
    """The page in an answer: what stands under ``albums``, or the answer itself."""
    if not isinstance(data, dict):
        return None
    page = data.get("albums", data)
    return page if isinstance(page, dict) else None


def with_ids(page: Page) -> list[Mapping[str, Any]]:
    """The objects on a page that have an id."""
    items = page.get("items")
    return [
        item
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]


async def turn_pages(
    api: PoliteClient,
    session: ObservationSession,
    first: Request,
    *,
    answer: Response | None = None,
    most: int = MOST_PAGES,
    further: Callable[[Page], bool] = lambda _: True,
) -> list[str]:
    """Ask for the pages of a list of albums, one after the other.

    Ends where the upstream names no next page, and where `further` says that the rest does not matter.
    Also ends, with a line in `visit.failures`, at a next page that was seen before, lies at another
    place, or holds nothing new, and at `MOST_PAGES`.

    Args:
        api: Asks.
        session: The observation under way.
        first: The question for the first page, whose label ends with ``page 1``.
        answer: The answer to `first`, where it was asked already.
        most: Pages to read at most; fewer than `MOST_PAGES` is a choice and no failure.
        further: Told each page; whether the next one is wanted.

    Returns:
        The albums' ids in the order listed, each once.

    Raises:
        UpstreamUnavailable: Not even the first page came.
        SourceError: As `PoliteClient.ask`.
    """
    name = first.label.removesuffix(", page 1")
    seen = {f"{api.base_url}{first.path}?{urlencode(first.params, safe=',')}"}
    albums: dict[str, None] = {}
    request = first
    for number in range(2, most + 2):
        if answer is None:
            try:
                answer = await api.send(request, session)
            except UpstreamUnavailable as error:
                if number == 2 or isinstance(error, ObservationStopped):
                    raise
                session.fail(str(error))
                break
        page = album_page(answer.data) or {}
        answer = None
        ids = [str(album["id"]) for album in with_ids(page)]
        link = page.get("next")
        fresh = [album_id for album_id in ids if album_id not in albums]
        albums.update(dict.fromkeys(ids))
        if not isinstance(link, str) or not link or not further(page):
            break
        if (problem := _unusable(api, link, seen, fresh)) is not None:
            session.fail(f"{request.label} {problem}")
            break
        if number > most:
            if most == MOST_PAGES:
                session.fail(f"there are more than {MOST_PAGES} pages of {name}; paging ended there")
            break
        seen.add(link)
        request = replace(
            first,
            label=f"{name}, page {number}",
            path=link,
            params=(),
            context={**first.context, "page": number},
        )
    return list(albums)


def _unusable(api: PoliteClient, link: str, seen: set[str], fresh: list[str]) -> str | None:
    """Why a next page is not followed, if so."""
    if not fresh:
        return "brought nothing new but names another page; paging ended there"
    if link in seen:
        return "names a next page that was read before; paging ended there"
    if not api.owns(link):
        return "names a next page at another place; it was not followed"
    return None
