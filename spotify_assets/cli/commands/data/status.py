"""`status`: what is loaded, missing, lost and in quarantine, and when the next run is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import click
from rich.console import Console

from spotify_assets.artists import watchlist
from spotify_assets.artists.matching import namespace_of, without_id
from spotify_assets.cli.runtime.console import command, console, say, shown
from spotify_assets.cli.runtime.environment import SIMULATED_NOTE, Environment, open_environment
from spotify_assets.cli.runtime.outcomes import simulated_hint
from spotify_assets.cli.runtime.tables import Column, fitting
from spotify_assets.cli.runtime.upstreams import UpstreamState, others_paused, upstream_states
from spotify_assets.configuration.secrets import env_file_of
from spotify_assets.defs.daily.planner import COMPLETE_TODAY, look, next_tick, plan
from spotify_assets.lake.landing import without_credentials
from spotify_assets.quality.coverage import Coverage, coverage
from spotify_assets.quality.lost_days import loadable_days
from spotify_assets.settings import Settings
from spotify_assets.sources.http.quota import in_minutes
from spotify_assets.sources.reasons.reason import to_json
from spotify_assets.warehouse.dagster_runs import recorded_runs, sensor_cursor
from spotify_assets.warehouse.upstream_state.api_usage import Cooldown

NAMED = 10
"""Missing entries of a table that are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class NextRun:
    """When the next run is, while the daemon runs, and why.

    Attributes:
        daily: When the daily run comes next.
        again: When today is asked about again before that; none if it is not.
        why: Why it is, or why it is not.
    """

    daily: datetime
    again: datetime | None
    why: str

    @property
    def at(self) -> datetime:
        """When the next run is."""
        return self.again or self.daily

    @property
    def sentence(self) -> str:
        """The same in words."""
        daily = f"{self.daily:%Y-%m-%d %H:%M} UTC"
        if self.again is None:
            return daily
        return f"{self.again:%Y-%m-%d %H:%M} UTC ({self.why[0].lower()}{self.why[1:]}); the daily one {daily}"


def next_run(environment: Environment, now: datetime) -> NextRun:
    """Work out when the next run is, as the schedule and the sensor of the daemon will."""
    settings, warehouse = environment.settings, environment.warehouse
    daily = next_tick(now, settings.spotify_assets_schedule_hour)
    runs = recorded_runs(warehouse, now.astimezone(UTC).date())
    cursor = json.loads(sensor_cursor(warehouse, COMPLETE_TODAY) or "{}")
    following = plan(look(runs, warehouse, settings, now, cursor.get("watchlist")))
    if isinstance(following, str):
        return NextRun(daily, None, following)
    if following.at == daily:
        return NextRun(daily, None, following.why)
    return NextRun(daily, max(following.at, now), following.why)


@dataclass(frozen=True, slots=True)
class _Series:
    """What is loaded of one table and source.

    Attributes:
        loaded: By the ledger.
        loadable: Days without observations that can still be had.
        lost: Days without observations that cannot.
    """

    loaded: Coverage
    loadable: Sequence[date]
    lost: Sequence[date]

    @property
    def is_offered(self) -> bool:
        """Whether there is anything to say of it: not of what a source never had."""
        return self.loaded.newest.is_offered or self.loaded.rows > 0

    def as_json(self) -> dict[str, Any]:
        """The series for programs."""
        item = self.loaded
        return {
            "table": item.table, "source": item.source, "offered": item.newest.is_offered,
            "first_day": item.first_day.isoformat(), "newest_day": item.newest_day.isoformat(),
            "days": item.days, "rows": item.rows,
            "missing": item.missing, "quarantined": item.quarantined,
            "missing_on_newest_day": to_json(item.newest.lacking),
            "lost_days": [day.isoformat() for day in self.lost],
            "loadable_days": [day.isoformat() for day in self.loadable],
        }  # fmt: skip


def _all_series(environment: Environment) -> list[_Series]:
    found = []
    for item in coverage(environment.warehouse, environment.settings.observed_sources):
        loadable = loadable_days(environment.landing, item.table, item.source, item.gaps)
        lost = [day for day in item.gaps if day not in loadable]
        found.append(_Series(item, [day for day in item.gaps if day in loadable], lost))
    return found


_COLUMNS = (
    Column("source and table"), Column("first day", dropped=1), Column("newest day"),
    Column("days", right=True, dropped=2), Column("rows", right=True),
    Column("missing", right=True, unless="0"), Column("quarantined", right=True, unless="0", dropped=3),
    Column("lost", right=True, unless="0"),
)  # fmt: skip


def _print_series(screen: Console, series: list[_Series]) -> None:
    rows: list[Sequence[str]] = []
    for source in sorted({one.loaded.source for one in series}):
        rows.append([source, *[""] * (len(_COLUMNS) - 1)])
        for one in series:
            item = one.loaded
            if item.source == source:
                days = f"{item.first_day}", f"{item.newest_day}", f"{item.days:,}"
                counts = (item.rows, item.missing, item.quarantined, len(one.lost))
                rows.append([f"  {item.table}", *days, *(f"{count:,}" for count in counts)])
    screen.print(fitting(_COLUMNS, rows, screen.width))
    for one in series:
        item = one.loaded
        name = f"{item.table}, {item.source}:"
        if one.lost:
            screen.print(f"lost: {name} {_some(one.lost)}", markup=False, soft_wrap=True)
        if one.loadable:
            again = f"{command()} backfill --from {one.loadable[0]} --to {one.loadable[-1]}"
            screen.print(
                f"not loaded yet: {name} {_some(one.loadable)} ({again})", markup=False, soft_wrap=True
            )
    for one in series:
        item = one.loaded
        where = f"missing on {item.newest_day}: {item.table}, {item.source}:"
        for key, reason in list(item.newest.lacking.items())[:NAMED]:
            screen.print(f"{where} {shown(key)} ({shown(reason.sentence)})", markup=False, soft_wrap=True)
        if len(item.newest.lacking) > NAMED:
            more = len(item.newest.lacking) - NAMED
            screen.print(f"{where} … and {more:,} more (status --json)", markup=False)


