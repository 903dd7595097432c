"""Deezer as an upstream: fans, top tracks with their rank, releases."""

from spotify_assets.sources.attribution import Attribution

ATTRIBUTION = Attribution(
    title="Deezer",
    homepage="https://www.deezer.com",
    terms="https://developers.deezer.com/termsofuse",
    licence="Deezer's terms of use for developers; not for resale",
    artist_page="https://www.deezer.com/artist/{}",
)
