"""A person's sign-in: Authorization Code with PKCE, and the refresh tokens that follow from it."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.replies import Reply, TokenRefusal

_SCOPES = """
    ugc-image-upload user-read-playback-state user-modify-playback-state user-read-currently-playing
    app-remote-control streaming playlist-read-private playlist-read-collaborative playlist-modify-private
    playlist-modify-public user-follow-modify user-follow-read user-read-playback-position user-top-read
    user-read-recently-played user-library-modify user-library-read user-read-email user-read-private
"""
SCOPES = frozenset(_SCOPES.split())
_CODE_SECONDS = 600.0
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Granted(NamedTuple):
    """What a person agreed to.

    Attributes:
        client_id: The app that asked.
        user: Who agreed.
        scopes: What the app may see.
        since: When, in seconds since 1970 (of the simulated day, where the request named one).
    """

    client_id: str
    user: str
    scopes: frozenset[str]
    since: float


@dataclass(frozen=True, slots=True)
class _Code:
    granted: Granted
    redirect_uri: str
    challenge: str | None
    until: float


@dataclass(frozen=True, slots=True)
class Consent:
    """Who sits at the browser, and whether they agree."""

    user: str
    agrees: bool = True


class SignIn:
    """Codes and refresh tokens given out.

    Attributes:
        consent: Who sits at the browser, and whether they agree.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        """Start with nobody signed in."""
        self._config = config
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, Granted] = {}
        self.consent = Consent(config.user, config.consents)

    def authorize(self, query: Mapping[str, str], moment: float) -> Reply:
        """Answer ``GET /authorize`` as if the person had decided at once.

        Args:
            query: ``client_id``, ``response_type``, ``redirect_uri``, ``state``, ``scope``,
                ``code_challenge``, ``code_challenge_method``.
            moment: Now, in seconds since 1970.
        """
        client_id, target = query.get("client_id", ""), query.get("redirect_uri", "")
        scopes = frozenset(query.get("scope", "").split())
        problem = ""
        if not client_id or self._config.client_id not in {None, client_id}:
            problem = "INVALID_CLIENT: Invalid client"
        elif not _redirect_allowed(target):
            problem = "INVALID_CLIENT: Invalid redirect URI"
        elif query.get("response_type") != "code":
            problem = "response_type must be code"
        elif not scopes <= SCOPES:
            problem = "INVALID_SCOPE: Invalid scope"
        elif "code_challenge" in query and query.get("code_challenge_method") != "S256":
            problem = "code_challenge_method must be S256"
        elif "code_challenge" in query and not _CHALLENGE.fullmatch(query["code_challenge"]):
            problem = "Invalid code_challenge"
        if problem:
            return Reply(400, problem.encode(), {"Content-Type": "text/plain; charset=utf-8"})
        answer = {"error": "access_denied"}
        if self.consent.agrees:
            code = secrets.token_urlsafe(48)
            granted = Granted(client_id, self.consent.user, scopes, moment)
            until = time.monotonic() + _CODE_SECONDS
            self._codes[code] = _Code(granted, target, query.get("code_challenge"), until)
            answer = {"code": code}
        if "state" in query:
            answer["state"] = query["state"]
        joint = "&" if urlsplit(target).query else "?"
        return Reply(302, b"", {"Location": f"{target}{joint}{urlencode(answer)}"})

    def redeem(self, form: Mapping[str, str], client_id: str, *, secret: bool) -> tuple[Granted, str]:
        """Return what a code stands for and a refresh token; a code works once.

        Args:
            form: ``code``, ``redirect_uri``, ``code_verifier``.
            client_id: The app that asks.
            secret: Whether it proved itself with its secret; without, a verifier is needed.

        Raises:
            TokenRefusal: The code, the redirect or the verifier is wrong.
        """
        found = self._codes.pop(form.get("code", ""), None)
        if found is None or found.granted.client_id != client_id:
            raise TokenRefusal("invalid_grant", "Invalid authorization code")
        if time.monotonic() >= found.until:
            raise TokenRefusal("invalid_grant", "Authorization code expired")
        if form.get("redirect_uri") != found.redirect_uri:
            raise TokenRefusal("invalid_grant", "Invalid redirect URI")
        verifier = form.get("code_verifier")
        if found.challenge is None and not secret:
            raise TokenRefusal("invalid_client", "Invalid client secret")
        if found.challenge is not None:
            if verifier is None:
                raise TokenRefusal("invalid_request", "code_verifier required")
            if not _VERIFIER.fullmatch(verifier) or _challenge(verifier) != found.challenge:
                raise TokenRefusal("invalid_grant", "code_verifier was incorrect")
        return found.granted, self._remember(found.granted)

    def renew(self, form: Mapping[str, str], client_id: str, moment: float) -> tuple[Granted, str | None]:
        """Return what a refresh token stands for, and the one that replaces it where tokens rotate.

        Raises:
            TokenRefusal: The token is unknown, of another app, revoked, or too old.
        """
        token = form.get("refresh_token")
        if not token:
            raise TokenRefusal("invalid_request", "refresh_token must be supplied")
        granted = self._refresh.get(token)
        if granted is None or granted.client_id != client_id:
            raise TokenRefusal("invalid_grant", "Invalid refresh token")
        if moment >= granted.since + self._config.refresh_days * 86_400:
            raise TokenRefusal("invalid_grant", "Refresh token expired")
        if not self._config.refresh_rotates:
            return granted, None
        del self._refresh[token]
        return granted, self._remember(granted)

    def _remember(self, granted: Granted) -> str:
        token = f"simulated-refresh-{secrets.token_urlsafe(48)}"
        self._refresh[token] = granted
        return token

    def decide(self, *, user: str | None = None, agrees: bool | None = None) -> None:
        """Seat another person at the browser, or change their mind."""
        changed = replace(self.consent, user=user) if user else self.consent
        self.consent = changed if agrees is None else replace(changed, agrees=agrees)

    def forget(self) -> None:
        """Take back every consent, as a person does on their account page."""
        self._codes.clear()
        self._refresh.clear()


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _redirect_allowed(target: str) -> bool:
    """Tell whether the service takes a redirect: https, or http to a loopback address but not its name."""
    try:
        parts = urlsplit(target)
        host = parts.hostname or ""
        if parts.fragment or host in {"", "localhost"}:
            return False
        if parts.scheme == "https":
            return True
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
