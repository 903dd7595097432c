"""Artists found by a search or by id, for people choosing what to track. Never stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ArtistHit:
    """An artist that a search found, or a look-up by id.

    Attributes:
        artist_id: Spotify's id.
        name: As the upstream writes it.
        popularity: Index 0 to 100; ``None`` where this app may not see it.
        followers: People; ``None`` likewise.
        genres: As the upstream writes them; often empty.
    """

    artist_id: str
    name: str
    popularity: int | None
    followers: int | None
    genres: tuple[str, ...]


def artist_hits(items: Any) -> list[ArtistHit]:
    """Read a list of artist objects, leaving out whatever is none."""
    hits = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            continue
        followers, genres = item.get("followers"), item.get("genres")
        hits.append(
            ArtistHit(
                artist_id=item["id"],
                name=str(item.get("name") or ""),
                popularity=_whole(item.get("popularity")),
                followers=_whole(followers.get("total") if isinstance(followers, dict) else None),
                genres=tuple(g for g in genres if isinstance(g, str)) if isinstance(genres, list) else (),
            )
        )
    return hits


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
