"""Search: names and field filters over the invented catalogue.

It knows names and the filters ``artist:``, ``album:``, ``track:``, ``genre:``, ``year:``, ``tag:new``;
words must all occur.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from urllib.parse import quote

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.spotify.objects import Json
from spotify_assets.simulator.world.releases import Release

_FILTER = re.compile(r'\b(artist|album|track|genre|year|tag):(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_WORD = re.compile(r"\w+")
_ARTISTS_LOOKED_INTO = 60


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _WORD.findall(plain.lower())


class Search:
    """Finds artists, albums and tracks by name."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Wait for the first query before indexing names."""
        self._catalogue = catalogue
        self._index: dict[str, list[int]] = {}

    @staticmethod
    def kept(query: Mapping[str, str]) -> str:
        """Return the part of the query that links to other pages keep."""
        return "".join(f"&{name}={quote(query[name])}" for name in ("q", "type", "market") if name in query)

    def find(self, kind: str, text: str, day: date, limit: int, offset: int) -> tuple[int, list[Json]]:
        """Return how many things a query finds, and those of one page.

        Args:
            kind: ``artist``, ``album`` or ``track``.
            text: The query.
            day: Day it is asked on.
            limit: Most things to return.
            offset: Things to pass over.
        """
        filters = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _FILTER.finditer(text)}
        free = words(_FILTER.sub(" ", text))
        if kind == "artist":
            return self._artist_page(filters, free, day, limit, offset)
        releases = list(self._releases(filters, free, day.toordinal()))
        catalogue, ordinal = self._catalogue, day.toordinal()
        if kind == "album":
            wanted = set(free) | set(words(filters.get("album", "")))
            albums = [
                release for release in releases
                if wanted <= set(words(f"{catalogue.album_name(release)} {catalogue.name(release.artist)}"))
            ]  # fmt: skip
            page = albums[offset : offset + limit]
            return len(albums), [catalogue.album_object(release, 0) for release in page]
        wanted = set(free) | set(words(filters.get("track", "")))
        tracks = []
        for release in releases:
            left = wanted - set(words(catalogue.name(release.artist)))
            for position, song in enumerate(release.songs, start=1):
                if left <= set(words(catalogue.song_title(release.artist, song))):
                    popularity = catalogue.track_popularity(release, position, ordinal)
                    tracks.append((release, 0, position, popularity))
        return len(tracks), [catalogue.track_object(*track) for track in tracks[offset : offset + limit]]

    def named(self, wanted: Iterable[str]) -> dict[int, int]:
        """Return artists (by index) by how many of the words are in their name."""
        if not self._index:
            index: dict[str, list[int]] = defaultdict(list)
            for artist in range(self._catalogue.size):
                for word in set(words(self._catalogue.name(artist))):
                    index[word].append(artist)
            self._index = dict(index)
        hits: dict[int, int] = defaultdict(int)
        for word in set(wanted):
            for artist in self._index.get(word, ()):
                hits[artist] += 1
        return hits

    def _artist_page(
        self, filters: Mapping[str, str], free: list[str], day: date, limit: int, offset: int
    ) -> tuple[int, list[Json]]:
        catalogue, ordinal = self._catalogue, day.toordinal()
        wanted = {*free, *words(filters.get("artist", ""))}
        if wanted:
            hits = self.named(wanted)
            found = [artist for artist, count in hits.items() if count == len(wanted)]
        elif "genre" in filters:
            found = list(range(catalogue.size))
        else:
            found = []
        if "genre" in filters:
            genre = filters["genre"].lower()
            found = [artist for artist in found if genre in catalogue.genres(artist)]
        found = [
            artist for artist in found
            if catalogue.resolve(artist, ordinal) == artist and not catalogue.life(artist).removed(ordinal)
        ]  # fmt: skip
        exact = words(" ".join([*free, filters.get("artist", "")]))
        found.sort(
            key=lambda artist: (
                words(catalogue.name(artist)) != exact,
                -catalogue.life(artist).smooth(ordinal),
                artist,
            )
        )
        nodes = (
            catalogue.artist(catalogue.artist_id(artist), day) for artist in found[offset : offset + limit]
        )
        return len(found), [node for node in nodes if node is not None]

    def _releases(self, filters: Mapping[str, str], free: list[str], day: int) -> Iterator[Release]:
        """Yield the releases a query may mean: of artists named in it, or of the last two weeks."""
        catalogue = self._catalogue
        named = words(filters.get("artist", ""))
        span = filters.get("year")
        if filters.get("tag") == "new":
            found = [release for release, _ in catalogue.released_between(day - 13, day)]
            found.sort(key=lambda release: (-catalogue.life(release.artist).smooth(day), release.artist))
            if named:
                hits = self.named(named)
                found = [release for release in found if hits.get(release.artist) == len(set(named))]
        else:
            titles = words(f"{filters.get('album', '')} {filters.get('track', '')}")
            hits = self.named(named or [*free, *titles])
            best = sorted(
                hits, key=lambda artist: (-hits[artist], -catalogue.life(artist).smooth(day), artist)
            )
            if named:
                best = [artist for artist in best if hits[artist] == len(set(named))]
            found = [
                release
                for artist in best[:_ARTISTS_LOOKED_INTO]
                for release in reversed(catalogue.life(artist).discography.until(day))
            ]
            found += [] if named else [release for release, _ in catalogue.released_between(day - 27, day)]
        for release in dict.fromkeys(found):
            if span is None or _within(release.date_text[:4], span):
                yield release


def _within(year: str, span: str) -> bool:
    first, _, last = span.partition("-")
    return first <= year <= (last or first)
