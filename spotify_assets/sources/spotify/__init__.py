"""Spotify's Web API as an upstream, and the simulated upstream that speaks the same protocol."""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="Spotify",
    homepage="https://open.spotify.com",
    terms="https://developer.spotify.com/terms",
    licence="Spotify's Developer Terms and Policy; not to be kept for ever, nor to train models on",
    artist_page="https://open.spotify.com/artist/{}",
)
