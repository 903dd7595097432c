"""`login` and `logout`: a user lets the platform see what only they may see, and takes it back.

The protocol stands in `sources.spotify`, the keeping in `users.store`, the deleting in `erasure.purge`.
"""

from __future__ import annotations

import asyncio
import json
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import click
from pydantic import SecretStr

from spotify_assets.cli.commands.operations.purge import confirm, print_purged
from spotify_assets.cli.runtime.console import command, console, say, shown
from spotify_assets.cli.runtime.environment import Environment, open_environment, upstream
from spotify_assets.settings import Settings, load_settings
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota, UncountedQuota
from spotify_assets.sources.http.refusals import spotify_form
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.users import store
from spotify_assets.users.access_token import OneToken, Person, who
from spotify_assets.users.grants import TokenCalls, Tokens, ends_at
from spotify_assets.users.pkce import SCOPES, AuthorizationRequest, Redirect
from spotify_assets.users.sign_in_callback import Callback
from spotify_assets.users.store import SignedIn
from spotify_assets.users.token_encryption import TokenEncryption
from spotify_assets.warehouse.upstream_state.quota import SharedQuota
from spotify_assets.warehouse.upstream_state.state import PostgresState

APPS_PAGE = "https://www.spotify.com/account/apps/"
WAIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _Service:
    """Whom a user signs in to."""

    source: str
    accounts_url: str
    api_url: str
    client_id: SecretStr


def _service(settings: Settings) -> _Service:
    """The service that the settings choose; the simulated one has to be running."""
    if settings.simulated and settings.simulator_url is not None:
        url = settings.simulator_url
        return _Service("simulated", url, f"{url}/v1", SecretStr("simulated"))
    if settings.spotify_client_id is not None and not settings.simulated:
        return _Service(
            "spotify", settings.spotify_accounts_url, settings.spotify_api_url, settings.spotify_client_id
        )
    raise click.ClickException(
        "Signing in needs a Spotify app: set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET "
        "(https://developer.spotify.com/dashboard), and list SPOTIFY_REDIRECT_URL "
        f"({settings.spotify_redirect_url}) at the app."
    )


@contextmanager
def _leave(environment: Environment, settings: Settings) -> Iterator[SharedQuota]:
    """The leave to call that whatever is asked for the app shares: its books, its pace, its cooldown."""
    memory = PostgresState(environment.warehouse)
    app = SpotifySource.from_settings(settings, memory=memory)
    with closing(memory.quota(app.name, app.credential)) as quota:
        quota.limit(*app.allowed_pace)
        yield quota


async def _finish(
    service: _Service, quota: Quota, request: AuthorizationRequest, code: SecretStr
) -> tuple[Tokens, Person]:
    """Exchange the code and ask who it was."""
    accounts = PoliteClient(service.accounts_url, concurrency=1, quota=UncountedQuota(quota))
    calls = TokenCalls(accounts, service.client_id, name=service.source)
    session = calls.session()
    try:
        tokens = await calls.exchange(request, code, session)
        authorization = OneToken(tokens.access)
        api = PoliteClient(
            service.api_url,
            concurrency=1,
            quota=quota,
            authorization=authorization,
            own_error=spotify_form,
        )
        try:
            return tokens, await who(api, session)
        finally:
            await api.aclose()
    finally:
        await accounts.aclose()


def _ask(
    service: _Service, request: AuthorizationRequest, callback: Callback, *, browser: bool, seconds: float
) -> SecretStr:
    """Show the address, wait for the answer, and return its code."""
    url = request.url(service.accounts_url, service.client_id)
    opened = browser and webbrowser.open(url)
    click.echo(f"{'Your browser should show' if opened else 'Open'} this address to sign in:\n\n  {url}\n")
    say(f"Waiting {seconds:,.0f} seconds for the answer at {request.redirect.url} (Ctrl+C ends it) …")
    if not opened:
        port = request.redirect.port
        say(
            "The browser has to be on this machine. From another one, connect with: "
            f"ssh -L {port}:127.0.0.1:{port} THIS_MACHINE",
            err=True,
        )
    return request.code(callback.wait(request.answers, seconds))


