"""`demo`: the whole path on invented data, in one command."""

from __future__ import annotations

from datetime import timedelta

import click
from rich.table import Table

from spotify_assets.cli.console import command, console, literal, print_outcome, progress
from spotify_assets.cli.environment import Environment, export_dagster, open_environment, upstream
from spotify_assets.cli.runs import run_days
from spotify_assets.serving.reports import Riser, rising
from spotify_assets.serving.sparkline import sparkline
from spotify_assets.settings import DEFAULT_ACCOUNTS_URL, DEFAULT_API_URL, load_settings
from spotify_assets.simulator.catalogue import Catalogue
from spotify_assets.sources.clock import SYSTEM_CLOCK
from spotify_assets.warehouse import watchlist

SOURCE = "simulated"


def _track(environment: Environment, artists: int) -> None:
    catalogue = Catalogue()
    watchlist.add_many(
        environment.warehouse,
        SOURCE,
        [(catalogue.artist_id(index), catalogue.name(index)) for index in range(artists)],
        added_by="demo",
    )


def rising_table(risers: list[Riser]) -> Table:
    """Who is rising, since when, by how much."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("artist", no_wrap=True)
    table.add_column(
        f"popularity, {max((len(riser.series) for riser in risers), default=0)} days", no_wrap=True
    )
    for name in ("now", "28 days", "followers", "rank", "climbed"):
        table.add_column(name, justify="right")
    table.add_column("since", no_wrap=True)
    for riser in risers:
        table.add_row(
            literal(riser.name[:28]),
            sparkline(riser.series),
            "–" if riser.popularity is None else str(riser.popularity),
            f"+{riser.change}",
            "–" if riser.followers_change is None else f"{riser.followers_change:+.1f} %",
            "–" if riser.rank is None else str(riser.rank),
            "–" if riser.rank_change is None else f"{riser.rank_change:+d}",
            f"{riser.since}",
        )
    return table


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
        progress(
            screen,
            f"Observing {artists} simulated artists from {first} to {last}, loading, building marts "
            "(one to two minutes)",
        ) as show,
    ):
        outcome = run_days(environment, first, last, show=show)
    print_outcome(screen, outcome)
    if not outcome.success:
        raise click.exceptions.Exit(1)
    screen.print(f"\n[bold]Who is rising[/bold] (simulated, as of {last})")
    screen.print(rising_table(rising(environment.warehouse, SOURCE)))
    radar = (
        "select name, artist_names, popularity from new_release_radar where snapshot_date = current_date "
        "order by 3 desc nulls last limit 10"
    )
    screen.print(
        "\nWhere to look next:\n"
        f"  {command()} up         web UI, daemon, documentation\n"
        f"  {command()} status     what is loaded, missing, lost\n"
        f'  {command()} sql "{radar}"\n'
        f"  {command()} watch add  your own artists, after setting SOURCES=listenbrainz,deezer in .env "
        "(no account needed) or the id and secret of a Spotify app",
        markup=False,
        soft_wrap=True,
    )
