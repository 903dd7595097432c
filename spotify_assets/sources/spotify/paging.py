"""Turning the pages of new releases, however odd the links are.

Belongs here: following ``next`` and knowing when to stop. Does not belong here: what an album is.
"""

from __future__ import annotations

from typing import Any

from spotify_assets.sources.base import UpstreamUnavailable
from spotify_assets.sources.http import PoliteClient
from spotify_assets.sources.question import Question
from spotify_assets.sources.visit import ObservationStopped, Visit

PAGE_SIZE = 50
MOST_PAGES = 40
"""The list is about 100 albums long; whatever is longer than 2,000 is no list any more."""


async def new_release_pages(api: PoliteClient, visit: Visit) -> list[str]:
    """Ask for the pages of new releases, one after the other.

    Ends where the upstream names no next page. Also ends, with a line in `visit.failures`, at a
    next page that was seen before, lies at another place, or holds nothing new, and at `MOST_PAGES`.

    Returns:
        The albums' ids in the order listed, each once.

    Raises:
        UpstreamUnavailable: Not even the first page came.
        SourceError: As `PoliteClient.ask`.
    """
    path = "/browse/new-releases"
    question = Question(
        "new releases, page 1", path, (("limit", str(PAGE_SIZE)), ("offset", "0")), {"page": 1}
    )
    seen = {f"{api.base_url}{path}?limit={PAGE_SIZE}&offset=0"}
    albums: dict[str, None] = {}
    for number in range(2, MOST_PAGES + 2):
        try:
            answer = await api.ask(question, visit)
        except UpstreamUnavailable as error:
            if number == 2 or isinstance(error, ObservationStopped):
                raise
            visit.fail(str(error))
            break
        ids, link = _read(answer.data)
        fresh = [album_id for album_id in ids if album_id not in albums]
        albums.update(dict.fromkeys(ids))
        if link is None:
            break
        if not fresh:
            visit.fail(f"{question.label} brought nothing new but names another page; paging ended there")
            break
        if link in seen:
            visit.fail(f"{question.label} names a next page that was read before; paging ended there")
            break
        if not api.owns(link):
            visit.fail(f"{question.label} names a next page at another place; it was not followed")
            break
        if number > MOST_PAGES:
            visit.fail(f"there are more than {MOST_PAGES} pages of new releases; paging ended there")
            break
        seen.add(link)
        question = Question(f"new releases, page {number}", link, request={"page": number})
    return list(albums)


def _read(data: Any) -> tuple[list[str], str | None]:
    page = data.get("albums") if isinstance(data, dict) else None
    if not isinstance(page, dict):
        return [], None
    items, link = page.get("items"), page.get("next")
    ids = [
        item["id"]
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]
    return ids, link if isinstance(link, str) and link else None
