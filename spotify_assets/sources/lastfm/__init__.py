"""Last.fm as an upstream: listeners and plays, for whoever has a key."""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="Last.fm",
    homepage="https://www.last.fm",
    terms="https://www.last.fm/api/tos",
    licence="Last.fm's terms of service for its API; non-commercial use",
    artist_page="https://www.last.fm/music/{}",
)
