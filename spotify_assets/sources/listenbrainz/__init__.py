"""ListenBrainz as an upstream: what people who share their listening listen to."""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="ListenBrainz",
    homepage="https://listenbrainz.org",
    terms="https://listenbrainz.org/terms-of-service",
    licence="open data, CC0",
    artist_page="https://listenbrainz.org/artist/{}",
)
