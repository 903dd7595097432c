"""tekore's own PKCE sign-in, and its strict models of what a person has, work against the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import tekore

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conformance.test_tekore import ElsewhereTransport
from spotify_assets_tests.support.simulator_server import running

REDIRECT = "http://127.0.0.1:8765/callback"
SCOPE = tekore.Scope(
    "user-top-read",
    "user-read-recently-played",
    "user-library-read",
    "user-follow-read",
    "playlist-read-private",
    "user-read-private",
    "user-read-email",
)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(SimulatorConfig(artists=200, quirks=False)) as url:
        yield url


@pytest.fixture
def sender(base: str) -> Iterator[tekore.SyncSender]:
    with httpx.Client(transport=ElsewhereTransport(base)) as client:
        yield tekore.SyncSender(client)


def sign_in(sender: tekore.SyncSender) -> tuple[tekore.Credentials, tekore.Token]:
    credentials = tekore.Credentials("app", redirect_uri=REDIRECT, sender=sender)
    url, verifier = credentials.pkce_user_authorisation(SCOPE, state="state")
    answer = sender.client.get(url)
    code = tekore.parse_code_from_url(answer.headers["location"])
    return credentials, credentials.request_pkce_token(code, verifier)


def test_sign_in_and_refresh(sender: tekore.SyncSender) -> None:
    credentials, token = sign_in(sender)
    assert token.uses_pkce
    assert set(map(str, token.scope)) == set(map(str, SCOPE))
    again = credentials.refresh_pkce_token(token.refresh_token)
    assert again.access_token != token.access_token
    assert credentials.refresh(token).refresh_token == token.refresh_token
    with pytest.raises(tekore.BadRequest, match="invalid_grant"):
        credentials.refresh_pkce_token("unknown")


def test_what_a_person_has(sender: tekore.SyncSender) -> None:
    spotify = tekore.Spotify(sign_in(sender)[1], sender=sender)
    me = spotify.current_user()
    assert (me.id, me.country) == ("simulated-listener", "SE")
    assert spotify.current_user_top_artists(limit=50).items[0].popularity >= 0
    assert spotify.current_user_top_tracks(time_range="short_term").items[0].album.id
    saved = list(spotify.all_items(spotify.saved_tracks(limit=50)))
    assert len({row.track.id for row in saved}) == len(saved) > 50
    assert spotify.saved_albums(limit=3, market="SE").items[0].album.tracks.total > 0
    assert len(spotify.followed_playlists().items) == 2
    followed = list(spotify.all_items(spotify.followed_artists(limit=9)))
    assert len({artist.id for artist in followed}) == len(followed) > 9
    played = spotify.playback_recently_played(limit=20)
    earlier = spotify.playback_recently_played(limit=20, before=played.cursors.before)
    assert played.items[-1].played_at > earlier.items[0].played_at


def test_an_app_by_itself_is_nobody(sender: tekore.SyncSender) -> None:
    token = tekore.Credentials("app", "secret", sender=sender).request_client_token()
    with pytest.raises(tekore.Unauthorised):
        tekore.Spotify(token, sender=sender).current_user()
