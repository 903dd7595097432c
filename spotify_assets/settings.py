"""Every setting: its name, default, environment variable, and whether it is a secret.

Settings are read when used (`load_settings()`), never at import, so that a test or a code server may
change the environment first.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from spotify_assets import installation
from spotify_assets.configuration import rules, secrets
from spotify_assets.configuration.alerts import AlertSettings
from spotify_assets.configuration.env_file import EnvFileError, names_in
from spotify_assets.configuration.unknown_names import Unknown, unknown_names, warn_of
from spotify_assets.configuration.upstreams import DEFAULT_ACCOUNTS_URL, DEFAULT_API_URL, UpstreamSettings

PROJECT_ROOT = installation.PROJECT_ROOT
LIVE_SOURCES = ("spotify", "listenbrainz", "deezer", "lastfm")
SIMULATED_SOURCES = ("simulated", "simulated-listenbrainz", "simulated-deezer", "simulated-lastfm")
"""The same protocols from the offline upstream; ``simulated`` is the one that speaks as Spotify does."""


def is_simulated(source: str) -> bool:
    """Whether a series was invented by the offline upstream."""
    return source in SIMULATED_SOURCES


def _known_sources(value: Any) -> tuple[str, ...] | None:
    return None if value is None else rules.known_sources(value, LIVE_SOURCES, SIMULATED_SOURCES)


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names the variable and what to do."""


