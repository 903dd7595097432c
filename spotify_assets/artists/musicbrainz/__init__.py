"""MusicBrainz as a service that knows who is who: which artist a page belongs to, and which pages one has."""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="MusicBrainz",
    homepage="https://musicbrainz.org",
    terms="https://musicbrainz.org/doc/About/Data_License",
    licence="core data CC0",
    artist_page="https://musicbrainz.org/artist/{}",
)
