"""What people paste when they mean an artist, of whichever service."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.artists.references import parse_reference
from spotify_assets.sources.spotify.ids import NotAnArtist

MBID = "056e4f3e-d505-4dad-8ec1-d04f521cbb56"
SPOTIFY = "0TnOYISbd1XYRBk9myaseg"


@pytest.mark.parametrize(
    ("text", "service", "artist_id"),
    [
        (SPOTIFY, "spotify", SPOTIFY),
        (f"spotify:artist:{SPOTIFY}", "spotify", SPOTIFY),
        (f"https://open.spotify.com/intl-de/artist/{SPOTIFY}?si=x", "spotify", SPOTIFY),
        ("deezer:27", "deezer", "27"),
        ("Deezer:artist:27", "deezer", "27"),
        ("https://www.deezer.com/artist/27", "deezer", "27"),
        ("https://www.deezer.com/fr/artist/27?utm_source=deezer", "deezer", "27"),
        ("deezer.com/en/artist/27/top_track", "deezer", "27"),
        (f" <{MBID.upper()}> ", "musicbrainz", MBID),
        (f"musicbrainz:{MBID}", "musicbrainz", MBID),
        (f"https://musicbrainz.org/artist/{MBID}/relationships", "musicbrainz", MBID),
        (f"listenbrainz.org/artist/{MBID}/", "musicbrainz", MBID),
        ("https://www.last.fm/music/Daft+Punk", "lastfm", "Daft+Punk"),
        ("https://www.last.fm/de/music/Bj%C3%B6rk/+wiki", "lastfm", "Bj%C3%B6rk"),
        ("last.fm/music/Björk", "lastfm", "Bj%C3%B6rk"),
    ],
)
def test_ids_and_links_of_each_service_are_understood(text: str, service: str, artist_id: str) -> None:
    found = parse_reference(text)
    assert found is not None
    assert (found.service, found.artist_id) == (service, artist_id)


@pytest.mark.parametrize(
    "name", ["Daft Punk", "27", "AC/DC", "deezer", "!!!", "10,000 Maniacs", "tool: live", ""]
)
def test_a_name_is_no_reference(name: str) -> None:
    assert parse_reference(name) is None


@pytest.mark.parametrize(
    "text",
    [
        "https://www.deezer.com/track/27",
        "https://link.deezer.com/s/30abc",
        "deezer:abc",
        "deezer:0",
        "https://www.deezer.com",
        "https://www.last.fm/user/somebody",
        "https://www.last.fm/music/Daft+Punk/Discovery",
        "https://www.last.fm/music/+noredirect/Cher",
        "https://www.last.fm/music",
        "https://musicbrainz.org/release/056e4f3e-d505-4dad-8ec1-d04f521cbb56",
        "https://musicbrainz.org/artist/daft-punk",
        f"https://evil.example/artist/{MBID}",
        f"https://musicbrainz.org.evil.example/artist/{MBID}",
    ],
)
def test_a_link_to_something_else_says_what_to_give(text: str) -> None:
    with pytest.raises(NotAnArtist, match="artist"):
        parse_reference(text)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    try:
        found = parse_reference(text)
    except NotAnArtist:
        return
    assert found is None or (found.artist_id.isascii() and found.artist_id.isprintable())
