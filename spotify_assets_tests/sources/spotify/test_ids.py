"""What people paste when they mean an artist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.sources.spotify.ids import NotAnArtist, is_artist_id, parse_artist_reference

ID = "0TnOYISbd1XYRBk9myaseg"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f"  {ID}\n",
        f'"{ID}"',
        f"spotify:artist:{ID}",
        f"SPOTIFY:ARTIST:{ID}",
        f"spotify:artist:{ID}?si=abc",
        f"https://open.spotify.com/artist/{ID}",
        f"https://open.spotify.com/artist/{ID}/",
        f"https://open.spotify.com/artist/{ID}?si=Zx_1-y&utm_source=copy-link#top",
        f"https://open.spotify.com/intl-de/artist/{ID}?si=1",
        f"https://open.spotify.com/intl-pt-br/artist/{ID}",
        f"http://OPEN.spotify.com/artist/{ID}/discography/all",
        f"open.spotify.com/artist/{ID}",
        f"<https://open.spotify.com/embed/artist/{ID}>",
        f"https://play.spotify.com/artist/{ID}",
    ],
)
def test_references_to_an_artist(text: str) -> None:
    assert parse_artist_reference(text) == ID


@pytest.mark.parametrize(
    "text", ["", "Pitbull", "AC/DC", "deadmau5", "TheCrystalMethodAndMore", "artist:x", "???", "A: B"]
)
def test_anything_else_may_be_a_name(text: str) -> None:
    assert parse_artist_reference(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"spotify:track:{ID}", "a track, not an artist"),
        (f"https://open.spotify.com/album/{ID}", "an album, not an artist"),
        (f"https://open.spotify.com/intl-fr/episode/{ID}", "an episode"),
        (f"spotify:user:me:playlist:{ID}", "a playlist"),
        ("https://open.spotify.com/", "no link to an artist"),
        ("https://open.spotify.com/search/x", "no link to an artist"),
        ("spotify:", "no link to an artist"),
        ("spotify:artist:short", "5 characters"),
        ("https://open.spotify.com/artist/", "damaged"),
        (f"https://example.com/artist/{ID}", "example.com"),
        (f"https://open.spotify.com.evil.example/artist/{ID}", "evil.example"),
    ],
)
def test_other_references_say_what_to_give(text: str, words: str) -> None:
    with pytest.raises(NotAnArtist) as caught:
        parse_artist_reference(text)
    assert words in str(caught.value)
    assert "https://open.spotify.com/artist/" in str(caught.value)


@given(
    st.text() | st.text(alphabet="spotify:/artist.open?=#[]@").map(lambda s: "https://open.spotify.com/" + s)
)
def test_never_gives_anything_but_an_id(text: str) -> None:
    try:
        found = parse_artist_reference(text)
    except NotAnArtist:
        return
    assert found is None or is_artist_id(found)


@pytest.mark.parametrize("text", [ID[:-1], ID[1:-1], ID + "0"])
def test_an_id_that_lost_or_won_a_character_is_no_name(text: str) -> None:
    with pytest.raises(NotAnArtist, match=f"22 letters and digits, this one has {len(text)} characters"):
        parse_artist_reference(text)
