"""Asking a user for leave (Authorization Code with PKCE): the address to open, and what comes back.

Protocol: RFC 7636, and
https://developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from spotify_assets.settings import SettingsError
from spotify_assets.sources.protocol import SignInRefused

SCOPES = (
    "user-read-recently-played",
    "user-top-read",
    "user-library-read",
    "user-follow-read",
    "playlist-read-private",
)
"""What is asked of a user: to read, nothing else, and no e-mail address."""

_LOOPBACK = {"127.0.0.1", "::1"}


class SignInDeclined(SignInRefused):
    """The user, or Spotify on their behalf, said no."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a user is sent back to: this machine, and nowhere else.

    Attributes:
        url: As registered at the app; sent with the question and with the code.
        host: ``127.0.0.1`` or ``::1``.
        port: Port to listen on.
        path: Path that is called.
    """

    url: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read SPOTIFY_REDIRECT_URL.

        Spotify takes http on a loopback address only, and has refused the name ``localhost`` since
        2025-11-27.

        Raises:
            SettingsError: It cannot be used; says what to write instead.
        """
        expected = "expected http://127.0.0.1:PORT/PATH, such as http://127.0.0.1:8765/callback"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingsError(f"SPOTIFY_REDIRECT_URL: {expected}") from None
        if parts.hostname == "localhost":
            raise SettingsError(
                "SPOTIFY_REDIRECT_URL: Spotify refuses the name localhost; write 127.0.0.1 instead, here "
                f"and at your app ({expected})"
            )
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK or port is None:
            raise SettingsError(
                f"SPOTIFY_REDIRECT_URL: {expected}; `login` listens on this machine only, for one answer"
            )
        if parts.query or parts.fragment or parts.username or parts.password:
            raise SettingsError(f"SPOTIFY_REDIRECT_URL: {expected}, and nothing after the path")
        return cls(url, str(parts.hostname), port, parts.path or "/")


def _random() -> str:
    """43 unguessable characters that need no encoding (RFC 7636 asks for 43 to 128)."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One question to a user. The verifier stays here until the code is exchanged; only its hash is shown.

    Attributes:
        redirect: Where the answer goes.
        scopes: What is asked for.
        state: Comes back with the answer, so that nobody else's answer is taken for it.
        verifier: Proves that who exchanges the code is who asked for it.
    """

    redirect: Redirect
    scopes: Sequence[str]
    state: SecretStr
    verifier: SecretStr

    @classmethod
    def new(cls, redirect: Redirect, scopes: Sequence[str] = SCOPES) -> Self:
        """A question that was never asked before."""
        return cls(redirect, tuple(scopes), SecretStr(_random()), SecretStr(_random()))

    @property
    def challenge(self) -> str:
        """The verifier's SHA-256, as the protocol writes it (S256)."""
        digest = hashlib.sha256(self.verifier.get_secret_value().encode("ascii")).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def url(self, accounts_url: str, client_id: SecretStr) -> str:
        """The address that the user opens.

        Args:
            accounts_url: Base URL of the accounts service.
            client_id: Id of the app; no secret, but part of the address.
        """
        query = {
            "client_id": client_id.get_secret_value(),
            "response_type": "code",
            "redirect_uri": self.redirect.url,
            "state": self.state.get_secret_value(),
            "scope": " ".join(self.scopes),
            "code_challenge_method": "S256",
            "code_challenge": self.challenge,
        }
        return f"{accounts_url}/authorize?{urlencode(query)}"

    def answers(self, query: Mapping[str, str]) -> bool:
        """Whether what came back is the answer to this question."""
        given = query.get("state", "").encode("utf-8", "surrogateescape")
        return secrets.compare_digest(given, self.state.get_secret_value().encode("ascii"))

    def code(self, query: Mapping[str, str]) -> SecretStr:
        """The code of an answer.

        Raises:
            SignInDeclined: The answer is no, or holds no code.
        """
        if error := query.get("error"):
            word = error[:40] if error[:40].isprintable() else "an error"
            if error == "access_denied":
                raise SignInDeclined(
                    "Signing in was declined on Spotify's page. Nothing was kept; run `spotify-assets "
                    "login` to try again."
                )
            raise SignInDeclined(
                f"Spotify did not let the user sign in ({word}). Check at "
                "https://developer.spotify.com/dashboard "
                f"that the app lists {self.redirect.url} as a redirect URI, then run `spotify-assets "
                "login` again."
            )
        code = query.get("code", "")
        if not code or not code.isascii() or not code.isprintable():
            raise SignInDeclined(
                "Spotify's answer holds no usable code. Run `spotify-assets login` to try again."
            )
        return SecretStr(code)
