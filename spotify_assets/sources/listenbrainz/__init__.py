"""ListenBrainz as an upstream: what people who share their listening listen to.

Belongs here: everything that knows ListenBrainz's calls and shapes. Does not belong here: retries, pace and
deadlines (`sources.http`).
"""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="ListenBrainz",
    homepage="https://listenbrainz.org",
    terms="https://listenbrainz.org/terms-of-service",
    licence="open data, CC0",
    artist_page="https://listenbrainz.org/artist/{}",
)
