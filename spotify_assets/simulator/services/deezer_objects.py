"""Objects of Deezer's API as plain dictionaries.

Addresses point to names that cannot resolve, so that nobody is led to the real service with an invented
id.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.catalogue.foreign_ids import Numbers
from spotify_assets.simulator.server.replies import Reply
from spotify_assets.simulator.world.chance import mix
from spotify_assets.simulator.world.releases import Release, song_key

Json = dict[str, Any]

_API = "https://api.deezer.example.invalid"
_SITE = "https://www.deezer.example.invalid"
_IMAGES = "https://images.deezer.example.invalid"
_SIZES = {"small": 56, "medium": 250, "big": 500, "xl": 1000}
_RANK = 51
# id, name, and which share of the artists' main genres belongs to it; 0 is everything.
EDITORIALS = ((0, "All"), (132, "Pop"), (116, "Rap/Hip Hop"), (152, "Rock"), (113, "Dance"), (106, "Electro"))
_TYPES = {"single": "single", "ep": "ep", "album": "album", "compilation": "compile"}


def failure(kind: str, message: str, code: int) -> Reply:
    """Return an error, which Deezer sends with HTTP status 200."""
    return Reply.json(200, {"error": {"type": kind, "message": message, "code": code}})


def no_data() -> Reply:
    """Return the error for what does not exist."""
    return failure("DataException", "no data", 800)


def editorial(ident: int, name: str) -> Json:
    """Return an editorial section."""
    return {
        "id": ident,
        "name": name,
        **_pictures("editorial", ident, "picture", "misc"),
        "type": "editorial",
    }


def _md5(kind: str, ident: int) -> str:
    return hashlib.md5(f"{kind}/{ident}".encode(), usedforsecurity=False).hexdigest()


def _pictures(path: str, ident: int, name: str, kind: str) -> Json:
    md5 = _md5(kind, ident)
    sized = {
        f"{name}_{size}": f"{_IMAGES}/images/{kind}/{md5}/{pixels}x{pixels}-000000-80-0-0.jpg"
        for size, pixels in _SIZES.items()
    }
    return {name: f"{_API}/{path}/{ident}/image", **sized}


class DeezerObjects:
    """The invented artists, albums and tracks in Deezer's words."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        """Give ids to albums and tracks."""
        self._elsewhere = elsewhere
        self._catalogue = elsewhere.catalogue
        self.albums = Numbers(elsewhere.catalogue.seed, "deezer-album", 46)
        self.tracks = Numbers(elsewhere.catalogue.seed, "deezer-track", 46)

    def genre(self, index: int) -> int:
        """Return the editorial section an artist belongs to."""
        return EDITORIALS[1 + mix(self._catalogue.life(index).key, 7) % (len(EDITORIALS) - 1)][0]

    def artist(self, index: int, ident: int) -> Json:
        """Return an artist as within charts."""
        return {
            "id": ident,
            "name": self._catalogue.name(index),
            "link": f"{_SITE}/artist/{ident}",
            **_pictures("artist", ident, "picture", "artist"),
            "radio": True,
            "tracklist": f"{_API}/artist/{ident}/top?limit=50",
            "type": "artist",
        }

    def found_artist(self, index: int, ident: int, day: int, *, second: bool = False) -> Json:
        """Return an artist as found by a search: with albums and fans."""
        life = self._catalogue.life(index)
        fans, albums = life.fans(day) // 4, len(life.discography.until(day))
        counts = (
            {"nb_album": min(1, albums), "nb_fan": fans // 200}
            if second
            else {"nb_album": albums, "nb_fan": fans}
        )
        return {**self.artist(index, ident), **counts}

    def whole_artist(self, index: int, ident: int, day: int, *, second: bool = False) -> Json:
        """Return an artist asked for by id."""
        return {**self.found_artist(index, ident, day, second=second), "share": self._share(ident)}

    def _share(self, ident: int) -> str:
        return f"{_SITE}/artist/{ident}?utm_source=deezer&utm_content=artist-{ident}&utm_medium=web"

    def _credit(self, index: int) -> Json:
        ident = self._elsewhere.deezer_artists.encode(index)
        name = self._catalogue.name(index)
        return {
            "id": ident,
            "name": name,
            "tracklist": f"{_API}/artist/{ident}/top?limit=50",
            "type": "artist",
        }

    def album(self, release: Release) -> Json:
        """Return an album as within tracks."""
        ident = self.albums.encode(release.artist, release.slot)
        return {
            "id": ident,
            "title": self._catalogue.album_name(release),
            **_pictures("album", ident, "cover", "cover"),
            "tracklist": f"{_API}/album/{ident}/tracks",
            "type": "album",
        }

    def listed_album(self, release: Release, day: int) -> Json:
        """Return an album as within an artist's list."""
        album = self.album(release)
        return {
            **album,
            "link": f"{_SITE}/album/{album['id']}",
            "genre_id": self.genre(release.artist),
            "fans": self._catalogue.life(release.artist).fans(day) // (40 + mix(release.slot) % 400),
            "release_date": released(release),
            "record_type": _TYPES[release.form],
            "explicit_lyrics": False,
        }

    def new_album(self, release: Release) -> Json:
        """Return an album as within an editorial section's releases."""
        album = self.album(release)
        extra = {"md5_image": _md5("cover", album["id"]), "release_date": released(release)}
        return {**album, **extra, "artist": self._credit(release.artist)}

    def rank(self, release: Release, position: int, day: int) -> int:
        """Return a track's rank, from 0 to 1,000,000."""
        catalogue = self._catalogue
        draw = mix(song_key(catalogue.life(release.artist).key, release.songs[position - 1]), _RANK)
        return max(0, catalogue.track_popularity(release, position, day) * 10_000 - draw % 10_000)

    def track(self, release: Release, position: int, day: int) -> Json:
        """Return a track as within lists, without what differs between them."""
        catalogue = self._catalogue
        ident = self.tracks.encode(release.artist, release.slot, position)
        shown = catalogue.simple_track_object(release, 0, position)
        short, joint, version = str(shown["name"]).partition(" (feat. ")
        return {
            "id": ident,
            "title": shown["name"],
            "title_short": short,
            "title_version": f"{joint}{version}".strip(),
            "link": f"{_SITE}/track/{ident}",
            "duration": shown["duration_ms"] // 1000,
            "rank": self.rank(release, position, day),
            "explicit_lyrics": shown["explicit"],
            "explicit_content_lyrics": int(shown["explicit"]),
            "explicit_content_cover": 0,
            "preview": "",
            "type": "track",
        }

    def top_track(self, release: Release, position: int, day: int) -> Json:
        """Return a track as within an artist's top tracks."""
        singers = [(release.artist, "Main")]
        partner = self._catalogue.partner(release.artist)
        song = release.songs[position - 1]
        if partner is not None and self._catalogue.life(release.artist).discography.features_partner(song):
            singers.append((partner, "Featured"))
        contributors = []
        for index, role in singers:
            ident = self._elsewhere.deezer_artists.encode(index)
            contributors.append({**self.artist(index, ident), "share": self._share(ident), "role": role})
        return {
            **self.track(release, position, day),
            "readable": True,
            "contributors": contributors,
            "artist": self._credit(release.artist),
            "album": self.album(release),
        }

    def chart_track(self, release: Release, position: int, day: int) -> Json:
        """Return a track as within the chart."""
        album, index = self.album(release), release.artist
        md5 = _md5("cover", album["id"])
        return {
            **self.track(release, position, day),
            "md5_image": md5,
            "artist": self.artist(index, self._elsewhere.deezer_artists.encode(index)),
            "album": {**album, "md5_image": md5},
        }


def released(release: Release) -> str:
    """Return a release date to the day; what is not known of it is the first."""
    text = date.fromordinal(release.day).isoformat()
    return {"day": text, "month": f"{text[:7]}-01", "year": f"{text[:4]}-01-01"}[release.precision]
