"""`doctor`: what each upstream lets you see, what it costs, and what to do about it, in plain words.

The facts are gathered in `cli.runtime.upstreams`.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from spotify_assets.artists.matching import namespace_of, without_id
from spotify_assets.artists.tracked import tracked_artists
from spotify_assets.cli.runtime.console import command, console, literal, shown
from spotify_assets.cli.runtime.environment import SIMULATED_NOTE, Environment, open_environment, upstream
from spotify_assets.cli.runtime.tables import Column, fitting
from spotify_assets.cli.runtime.upstreams import (
    UpstreamState,
    cooldown_json,
    end_named,
    opened_sources,
    others_paused,
    print_cooldown,
    upstream_states,
)
from spotify_assets.configuration.secrets import DOTENV, env_file_of, secret_origins
from spotify_assets.process_environment import set_aside
from spotify_assets.settings import Settings, load_settings, unknown_settings
from spotify_assets.sources.http import transports
from spotify_assets.sources.listenbrainz.source import SOMEBODY as SOME_MBID
from spotify_assets.sources.listenbrainz.source import ListenBrainzSource
from spotify_assets.sources.protocol import SourceError
from spotify_assets.sources.spotify.access import Mode
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.users.store import SignedIn, users
from spotify_assets.warehouse.upstream_state.api_usage import Cooldown

SOMEBODY = "0TnOYISbd1XYRBk9myaseg"
"""An artist on Spotify, to ask about where none is watched yet."""

MODES: Mapping[Mode, str] = {
    "unknown": "Nothing was asked of Spotify yet, so what your app may see is not known.",
    "extended": (
        "Your app has extended access: Spotify lets it see popularity, followers, top tracks and the list of "
        "new releases."
    ),
    "development": (
        "Your app is in what Spotify calls Development Mode, as every app made since February 2026 without a "
        "special agreement. It may see who artists are and which albums they have, but not how popular they "
        "are. Nothing is wrong with your set-up. Fans, listeners and top tracks can come from open sources "
        "instead: SOURCES=spotify,listenbrainz,deezer."
    ),
    "in between": (
        "Your app is an older one: Spotify lets it see some of what new apps may not. What it is refused is "
        "listed here; open sources can fill in: SOURCES=spotify,listenbrainz,deezer."
    ),
}

GIVES: Mapping[str, str] = {
    "listenbrainz": (
        "Open listening data of volunteers: how many people listen to an artist and how often, over all "
        "time; fresh releases. Top tracks need a free user token (LISTENBRAINZ_TOKEN)."
    ),
    "deezer": "Fans of each artist, their top tracks with a rank, and releases. No account is needed.",
    "lastfm": (
        "Listeners and plays of each artist over all time, and their top tracks. For non-commercial use."
    ),
}


def _title(name: str) -> str:
    titles = {"spotify": "Spotify", "listenbrainz": "ListenBrainz", "deezer": "Deezer", "lastfm": "Last.fm"}
    if name == "simulated":
        return "Simulated upstream (speaks as Spotify does)"
    simulated = name.startswith("simulated-")
    return ("Simulated " if simulated else "") + titles[name.removeprefix("simulated-")]


def _print_capabilities(screen: Console, state: UpstreamState) -> None:
    columns = [Column(""), Column(""), Column("", unless=""), Column("", dropped=1)]
    rows = []
    for one in sorted(state.capabilities, key=lambda one: (not one.allowed, one.name)):
        kind, _, what = one.name.partition(": ")
        may = Text("may", "green") if one.allowed else Text("may not", "red")
        asked = f"{'see' if kind == 'field' else 'ask for'} {what}" if what else kind
        rows.append((may, asked, "" if one.allowed else one.reason, f"since {one.since:%Y-%m-%d}"))
    table = fitting(columns, rows, screen.width - 2)
    table.show_header = False
    screen.print(Padding(table, (0, 0, 0, 2)))


def _print_upstream(screen: Console, state: UpstreamState) -> None:
    screen.print(f"\n[bold]{_title(state.name)}[/bold]", highlight=False)
    words = MODES[state.mode] if state.mode is not None else GIVES[state.name.removeprefix("simulated-")]
    screen.print(Padding(words, (0, 0, 0, 2)))
    if state.capabilities:
        _print_capabilities(screen, state)
    if state.cooldown is not None:
        print_cooldown(screen, state.cooldown)
    if state.not_offered:
        screen.print(
            f"  not offered by this source: {', '.join(state.not_offered)}", markup=False, soft_wrap=True
        )
    pace = f", at most {state.per_second:g} a second" if state.per_second else ""
    of = f" of {state.budget:,}" if state.budget is not None else ""
    calls = "call" if state.calls_today == 1 and not of else "calls"
    screen.print(f"  today     {state.calls_today:,}{of} {calls} made{pace}", markup=False)
    screen.print(f"  tomorrow  {state.outlook.sentence}", markup=False, soft_wrap=True)
    if state.unidentified:
        screen.print(
            f"  unknown   {without_id(state.unidentified, namespace_of(state.name))}: "
            f"{command()} watch identify",
            style="yellow", markup=False, soft_wrap=True,
        )  # fmt: skip


def _print_upstreams(screen: Console, states: Sequence[UpstreamState], paused: Sequence[Cooldown]) -> None:
    for state in states:
        _print_upstream(screen, state)
    for one in paused:
        screen.print(f"\n[bold]{literal(one.upstream)}[/bold]")
        print_cooldown(screen, one)


def _print_advice(screen: Console, problems: Sequence[str], advice: Sequence[str]) -> None:
    if others := set_aside():
        names = ", ".join(others)
        screen.print(f"\nVariables of other programs, not used: {names}", markup=False, soft_wrap=True)
    for line in problems:
        screen.print(f"\n{shown(line)}", style="red", markup=False, soft_wrap=True)
    if advice:
        screen.print("\n[bold]What to do[/bold]")
        for line in advice:
            screen.print(f"  - {line}", markup=False, soft_wrap=True)


def _print_users(screen: Console, signed_in: list[SignedIn], now: datetime) -> None:
    if not signed_in:
        return
    screen.print("\n[bold]Signed-in users[/bold]")
    for user in signed_in:
        state = f"until {user.expires_at:%Y-%m-%d}"
        if user.has_ended(now):
            state = f"ended on {user.expires_at:%Y-%m-%d}: {command()} login"
        elif user.ends_soon(now):
            state = f"ends on {user.expires_at:%Y-%m-%d}, soon: {command()} login"
        screen.print(f"  {shown(user.display_name or user.user_id)}  {state}", markup=False, soft_wrap=True)


def _print_secrets(screen: Console, origins: Mapping[str, str]) -> None:
    if not origins:
        return
    screen.print("\n[bold]Secrets[/bold]")
    for name, origin in origins.items():
        screen.print(
            f"  {name:<{max(map(len, origins))}}  from {shown(origin)}", markup=False, soft_wrap=True
        )


def _advice(settings: Settings, states: list[UpstreamState]) -> list[str]:
    """What a person should do, most useful first."""
    found = []
    live = [state.name for state in states if not state.name.startswith("simulated")]
    if live and settings.spotify_assets_contact is None:
        found.append(
            "Set SPOTIFY_ASSETS_CONTACT to an e-mail address or page of yours: open services ask for it, and "
            "may turn away who has none."
        )
    if any(not state.outlook.artists and not state.unidentified for state in states):
        found.append(f"Say whom to watch: {command()} watch add ARTIST")
    found += [
        f"{_title(state.name)}: watch fewer artists, or raise SPOTIFY_CALLS_PER_DAY if your app stands more."
        for state in states
        if not state.outlook.fits
    ]
    return found


def _readable_secrets(origins: Mapping[str, str]) -> list[str]:
    """What to do about a `.env` that holds secrets and that other users of the machine may read."""
    file = env_file_of(Settings)
    if file is None or DOTENV not in origins.values():
        return []
    mode = stat.S_IMODE(file.stat().st_mode)
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [
        f"Others on this machine can read the secrets in {file} (mode {mode:o}): "
        f"chmod 600 {shlex.quote(str(file))}"
    ]


def _addresses(settings: Settings) -> list[str]:
    """Whom live observation asks, and who is told of problems."""
    found = []
    if not settings.simulated:
        found = [getattr(settings, f"{source}_api_url") for source in settings.observed_sources]
        found += [settings.musicbrainz_api_url, settings.wikidata_sparql_url]
        found += [settings.spotify_accounts_url] if "spotify" in settings.observed_sources else []
    told = (settings.alert_slack_webhook_url, settings.alert_webhook_url)
    return [*found, *(url.get_secret_value() for url in told if url is not None)]


def _probe(environment: Environment, *, again: bool) -> list[str]:
    """Ask what is not known yet, or all of it `again`; returns what went wrong."""
    problems = []
    with upstream(environment.settings), ExitStack() as stack:
        # Only now is the address of a simulated upstream known.
        sources = stack.enter_context(opened_sources(replace(environment, settings=load_settings())))
        for source in sources:
            if not isinstance(source, SpotifySource | ListenBrainzSource):
                continue
            somebody = SOMEBODY if isinstance(source, SpotifySource) else SOME_MBID
            watched = tracked_artists(environment.warehouse, source.namespace).ids
            try:
                asyncio.run(_ask(source, watched[0] if watched else somebody, again=again))
            except SourceError as error:
                problems.append(str(error))
    return problems


async def _ask(source: SpotifySource | ListenBrainzSource, artist_id: str, *, again: bool) -> None:
    try:
        await source.probe(artist_id, again=again)
    finally:  # connections have to be given up in the event loop that opened them
        await source.aclose()


@click.command("doctor", short_help="Show what each upstream lets you see, and what tomorrow will cost.")
@click.option(
    "--probe/--no-probe", default=None, help="Ask what is not known yet: at most 8 calls. Default: once."
)
@click.option("--again", is_flag=True, help="Ask anew, also for what is remembered as refused.")
@click.option(
    "--end-cooldown", "ended", metavar="SOURCE", multiple=True, help="Let a paused upstream be asked at once."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor_command(probe: bool | None, again: bool, ended: tuple[str, ...], as_json: bool) -> None:
    """Show what each upstream lets you see, what was asked today, and what tomorrow's run will cost.

    Since 2026 most Spotify apps may not see popularity, followers, top tracks or new releases. What yours may
    see is found out by asking, remembered, and corrected when Spotify changes it.

    \b
    Examples:
      spotify-assets doctor
      spotify-assets doctor --again
      spotify-assets doctor --end-cooldown deezer
      spotify-assets doctor --json
    """  # noqa: D301 - \b is for click
    if again and probe is False:
        raise click.UsageError("--again asks and --no-probe does not: choose one")
    environment = open_environment()
    end_named(environment.warehouse, ended)
    states = upstream_states(environment)
    problems = transports.problems(_addresses(environment.settings))
    first_time = any(state.mode == "unknown" for state in states)
    if again or probe or (probe is None and first_time):
        problems += [one for one in _probe(environment, again=again) if one not in problems]
        states = upstream_states(environment)
    now = datetime.now(UTC)
    signed_in = users(environment.warehouse)
    origins = secret_origins(Settings)
    unknown = [str(one) for one in unknown_settings()]
    paused = others_paused(environment.warehouse, {state.name for state in states})
    advice = [*_readable_secrets(origins), *unknown, *_advice(environment.settings, states)]
    if as_json:
        report: dict[str, Any] = {
            "simulated": environment.simulated,
            "upstreams": [state.as_json() for state in states],
            "others_paused": [{"upstream": one.upstream, **cooldown_json(one)} for one in paused],
            "users": [
                {
                    "user": user.user_id,
                    "expires_at": user.expires_at.isoformat(),
                    "ends_soon": user.ends_soon(now),
                }
                for user in signed_in
            ],
            "secrets": origins,
            "not_settings": unknown,
            "variables_set_aside": set_aside(),
            "problems": problems,
            "advice": advice,
        }
        click.echo(json.dumps(report, indent=2))
    else:
        screen = console()
        if environment.simulated:
            screen.print(SIMULATED_NOTE, style="yellow")
        _print_upstreams(screen, states, paused)
        _print_users(screen, signed_in, now)
        _print_secrets(screen, origins)
        _print_advice(screen, problems, advice)
    if problems:
        raise click.exceptions.Exit(1)
