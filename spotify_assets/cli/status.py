"""`status`: what is loaded, missing, lost and in quarantine, and when the next run is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from spotify_assets.cli.console import command, console, shown
from spotify_assets.cli.environment import SIMULATED_NOTE, Environment, export_dagster, open_environment
from spotify_assets.cli.upstreams import UpstreamState, upstream_states
from spotify_assets.lake.landing import without_credentials
from spotify_assets.warehouse import watchlist
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.dagster_events import any_runs_recorded
from spotify_assets.warehouse.ledger import Coverage, coverage, current_load

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
    from spotify_assets.defs.sensors import known_watchlist  # noqa: PLC0415 - Dagster is slow to import
    from spotify_assets.defs.today import look, next_tick, plan  # noqa: PLC0415

    settings, warehouse = environment.settings, environment.warehouse
    daily = next_tick(now, settings.spotify_assets_schedule_hour)
    with _dagster(environment) as instance:
        known = known_watchlist(instance) if instance is not None else None
        following = plan(look(instance, warehouse, settings, now, known))
    if isinstance(following, str):
        return NextRun(daily, None, following)
    if following.at == daily:
        return NextRun(daily, None, following.why)
    return NextRun(daily, max(following.at, now), following.why)


@contextmanager
def _dagster(environment: Environment) -> Iterator[Any]:
    """Dagster's records; none where there are none yet, so that nothing needs to be prepared for looking."""
    with environment.warehouse.connect() as connection, connection.cursor() as cursor:
        recorded = any_runs_recorded(cursor)
    if not recorded:
        yield None
        return
    import dagster as dg  # noqa: PLC0415 - slow

    export_dagster(environment)
    with dg.DagsterInstance.get() as instance:
        yield instance


@dataclass(frozen=True, slots=True)
class _Series:
    """What is loaded of one table and source, and what did not come on its newest day."""

    loaded: Coverage
    missing: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The series for programs."""
        item = self.loaded
        return {
            "table": item.table, "source": item.source, "first_day": item.first_day.isoformat(),
            "newest_day": item.newest_day.isoformat(), "days": item.days, "rows": item.rows,
            "missing": item.missing, "quarantined": item.quarantined,
            "missing_on_newest_day": self.missing, "lost_days": [day.isoformat() for day in item.gaps],
        }  # fmt: skip


def _all_series(warehouse: Warehouse, observed: Sequence[str]) -> list[_Series]:
    found = []
    for item in coverage(warehouse, observed):
        load = current_load(warehouse, item.table, item.source, item.newest_day)
        found.append(_Series(item, dict(load.missing) if load else {}))
    return found


def _print_series(screen: Console, series: list[_Series]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("table", "source", "first day", "newest day"):
        table.add_column(name)
    for name in ("days", "rows", "missing", "quarantined", "lost days"):
        table.add_column(name, justify="right")
    for item in (one.loaded for one in series):
        table.add_row(
            item.table, item.source, f"{item.first_day}", f"{item.newest_day}", f"{item.days:,}",
            f"{item.rows:,}", f"{item.missing:,}", f"{item.quarantined:,}", f"{len(item.gaps):,}",
        )  # fmt: skip
    screen.print(table)
    for item in (one.loaded for one in series if one.loaded.gaps):
        days = ", ".join(day.isoformat() for day in item.gaps[:8])
        more = f" and {len(item.gaps) - 8} more" if len(item.gaps) > 8 else ""
        screen.print(f"not observed: {item.table}, {item.source}: {days}{more}", markup=False, soft_wrap=True)
    for one in series:
        where = f"missing on {one.loaded.newest_day}: {one.loaded.table}, {one.loaded.source}:"
        for key, reason in list(one.missing.items())[:NAMED]:
            screen.print(f"{where} {shown(key)} ({shown(reason)})", markup=False, soft_wrap=True)
        if len(one.missing) > NAMED:
            screen.print(f"{where} … and {len(one.missing) - NAMED:,} more (status --json)", markup=False)


def _print_calls(screen: Console, state: UpstreamState) -> None:
    """What an upstream cost today, whether it must be left alone, and what tomorrow costs."""
    of = f" of {state.budget:,}" if state.budget is not None else ""
    screen.print(
        f"calls     {state.name}: {state.calls_today:,}{of} today; tomorrow: {state.outlook.sentence}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    if state.unidentified:
        screen.print(
            f"unknown   {state.name}: {state.unidentified:,} watched without a known id here: "
            f"{command()} watch identify",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    if state.cooldown is not None:
        screen.print(
            f"paused    {state.name}: nothing is asked until {state.cooldown.until:%Y-%m-%d %H:%M} UTC "
            f"({shown(state.cooldown.reason)})",
            style="yellow", markup=False, soft_wrap=True,
        )  # fmt: skip


@click.command("status", short_help="Show what is loaded, missing, lost and in quarantine.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status_command(as_json: bool) -> None:
    """Show what is loaded, missing, lost and in quarantine.

    \b
    Examples:
      spotify-assets status
      spotify-assets status --json
    """  # noqa: D301 - \b is for click
    environment = open_environment()
    settings = environment.settings
    watched = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.simulated)
    states = upstream_states(environment)
    series = _all_series(environment.warehouse, settings.observed_sources)
    following = next_run(environment, datetime.now(UTC))
    lake = without_credentials(settings.effective_lake_url)
    if as_json:
        report = {
            "upstream": ",".join(settings.observed_sources),
            "simulated": environment.simulated,
            "tracked_artists": len(watched),
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
    screen.print(f"database  {environment.warehouse.where}", markup=False, soft_wrap=True)
    screen.print(f"lake      {lake}", markup=False, soft_wrap=True)
    screen.print(
        f"next run  {following.sentence}, while `spotify-assets up` is running", markup=False, soft_wrap=True
    )
    for state in states:
        _print_calls(screen, state)
    screen.print()
    if series:
        _print_series(screen, series)
    else:
        screen.print(
            "Nothing is loaded yet: spotify-assets watch add ARTIST, then spotify-assets materialize"
        )