@click.command("login", short_help="Sign a user in, for what only they may see.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option(
    "--timeout", type=click.IntRange(1, 3600), default=WAIT_SECONDS, show_default=True,
    help="Seconds to wait for the answer.",
)  # fmt: skip
def login_command(no_browser: bool, timeout: int) -> None:
    """Sign a user in, for what only they may see: recent plays, top lists, library, follows, playlists.

    The sign-in lasts six months; `doctor` says two weeks before that it ends. The token that is kept is
    encrypted. Signing in again renews it.

    \b
    Examples:
      spotify-assets login
      spotify-assets login --no-browser
    """  # noqa: D301 - \b is for click
    settings = load_settings()
    redirect = Redirect.parse(settings.spotify_redirect_url)
    environment = open_environment(settings)
    with upstream(settings):
        settings = load_settings() if settings.simulated else settings
        service = _service(settings)
        request = AuthorizationRequest.new(redirect)
        with _leave(environment, settings) as quota:
            # Before anybody is asked to sign in for nothing; waiting for them needs no connection.
            quota.check()
            quota.close()
            with Callback(redirect) as callback:
                code = _ask(service, request, callback, browser=not no_browser, seconds=timeout)
            tokens, person = asyncio.run(_finish(service, quota, request, code))
    _keep(environment, service.source, tokens, person)


def _keep(environment: Environment, source: str, tokens: Tokens, person: Person) -> None:
    assert tokens.refresh is not None  # noqa: S101 - `exchange` has made sure
    now = datetime.now(UTC)
    store.sign_in(
        environment.warehouse,
        TokenEncryption(environment.settings.spotify_assets_home),
        source=source,
        user_id=person.user_id,
        display_name=person.display_name,
        scopes=tokens.scopes or SCOPES,
        authorised_at=now,
        expires_at=ends_at(now),
        refresh_token=tokens.refresh,
    )
    say(
        f"Signed in: {shown(person.display_name or person.user_id)} ({source}, user "
        f"{shown(person.user_id)}), until {ends_at(now):%Y-%m-%d}."
    )
    if missing := [scope for scope in SCOPES if tokens.scopes and scope not in tokens.scopes]:
        say(f"Not granted, so not observed: {', '.join(missing)}", err=True)
    say(f"To take it back, with everything it brought: {command()} logout")


def _chosen(environment: Environment, user: str | None) -> SignedIn:
    found = store.users(environment.warehouse)
    chosen = [one for one in found if user is None or user in {one.user_id, one.display_name}]
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise click.ClickException("Nobody is signed in.")
    names = "\n".join(
        f"  {command()} logout --user {shown(one.user_id)}    {shown(one.called)}" for one in found
    )
    problem = f"{user} is not signed in" if user and not chosen else "Several users are signed in"
    raise click.ClickException(f"{problem}; say who:\n{names}")


@click.command("logout", short_help="Sign a user out and delete everything they brought.")
@click.option("--user", help="Id or name of the user; not needed while only one is signed in.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def logout_command(user: str | None, yes: bool, as_json: bool) -> None:
    """Sign a user out and delete everything they brought: the token, and their data wherever it lies.

    \b
    Examples:
      spotify-assets logout
      spotify-assets logout --user 31abc --yes
    """  # noqa: D301 - \b is for click
    environment = open_environment()
    chosen = _chosen(environment, user)
    if not yes:
        confirm(f"Sign out {shown(chosen.called)} ({chosen.source}) and delete everything they brought?")
    from spotify_assets.erasure.purge import purge_user  # noqa: PLC0415 - slow to import

    purged = purge_user(environment.warehouse, environment.landing, chosen.user_id, source=chosen.source)
    if as_json:
        click.echo(json.dumps(purged.as_json(), indent=2))
    else:
        click.echo(f"Signed out: {shown(chosen.called)}. The token is deleted.")
        print_purged(console(), purged)
        if chosen.source == "spotify":
            click.echo(f"Spotify still lists the app until you remove it there: {APPS_PAGE}")
    if purged.left:
        raise click.exceptions.Exit(1)