class Settings(UpstreamSettings, AlertSettings):
    """The platform's settings, from the environment, `.env`, and where else `secrets` says.

    Field names in upper case are the environment variables. A secret NAME may also stand in a file that
    NAME_FILE names.
    """

    model_config = SettingsConfigDict(
        env_file=secrets.FOUND_WHEN_READ,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    sources: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_known_sources)] = Field(
        default=None,
        description="Sources to observe, separated by commas: spotify, listenbrainz, deezer, lastfm. "
        "Default: spotify if its credentials are set, else the simulated source",
    )
    spotify_assets_contact: str | None = Field(
        default=None,
        description="Your e-mail address or web page; open services ask for it, so it is sent with each "
        "request",
    )
    spotify_markets: Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.markets)] = Field(
        default=("US",), description="Markets for top tracks: two-letter codes, separated by commas"
    )
    database_url: rules.PostgresUrl = Field(
        default=None,
        description="PostgreSQL server, 15 or newer, with a database of its own and no connection pooler in "
        "between: postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full. libpq's own variables "
        "(PGSSLMODE, …) are ignored. Default: an embedded PostgreSQL in SPOTIFY_ASSETS_HOME",
    )
    spotify_assets_aws_secret_id: str | None = Field(
        default=None,
        description="Name or ARN of an AWS Secrets Manager secret: a JSON object of settings, such as "
        '{"SPOTIFY_CLIENT_ID": "…"}, for settings that are set nowhere else. Needs the extra `aws`',
    )
    database_owner_url: rules.PostgresUrl = Field(
        default=None,
        description="URL of the same database for the role that owns and migrates the tables. "
        "Default: the role in DATABASE_URL",
    )
    database_reader_url: rules.PostgresUrl = Field(
        default=None, description="URL of the same database for a read-only role; created by `roles`"
    )
    database_dagster_url: rules.PostgresUrl = Field(
        default=None,
        description="URL of the same database for the role that stores Dagster's own records and sees "
        "nothing else; created by `roles`. Default: the role in DATABASE_URL",
    )
    database_viewer_url: rules.PostgresUrl = Field(
        default=None,
        description="URL of the same database for a role that can only read Dagster's records; created "
        "by `roles`",
    )
    lake_url: str | None = Field(
        default=None,
        description="Where raw responses are kept: a folder, file:///…, s3://… or gs://…. "
        "Default: SPOTIFY_ASSETS_HOME/lake",
    )
    spotify_assets_home: rules.Folder = Field(
        default_factory=installation.default_home,
        description="Where data lives. Default: .spotify-assets in a checkout; installed with pip, "
        "~/.local/share/spotify-assets",
    )
    spotify_assets_import_folder: rules.Folder | None = Field(
        default=None,
        description="Inbox: a file dropped into this folder is imported automatically. "
        "Default: SPOTIFY_ASSETS_HOME/imports",
    )
    spotify_assets_start_date: Annotated[date, AfterValidator(rules.first_day)] = Field(
        default=date(2024, 1, 1),
        description="First daily partition (UTC); set it to the first day of your oldest import",
    )
    spotify_assets_schedule_hour: int = Field(
        default=12,
        ge=0,
        le=23,
        description="Hour (UTC) of the daily run; Spotify updates popularity around 09–10",
    )
    dagster_events_kept_days: int = Field(
        default=180,
        ge=7,
        description="Days to keep Dagster's events of finished runs; the newest events of each partition "
        "stay",
    )
    compute_logs_kept_days: int = Field(default=90, ge=7, description="Days to keep the logs of runs")
    raw_kept_days: int | None = Field(
        default=None,
        ge=7,
        description="Days to keep raw responses of loaded days; without them a day cannot be loaded again. "
        "Default: forever",
    )
    forecast_learned_sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.names)] = Field(
        default=(),
        description="Sources whose series may be used to fit a forecasting model, separated by commas. "
        "Spotify's terms forbid training models on its content. Default: none",
    )
    dagster_web_url: rules.HttpUrl = Field(
        default="http://127.0.0.1:3000",
        description="Address at which people open the web UI; alerts link there",
    )
    web_allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.host_names)] = Field(
        default=(),
        description="Extra host names under which the web UI and the documentation are reachable, separated "
        "by commas; loopback and the host of DAGSTER_WEB_URL always are",
    )
    simulator_url: rules.HttpUrl | None = Field(
        default=None,
        description="Base URL of a running simulated source; set by the commands that start one",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - looked for when settings are read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - a folder of files; ours are named
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look for values where `secrets` says."""
        assert isinstance(init_settings, InitSettingsSource)  # noqa: S101 - what pydantic-settings hands over
        assert isinstance(env_settings, EnvSettingsSource)  # noqa: S101
        given = init_settings.init_kwargs
        dotenv = secrets.dotenv_source(settings_cls)
        return (init_settings, *secrets.sources(settings_cls, env_settings, dotenv, given))

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if (problem := self._credentials_problem() or self.mail_problem()) is not None:
            raise ValueError(problem)
        return self

    def _credentials_problem(self) -> str | None:
        for name in ("spotify_client_id", "spotify_client_secret", "listenbrainz_token", "lastfm_api_key"):
            value: SecretStr | None = getattr(self, name)
            if value is not None and not value.get_secret_value().strip():
                return f"{name.upper()} is blank: set it, or remove it"
        if (self.spotify_client_id is None) != (self.spotify_client_secret is None):
            absent = "SPOTIFY_CLIENT_ID" if self.spotify_client_id is None else "SPOTIFY_CLIENT_SECRET"
            return (
                f"{absent} is missing: set both SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET, "
                "or neither to use the simulated upstream"
            )
        if "spotify" in (self.sources or ()) and self.spotify_client_id is None:
            return (
                "SOURCES names spotify, which needs SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET: set them, "
                "or leave spotify out"
            )
        if "lastfm" in (self.sources or ()) and self.lastfm_api_key is None:
            return (
                "SOURCES names lastfm, which needs LASTFM_API_KEY (free, at https://www.last.fm/api): set "
                "it, or leave lastfm out"
            )
        if (self.sources is None and self.spotify_client_id is None) and (
            self.spotify_api_url != DEFAULT_API_URL or self.spotify_accounts_url != DEFAULT_ACCOUNTS_URL
        ):
            return (
                "SPOTIFY_API_URL or SPOTIFY_ACCOUNTS_URL is set but SPOTIFY_CLIENT_ID and "
                "SPOTIFY_CLIENT_SECRET are not: set them too, or remove the URLs to use the "
                "simulated upstream"
            )
        return None

    @property
    def upstream(self) -> Literal["spotify", "simulated"]:
        """Whose ids the watchlist holds: ``simulated`` only where what is observed is simulated."""
        return "simulated" if self.simulated else "spotify"

    @property
    def observed_sources(self) -> tuple[str, ...]:
        """Names of the upstreams that are observed, with the default filled in."""
        if self.sources is not None:
            return self.sources
        return ("spotify",) if self.spotify_client_id is not None else ("simulated",)

    @property
    def simulated(self) -> bool:
        """Whether what is observed is simulated."""
        return is_simulated(self.observed_sources[0])

    @property
    def effective_lake_url(self) -> str:
        """Where raw responses are kept, with the default filled in."""
        return self.lake_url or str(self.spotify_assets_home / "lake")

    @property
    def import_folder(self) -> Path:
        """Where files are dropped to be imported, with the default filled in."""
        return self.spotify_assets_import_folder or self.spotify_assets_home / "imports"


def unknown_settings() -> list[Unknown]:
    """Names in `.env` and in the environment that look like settings and are none.

    Raises:
        SettingsError: `.env` cannot be read.
    """
    known = [name.upper() for name in Settings.model_fields]
    known += [f"{name.upper()}_FILE" for name in secrets.secret_names(Settings)]
    problem = None
    try:
        return unknown_names(known, names_in(secrets.env_file_of(Settings)))
    except (EnvFileError, installation.NoHomeError) as error:
        problem = str(error)
    raise SettingsError(problem)  # outside of the handler: its error would carry what was read


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment now; a name that is none is warned of, once.

    Args:
        **overrides: Values that win over the environment, by field name.

    Raises:
        SettingsError: Naming each variable at fault, what is expected of it, and never its value.
    """
    unknown = [str(one) for one in unknown_settings()]
    lines = []
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        lines = rules.reasons(error, Settings.model_fields)
    except secrets.SecretError as error:
        lines = error.problems
    except installation.NoHomeError as error:
        lines = [str(error)]
    if lines:  # what is missing may stand there under another name
        raise SettingsError("These settings cannot be used:\n  " + "\n  ".join([*lines, *unknown]))
    warn_of(unknown)
    return settings