def _some(days: Sequence[date]) -> str:
    more = f" and {len(days) - 8} more" if len(days) > 8 else ""
    return ", ".join(day.isoformat() for day in days[:8]) + more


def _print_calls(screen: Console, state: UpstreamState) -> None:
    """What an upstream cost today, whether it must be left alone, and what tomorrow costs."""
    of = f" of {state.budget:,}" if state.budget is not None else ""
    screen.print(
        f"calls     {state.name}: {state.calls_today:,}{of} today; tomorrow: {state.outlook.sentence}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    if state.unidentified:
        screen.print(
            f"unknown   {state.name}: {without_id(state.unidentified, namespace_of(state.name))}: "
            f"{command()} watch identify",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    if state.cooldown is not None:
        _print_paused(screen, state.cooldown)


def _print_paused(screen: Console, cooldown: Cooldown) -> None:
    screen.print(
        f"paused    {cooldown.upstream}: nothing is asked until {in_minutes(cooldown.until)} "
        f"({shown(cooldown.reason)}); to end it: {command()} doctor --end-cooldown {cooldown.upstream}",
        style="yellow", markup=False, soft_wrap=True,
    )  # fmt: skip


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].endswith("password")
    ]
    place = f"{user.partition(':')[0]}{at}{host}"
    return urlunsplit(("postgresql", place, parts.path, urlencode(query, safe="/", quote_via=quote), ""))


def _print_url(environment: Environment) -> None:
    """Where SQL clients connect to; the password is the reader's to know."""
    warehouse = environment.warehouse
    click.echo(_without_password(warehouse.url.get_secret_value()))
    if warehouse.home is not None:
        say(
            "The embedded server runs only while something of the platform does: keep "
            f"`{command()} up` running, or give the client as a command: "
            f'{command()} exec psql "$({command()} status --url)". '
            "It listens on a socket, on no port.",
            err=True,
        )


@click.command("status", short_help="Show what is loaded, missing, lost and in quarantine.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--url", "only_url", is_flag=True, help="Print the database's URL for SQL clients.")
def status_command(as_json: bool, only_url: bool) -> None:
    """Show what is loaded, missing, lost and in quarantine.

    \b
    Examples:
      spotify-assets status
      spotify-assets status --json
      spotify-assets status --url
    """  # noqa: D301 - \b is for click
    environment = open_environment()
    settings = environment.settings
    if only_url:
        _print_url(environment)
        return
    settings_file = env_file_of(Settings)
    watched = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.simulated)
    states = upstream_states(environment)
    series = _all_series(environment)
    following = next_run(environment, datetime.now(UTC))
    lake = without_credentials(settings.effective_lake_url)
    if as_json:
        report = {
            "upstream": ",".join(settings.observed_sources),
            "simulated": environment.simulated,
            "tracked_artists": len(watched),
            "home": str(settings.spotify_assets_home),
            "settings_file": str(settings_file) if settings_file else None,
            "database": environment.warehouse.where,
            "lake": lake,
            "next_scheduled_run": following.daily.isoformat(),
            "next_run": following.at.isoformat(),
            "next_run_why": following.why,
            "upstreams": [state.as_json() for state in states],
            "series": [one.as_json() for one in series],
        }
        click.echo(json.dumps(report, indent=2))
        return
    screen = console()
    if environment.simulated:
        screen.print(SIMULATED_NOTE, style="yellow")
    names = ", ".join(settings.observed_sources)
    screen.print(f"upstream  {names}, {len(watched):,} artists tracked", markup=False)
    screen.print(f"home      {settings.spotify_assets_home}", markup=False, soft_wrap=True)
    if settings_file:
        screen.print(f"settings  {settings_file}", markup=False, soft_wrap=True)
    screen.print(f"database  {environment.warehouse.where}", markup=False, soft_wrap=True)
    screen.print(f"          for SQL clients: {command()} status --url", markup=False, soft_wrap=True)
    screen.print(f"lake      {lake}", markup=False, soft_wrap=True)
    screen.print(
        f"next run  {following.sentence}, while `{command()} up` is running", markup=False, soft_wrap=True
    )
    for state in states:
        _print_calls(screen, state)
    for one in others_paused(environment.warehouse, {state.name for state in states}):
        _print_paused(screen, one)
    screen.print()
    if series:
        _print_series(screen, [one for one in series if one.is_offered])
        sources = (one.loaded.source for one in series)
        if hint := simulated_hint(sources, simulated=environment.simulated):
            screen.print(f"\n{hint}", markup=False, soft_wrap=True)
    else:
        first = "" if watched else f"{command()} watch add ARTIST, then "
        screen.print(f"Nothing is loaded yet: {first}{command()} materialize", markup=False, soft_wrap=True)
