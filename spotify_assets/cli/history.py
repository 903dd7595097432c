"""`import`: past observations from a file, through the same path as any other day."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import click

from spotify_assets.cli.console import command, console, print_outcome, progress
from spotify_assets.cli.environment import export_dagster, open_environment
from spotify_assets.contracts.tables import TABLES
from spotify_assets.ingest.history import import_file
from spotify_assets.sources.clock import SYSTEM_CLOCK

_LOOK = (
    "select name, snapshot_date, popularity, followers from artist_popularity_trend "
    "where source = '{}' limit 10"
)


@click.command("import", short_help="Load past observations from a CSV file.")
@click.argument("what", type=click.Choice([name.replace("_", "-") for name in TABLES]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Name of the series; lower-case letters, digits, - and _.")
@click.option(
    "--map", "wanted", multiple=True, metavar="FIELD=COLUMN",
    help="Which column holds a field; may be repeated. Other columns are found by name.",
)  # fmt: skip
def import_command(what: str, file: Path, source: str, wanted: tuple[str, ...]) -> None:
    """Load past observations from a CSV file (may be gzipped).

    Each row is one observation, with the time or day it was made. Rows land in the lake under that day
    (UTC), then load like any other day: the last observation of a day counts, days without one stay
    empty, and what breaks the contract goes to quarantine. Importing the same file again changes nothing.

    \b
    Examples:
      spotify-assets import artist-snapshots history.csv --source my-archive
      spotify-assets import artist-snapshots history.csv.gz --source my-archive --map observed_at=ts
    """  # noqa: D301 - \b is for click
    from spotify_assets.cli.imports import load_imported_days  # noqa: PLC0415 - Dagster is slow to import

    environment = open_environment()
    table = TABLES[what.replace("-", "_")]
    run_id = str(uuid4())
    imported = import_file(
        file,
        table.entity,
        source,
        environment.landing,
        run_id,
        today=SYSTEM_CLOCK.now().date(),
        wanted=wanted,
        earliest=environment.settings.spotify_assets_start_date,
    )
    screen = console()
    columns = ", ".join(f"{field} = {column}" for field, column in imported.mapping.items())
    screen.print(f"columns: {columns}", markup=False, soft_wrap=True)
    for row in imported.unplaced[:10]:
        screen.print(f"line {row.line}: not imported: {row.reason}", markup=False, soft_wrap=True)
    if len(imported.unplaced) > 10:
        screen.print(f"… and {len(imported.unplaced) - 10:,} more lines that were not imported")
    if not imported.days:
        raise click.ClickException(f"no row of {file} could be imported")
    placed = imported.rows - len(imported.unplaced)
    screen.print(
        f"{placed:,} of {imported.rows:,} rows, {len(imported.days):,} days from "
        f"{imported.days[0]} to {imported.days[-1]}; {imported.new_days:,} days are new to the lake",
        markup=False,
    )
    export_dagster(environment)
    with progress(screen, f"Loading {len(imported.days):,} days and building the marts") as show:
        outcome = load_imported_days(environment, table, source, imported.days, run_id, show)
    print_outcome(screen, outcome)
    if not outcome.success:
        raise click.exceptions.Exit(1)
    screen.print(f'Next: {command()} sql "{_LOOK.format(source)}"', markup=False, soft_wrap=True)
