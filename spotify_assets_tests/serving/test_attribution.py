"""Whatever is shown says where it comes from, and links there."""

import pytest

from spotify_assets.serving.attribution import ATTRIBUTIONS, artist_link, credit, credit_markdown
from spotify_assets.settings import LIVE_SOURCES

SPOTIFY_ID = "0TnOYISbd1XYRBk9myaseg"


def test_every_live_source_is_credited() -> None:
    assert set(LIVE_SOURCES) <= set(ATTRIBUTIONS)
    lines = credit(["spotify", "deezer", "spotify"])
    assert len(lines) == 2
    assert "Data: Spotify" in lines[0]
    assert "https://developer.spotify.com/terms" in lines[0]
    assert "[Deezer](https://www.deezer.com)" in credit_markdown(["deezer"])


@pytest.mark.parametrize(
    ("source", "ident", "link"),
    [
        ("spotify", SPOTIFY_ID, f"https://open.spotify.com/artist/{SPOTIFY_ID}"),
        ("deezer", "27", "https://www.deezer.com/artist/27"),
        ("lastfm", "a/b?c", "https://www.last.fm/music/a%2Fb%3Fc"),
        ("simulated", SPOTIFY_ID, None),
        ("my-archive", "x", None),
    ],
)
def test_artists_are_linked(source: str, ident: str, link: str | None) -> None:
    assert artist_link(source, ident) == link


def test_what_is_invented_owes_nobody_credit() -> None:
    assert credit(["simulated", "my-archive"]) == []
    assert credit_markdown(["simulated"]) == ""
