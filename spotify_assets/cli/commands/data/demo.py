"""`demo`: the whole path on invented data, in one command."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import click
from rich.table import Table

from spotify_assets.artists import watchlist
from spotify_assets.cli.runtime.console import command, console, progress
from spotify_assets.cli.runtime.environment import Environment, export_dagster, open_environment, upstream
from spotify_assets.cli.runtime.outcomes import print_outcome
from spotify_assets.cli.runtime.tables import Column, fits, fitting
from spotify_assets.configuration.upstreams import DEFAULT_ACCOUNTS_URL, DEFAULT_API_URL
from spotify_assets.serving.reports import Riser, rising
from spotify_assets.serving.sparkline import sparkline
from spotify_assets.settings import load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.clock import SYSTEM_CLOCK

SOURCE = "simulated"
CHANGE_DAYS = 28
"""Rising is a change over so many days."""


def _track(environment: Environment, artists: int) -> None:
    catalogue = Catalogue()
    watchlist.add_many(
        environment.warehouse,
        SOURCE,
        [(catalogue.artist_id(index), catalogue.name(index)) for index in range(artists)],
        added_by="demo",
    )


_COLUMNS = (
    Column("artist", folded=32), Column("90 days"), Column("now", right=True), Column("28 days", right=True),
    Column("followers", right=True, unless="–"), Column("rank", right=True, dropped=2),
    Column("climbed", right=True, dropped=1, unless="–"), Column("since", dropped=3),
)  # fmt: skip
_LINES = (30, 20, 12)
"""Lengths of a series drawn as a line: as much as there is room for."""


def rising_table(risers: list[Riser], width: int) -> Table:
    """Who is rising, since when, by how much, in lines of at most so many characters."""
    days = max((len(riser.series) for riser in risers), default=0)
    columns = [replace(one, name=f"{days} days") if one.name == "90 days" else one for one in _COLUMNS]
    for length in _LINES:
        rows = [
            (
                riser.name,
                sparkline(riser.series, length),
                "–" if riser.popularity is None else str(riser.popularity),
                f"+{riser.change}",
                "–" if riser.followers_change is None else f"{riser.followers_change:+.1f}%",
                "–" if riser.rank is None else str(riser.rank),
                "–" if riser.rank_change is None else f"{riser.rank_change:+d}",
                f"{riser.since}",
            )
            for riser in risers
        ]
        if fits(columns, rows, width):
            break
    return fitting(columns, rows, width)


@click.command("demo", short_help="Observe 120 simulated artists over 90 days and print who is rising.")
@click.option(
    "--artists", type=click.IntRange(1, 1000), default=120, show_default=True, help="Artists to track."
)
@click.option("--days", type=click.IntRange(2, 400), default=90, show_default=True, help="Days, up to today.")
def demo_command(artists: int, days: int) -> None:
    """Observe simulated artists over past days, build the marts, and print who is rising.

    Everything is invented and labelled so, whatever credentials are set; nothing is asked of Spotify.

    \b
    Examples:
      spotify-assets demo
      spotify-assets demo --artists 300 --days 180
    """  # noqa: D301 - \b is for click
    from spotify_assets.cli.runtime.runs import run_days  # noqa: PLC0415 - slow to import

    settings = load_settings(
        spotify_client_id=None, spotify_client_secret=None,
        spotify_api_url=DEFAULT_API_URL, spotify_accounts_url=DEFAULT_ACCOUNTS_URL,
    )  # fmt: skip
    environment = open_environment(settings)
    screen = console()
    screen.print(
        "[bold]Spotify Assets demo[/bold]: SIMULATED data, invented artists and numbers", style="yellow"
    )
    screen.print(f"database  {environment.warehouse.where}", markup=False, soft_wrap=True)
    export_dagster(environment)
    _track(environment, artists)
    last = SYSTEM_CLOCK.now().date()
    first = last - timedelta(days=days - 1)
    with (
        upstream(settings),
        progress(screen, f"Observing {artists} artists over {days} days (some minutes)") as show,
    ):
        outcome = run_days(environment, first, last, show=show)
    print_outcome(screen, outcome)
    if not outcome.success:
        raise click.exceptions.Exit(1)
    screen.print(f"\n[bold]Who is rising[/bold] (simulated, as of {last})")
    if risers := rising(environment.warehouse, SOURCE):
        screen.print(rising_table(risers, screen.width))
    elif days <= CHANGE_DAYS:
        screen.print(
            f"Nobody yet: rising is a change over {CHANGE_DAYS} days. Observe more: "
            f"{command()} demo --days 90",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    else:
        screen.print(f"Nobody: no artist's popularity grew in the last {CHANGE_DAYS} days.")
    radar = (
        "select name, artist_names, popularity from new_release_radar where source = 'simulated' "
        "order by snapshot_date desc, popularity desc nulls last limit 10"
    )
    screen.print(
        "\nWhere to look next:\n"
        f"  {command()} up      web UI, daemon, documentation\n"
        f"  {command()} status  what is loaded, missing, lost\n"
        f'  {command()} sql "{radar}"\n'
        f"  {command()} watch add ARTIST  your own artists, after setting "
        "SOURCES=listenbrainz,deezer in .env (no account needed) or the id and secret of a Spotify app",
        markup=False,
        soft_wrap=True,
    )
