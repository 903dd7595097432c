"""The invented albums and tracks, one at a time."""

from __future__ import annotations

from datetime import date
from typing import Any

from spotify_assets.simulator.catalogue.ids import ALBUM, TRACK, Parts
from spotify_assets.simulator.catalogue.roster import Roster
from spotify_assets.simulator.spotify import objects
from spotify_assets.simulator.spotify.objects import Json
from spotify_assets.simulator.world import names
from spotify_assets.simulator.world.chance import between, mix, share, unit
from spotify_assets.simulator.world.releases import Release, Song, isrc, song_key, upc

_TITLE, _ALBUM_TITLE, _LABEL, _FACTS, _FEATURES = range(500, 505)


class Works(Roster):
    """What the invented artists have released."""

    def album_id(self, release: Release, copy: int = 0) -> str:
        """Return the id of an upload of a release."""
        return self.codec.encode(ALBUM, release.artist, release.slot, copy)

    def track_id(self, release: Release, copy: int, position: int) -> str:
        """Return the id of a track of an upload."""
        return self.codec.encode(TRACK, release.artist, release.slot, copy, position)

    def find_album(self, album_id: str, day: int) -> tuple[Release, int] | None:
        """Return the release and upload of an album id, where they exist on a day."""
        return self._find(self.codec.decode(ALBUM, album_id), day)

    def find_track(self, track_id: str, day: int) -> tuple[Release, int, int] | None:
        """Return release, upload and position of a track id, where they exist on a day."""
        parts = self.codec.decode(TRACK, track_id)
        found = self._find(parts, day)
        if parts is None or found is None or not 1 <= parts.position <= len(found[0].songs):
            return None
        return (*found, parts.position)

    def _find(self, parts: Parts | None, day: int) -> tuple[Release, int] | None:
        if parts is None or parts.artist >= self.size:
            return None
        release = self.life(parts.artist).discography.release(parts.slot)
        return (release, parts.copy) if release and parts.copy in release.copies(day) else None

    def album_name(self, release: Release) -> str:
        """Return the name of a release: its first song's for a single."""
        key = self.life(release.artist).key
        if release.form == "single":
            return self.song_title(release.artist, release.songs[0])
        if release.form == "compilation":
            return f"The Best of {self.name(release.artist)} So Far"
        return names.title(key, _ALBUM_TITLE, release.slot)

    def song_title(self, artist: int, song: Song) -> str:
        """Return the title of a recording."""
        return names.title(self.life(artist).key, _TITLE, song.slot, song.number)

    def partner(self, artist: int) -> int | None:
        """Return the artist that guests on this one's songs, and the other way round."""
        return artist ^ 1 if artist ^ 1 < self.size else None

    def album_object(self, release: Release, copy: int) -> Json:
        """Return the simplified album of an upload."""
        key = mix(self.life(release.artist).key, release.slot)
        ident = self.album_id(release, copy)
        return objects.simple_album(
            ident,
            self.album_name(release),
            album_type=release.album_type,
            artists=[self._credit(release.artist)],
            markets=list(objects.MARKETS[3:] if copy else objects.MARKETS),
            pictures=self.pictures(ident, key, (640, 300, 64)),
            release_date=release.date_text,
            precision=release.precision,
            total_tracks=len(release.songs),
        )

    def _credit(self, artist: int) -> Json:
        return objects.simple_artist(self.artist_id(artist), self.name(artist))

    def simple_track_object(self, release: Release, copy: int, position: int) -> Json:
        """Return the simplified track at a position of an upload."""
        song = release.songs[position - 1]
        artist = release.artist
        key = song_key(self.life(artist).key, song)
        credits_, title = [self._credit(artist)], self.song_title(artist, song)
        partner = self.partner(artist)
        if partner is not None and self.life(artist).discography.features_partner(song):
            credits_.append(self._credit(partner))
            title = f"{title} (feat. {self.name(partner)})"
        bits = mix(key, _FACTS)
        nameless = self.quirks and bits & 0xFFFF < 32
        return objects.simple_track(
            self.track_id(release, copy, position),
            None if nameless else title,
            artists=credits_,
            markets=list(objects.MARKETS[3:] if copy else objects.MARKETS),
            number=position,
            duration_ms=_duration_ms(bits),
            explicit=share(bits, 1) < 0.12,
        )

    def duration_ms(self, artist: int, song: Song) -> int:
        """Return the length of a recording in milliseconds."""
        return _duration_ms(mix(song_key(self.life(artist).key, song), _FACTS))

    def track_object(
        self, release: Release, copy: int, position: int, popularity: Any, *, album: Any = None
    ) -> Json:
        """Return the track at a position of an upload, with the given popularity.

        Args:
            release: What the track is on.
            copy: Which upload of it.
            position: Track number, from 1.
            popularity: Index from 0 to 100, or a placeholder.
            album: The simplified album, where it is built already.
        """
        return objects.full_track(
            self.simple_track_object(release, copy, position),
            album=album or self.album_object(release, copy),
            isrc=isrc(release.artist, release.songs[position - 1]),
            popularity=popularity,
        )

    def track_popularity(self, release: Release, position: int, day: int) -> int:
        """Return a track's popularity (0 to 100) as served on a day."""
        day = max(self.world.effective(day), release.day)
        return self.life(release.artist).track_popularity(release, release.songs[position - 1], day)

    def track(self, track_id: str, day: date) -> Json | None:
        """Return a track as served on a day, or None where it does not exist yet or at all."""
        found = self.find_track(track_id, day.toordinal())
        if found is None:
            return None
        return self.track_object(*found, self.track_popularity(found[0], found[2], day.toordinal()))

    def album(self, album_id: str, day: date, tracks_href: str | None = None) -> Json | None:
        """Return an album as served on a day, or None where it does not exist yet or at all.

        Args:
            album_id: Id of an upload.
            day: Day to serve.
            tracks_href: Address of its list of tracks.
        """
        found = self.find_album(album_id, day.toordinal())
        if found is None:
            return None
        release, copy = found
        count = len(release.songs)
        href = tracks_href or f"{objects.API}/albums/{album_id}/tracks"
        tracks = [self.simple_track_object(release, copy, number + 1) for number in range(count)]
        figures = (self.track_popularity(release, number + 1, day.toordinal()) for number in range(count))
        best = sorted(figures, reverse=True)[:3]
        return objects.full_album(
            self.album_object(release, copy),
            tracks=objects.page(href, tracks, limit=50, offset=0, total=count),
            label=names.LABELS[between(0, len(names.LABELS) - 1, self.life(release.artist).key, _LABEL)],
            year=date.fromordinal(release.day).isoformat()[:4],
            upc=upc(release.artist, release.slot),
            popularity=sum(best) // len(best),
        )

    def audio_features(self, track_id: str, day: date) -> Json | None:
        """Return a track's audio features, or None where the track does not exist on a day."""
        found = self.find_track(track_id, day.toordinal())
        if found is None:
            return None
        release, _, position = found
        song = release.songs[position - 1]
        key = mix(song_key(self.life(release.artist).key, song), _FEATURES)
        shares = {
            name: round(unit(key, place) ** power, 3)
            for place, (name, power) in enumerate(
                {"danceability": 0.7, "energy": 0.7, "speechiness": 4, "acousticness": 2,
                 "instrumentalness": 6, "liveness": 3, "valence": 1}.items()
            )
        }  # fmt: skip
        values = {
            **shares,
            "key": between(0, 11, key, 20),
            "loudness": round(-3.0 - 14.0 * (1.0 - shares["energy"]), 3),
            "mode": between(0, 1, key, 21),
            "tempo": round(70.0 + 110.0 * unit(key, 22), 3),
            "time_signature": (3, 4, 4, 4, 4, 4, 4, 5)[mix(key, 23) % 8],
        }
        return objects.audio_features(track_id, self.duration_ms(release.artist, song), values)


def _duration_ms(bits: int) -> int:
    """Return a length between two and five minutes, in milliseconds, for the bits of a recording."""
    return 115_000 + (bits >> 32) % 175_000
