"""Last.fm as an upstream: listeners and plays, for whoever has a key.

Belongs here: everything that knows Last.fm's calls and shapes. Does not belong here: retries, pace and
deadlines (`sources.http`).
"""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="Last.fm",
    homepage="https://www.last.fm",
    terms="https://www.last.fm/api/tos",
    licence="Last.fm's terms of service for its API; non-commercial use",
    artist_page="https://www.last.fm/music/{}",
)
