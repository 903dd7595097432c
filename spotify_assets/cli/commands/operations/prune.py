"""`prune`: remove what is too old to be of use, now instead of at night."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from rich.table import Table

from spotify_assets.cli.runtime.console import console
from spotify_assets.cli.runtime.environment import open_environment


@click.command("prune", short_help="Remove old events, logs and, if wanted, raw responses.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def prune_command(dry_run: bool, as_json: bool) -> None:
    """Remove events of Dagster, logs of runs and raw responses that are older than the settings keep them.

    The daemon does so every night. What was observed and built stays, and so does what Dagster says of each
    partition and check. Raw responses go only if RAW_KEPT_DAYS is set, and only of loaded partitions, which
    then cannot be loaded anew.

    \b
    Examples:
      spotify-assets prune --dry-run
      spotify-assets prune
    """  # noqa: D301 - \b is for click
    from spotify_assets.operations.prune import prune  # noqa: PLC0415 - slow to import

    environment = open_environment()
    done = prune(
        environment.warehouse, environment.landing, environment.settings, datetime.now(UTC), dry_run=dry_run
    )
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "pruned": [one.as_json() for one in done]}, indent=2))
        return
    screen = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("too old", "setting"):
        table.add_column(name)
    for name in ("days kept", "would go" if dry_run else "removed", "left, not loaded"):
        table.add_column(name, justify="right")
    for one in done:
        kept = "for ever" if one.kept_days is None else f"{one.kept_days:,}"
        table.add_row(one.what, one.setting, kept, f"{one.removed:,}", f"{one.left:,}")
    screen.print(table)
    if dry_run:
        screen.print("Nothing was removed (--dry-run).")
