"""The invented artists at other services: who is known where, under which id, and how links go between.

About four artists in five are linked from their Spotify id at MusicBrainz; one in ten is linked at
Wikidata only; one in twenty can only be found by name; the rest is nowhere but at Spotify.
"""

from __future__ import annotations

from typing import NamedTuple

from spotify_assets.simulator.catalogue.foreign_ids import ARTIST, Mbids, Numbers
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.catalogue.search import Search, words
from spotify_assets.simulator.world.chance import mix, unit

_FATE, _WIKIDATA, _DEEZER, _LASTFM, _DEEZER_LINK, _TWICE, _COLLABORATION, _STALE = range(900, 908)


class Ties(NamedTuple):
    """Where an artist is known.

    Attributes:
        musicbrainz: Has an entry at MusicBrainz, and so an MBID.
        linked: That entry names the Spotify id.
        wikidata: Has an item at Wikidata that names Spotify id, MBID and Deezer id.
        deezer: Is at Deezer.
        lastfm: Is at Last.fm.
        deezer_linked: The MusicBrainz entry names the Deezer id.
        twice: Has a second, neglected entry at Deezer, which Wikidata names as well.
        shared: The Spotify id is also linked from the MusicBrainz entry of the artist's partner.
        stale: Wikidata states the MBID that the MusicBrainz entry had before it was merged.
    """

    musicbrainz: bool
    linked: bool
    wikidata: bool
    deezer: bool
    lastfm: bool
    deezer_linked: bool
    twice: bool
    shared: bool
    stale: bool


class Elsewhere:
    """The invented artists as other services know them.

    Attributes:
        catalogue: The artists without the oddities of Spotify's service, which are its own.
        quirks: Whether the oddities of the others happen.
        mbids: MusicBrainz ids.
        deezer_artists: Ids of artists at Deezer.
        items: Numbers of items at Wikidata.
    """

    def __init__(self, seed: int, artists: int, *, quirks: bool) -> None:
        """Prepare the world; nothing is drawn before it is asked for."""
        self.catalogue = Catalogue(seed, artists, quirks=False)
        self.quirks = quirks
        self.mbids = Mbids(seed)
        self.deezer_artists = Numbers(seed, "deezer-artist", 46)
        self.items = Numbers(seed, "wikidata", 46)
        self._search = Search(self.catalogue)
        self._ties: dict[int, Ties] = {}
        self._by_name: dict[str, int] = {}

    def ties(self, index: int) -> Ties:
        """Return where an artist is known."""
        found = self._ties.get(index)
        if found is None:
            key = mix(self.catalogue.seed, index, _FATE)
            fate = unit(key)
            somewhere, linked = fate < 0.95, fate < 0.80
            deezer = somewhere and unit(key, _DEEZER) < 0.95
            partner = self.catalogue.partner(index)
            found = self._ties[index] = Ties(
                musicbrainz=somewhere,
                linked=linked,
                wikidata=(linked and unit(key, _WIKIDATA) < 0.7) or (not linked and fate < 0.90),
                deezer=deezer,
                lastfm=somewhere and unit(key, _LASTFM) < 0.98,
                deezer_linked=linked and deezer and unit(key, _DEEZER_LINK) < 0.6,
                twice=self.quirks and deezer and unit(key, _TWICE) < 0.03,
                shared=self.quirks and linked and partner is not None and unit(key, _COLLABORATION) < 0.01,
                stale=self.quirks and somewhere and unit(key, _STALE) < 0.02,
            )
        return found

    def mbid(self, index: int) -> str | None:
        """Return an artist's MBID, or None where MusicBrainz has no entry."""
        return self.mbids.encode(ARTIST, index) if self.ties(index).musicbrainz else None

    def of_mbid(self, text: str) -> int | None:
        """Return the artist that an MBID stands for."""
        thing = self.mbids.decode(ARTIST, text)
        return self._known(thing.artist if thing and not thing.slot else None, "musicbrainz")

    def merged_mbid(self, index: int) -> str:
        """Return the MBID of an entry that was merged into an artist's; every artist has one such."""
        return self.mbids.encode(ARTIST, index, 1)

    def of_merged_mbid(self, text: str) -> int | None:
        """Return the artist that a merged MBID leads to."""
        thing = self.mbids.decode(ARTIST, text)
        return self._known(thing.artist if thing and thing.slot == 1 else None, "musicbrainz")

    def stated_mbid(self, index: int) -> str | None:
        """Return the MBID that Wikidata states, which may be one that was merged."""
        return self.merged_mbid(index) if self.ties(index).stale else self.mbid(index)

    def deezer_ids(self, index: int) -> list[int]:
        """Return an artist's ids at Deezer: none, one, or two."""
        ties = self.ties(index)
        copies = (0, 1) if ties.twice else (0,)
        return [self.deezer_artists.encode(index, copy) for copy in copies] if ties.deezer else []

    def of_deezer(self, text: str) -> tuple[int, bool] | None:
        """Return the artist that a Deezer id stands for, and whether it is the second, neglected entry."""
        thing = self.deezer_artists.decode(text)
        index = self._known(thing.artist if thing else None, "deezer")
        if thing is None or index is None or thing.position or thing.slot > self.ties(index).twice:
            return None
        return index, bool(thing.slot)

    def named(self, name: str) -> int | None:
        """Return the artist of a name, whatever its case, accents and punctuation."""
        if not self._by_name:
            catalogue = self.catalogue
            self._by_name = {plain(catalogue.name(index)): index for index in range(catalogue.size)}
        return self._by_name.get(plain(name))

    def search(self, text: str, day: int, where: str) -> list[int]:
        """Return the artists at a service whose names have every word of a text, the best match first.

        Args:
            text: What is searched for.
            day: Day it is asked on (proleptic ordinal).
            where: Field of `Ties` that says who is there.
        """
        wanted, catalogue = words(text), self.catalogue
        hits = self._search.named(wanted) if wanted else {}
        found = [
            index
            for index, count in hits.items()
            if count == len(set(wanted)) and self._known(index, where) is not None
        ]
        return sorted(
            found,
            key=lambda index: (
                words(catalogue.name(index)) != wanted,
                -catalogue.life(index).fans(day),
                index,
            ),
        )

    def _known(self, index: int | None, where: str) -> int | None:
        if index is None or index >= self.catalogue.size or not getattr(self.ties(index), where):
            return None
        return index


def plain(name: str) -> str:
    """Return a name as services compare it."""
    return " ".join(words(name)) or name.strip().lower()
