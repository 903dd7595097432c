"""The settings of upstreams: addresses, credentials and limits of each service."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from spotify_assets.configuration import rules

DEFAULT_API_URL = "https://api.spotify.com/v1"
DEFAULT_ACCOUNTS_URL = "https://accounts.spotify.com"


class UpstreamSettings(BaseSettings):
    """Spotify, the open sources, and the services that know who an artist is elsewhere."""

    spotify_client_id: SecretStr | None = Field(
        default=None, description="Client id of your Spotify app (https://developer.spotify.com/dashboard)"
    )
    spotify_client_secret: SecretStr | None = Field(
        default=None, description="Client secret of your Spotify app"
    )
    spotify_api_url: rules.HttpUrl = Field(
        default=DEFAULT_API_URL, description="Base URL of the Spotify Web API"
    )
    spotify_accounts_url: rules.HttpUrl = Field(
        default=DEFAULT_ACCOUNTS_URL,
        description="Base URL of Spotify's accounts service, which issues tokens",
    )
    spotify_requests_per_second: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Rate limit for the Spotify Web API. Default: 5 a second, or 1 a second for an app in "
        "Development Mode; no limit for the simulated source",
    )
    spotify_calls_per_day: int | None = Field(
        default=None,
        ge=1,
        description="Daily quota (UTC) of calls to the Spotify Web API. Default: 400 for an app in "
        "Development Mode, otherwise no limit",
    )
    spotify_retention_days: int | None = Field(
        default=None, ge=1, description="Days to keep content from Spotify. Default: until you purge it"
    )
    spotify_redirect_url: Annotated[str, AfterValidator(rules.redirect_url)] = Field(
        default="http://127.0.0.1:8765/callback",
        description="Where Spotify sends a user after `login`; add it to your app's redirect URIs. Spotify "
        "refuses the name localhost",
    )
    listenbrainz_api_url: rules.HttpUrl = Field(
        default="https://api.listenbrainz.org", description="Base URL of ListenBrainz"
    )
    listenbrainz_token: SecretStr | None = Field(
        default=None,
        description="Free ListenBrainz user token (https://listenbrainz.org/settings/); top tracks need it, "
        "and at times the service requires it for counts",
    )
    deezer_api_url: rules.HttpUrl = Field(
        default="https://api.deezer.com", description="Base URL of Deezer's API"
    )
    lastfm_api_url: rules.HttpUrl = Field(
        default="https://ws.audioscrobbler.com/2.0", description="Base URL of Last.fm's API"
    )
    lastfm_api_key: SecretStr | None = Field(
        default=None,
        description="Last.fm API key (https://www.last.fm/api), free for non-commercial use",
    )
    musicbrainz_api_url: rules.HttpUrl = Field(
        default="https://musicbrainz.org/ws/2",
        description="Base URL of MusicBrainz; used for identities only",
    )
    wikidata_sparql_url: rules.HttpUrl = Field(
        default="https://query.wikidata.org/sparql",
        description="Wikidata's query service; used for identities only",
    )
    spotify_concurrency: int = Field(default=32, ge=1, le=64, description="Concurrent requests to Spotify")
