"""`roles`: users of a PostgreSQL server, each with no more rights than it needs."""

from __future__ import annotations

import json

import click
from rich.table import Table

from spotify_assets.cli.runtime.console import command, console, literal
from spotify_assets.cli.runtime.environment import patiently
from spotify_assets.cli.runtime.serving import wait_option
from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.roles.dagster_records import set_up_records
from spotify_assets.warehouse.roles.platform import set_up

MAY = {
    "DATABASE_OWNER_URL": "migrate and restore; only needed for an upgrade, a restore, and this command",
    "DATABASE_URL": "load rows and build marts; not change the loaded tables' definitions",
    "DATABASE_READER_URL": "read marts, forecasts, snapshots and the books; nothing about signed-in users",
    "DATABASE_DAGSTER_URL": "keep Dagster's own records; see no data",
    "DATABASE_VIEWER_URL": "read Dagster's own records; for a web UI in which nothing can be changed",
}


@click.command("roles", short_help="Make the users of a PostgreSQL server, each with few rights.")
@wait_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def roles_command(seconds: float | None, as_json: bool) -> None:
    """Make the users that the other DATABASE_…_URLs name, each with no more rights than it needs.

    DATABASE_OWNER_URL names the user who does it: it owns the database and may create roles. A user that is
    there already keeps its password. Running it again changes nothing; run it after tables of dbt or Dagster
    were made by another user.

    \b
    Examples:
      spotify-assets roles
      spotify-assets roles --json
    """  # noqa: D301 - \b is for click
    settings = load_settings()
    owner = Warehouse.reach_owner(settings)
    if owner is not None and seconds is not None:
        patiently(owner.ping, seconds)
    if settings.database_url is None or owner is None:
        raise click.ClickException(
            "Set DATABASE_OWNER_URL (who owns the database and makes the others), DATABASE_URL (who loads) "
            "and, if wanted, DATABASE_READER_URL (who only reads). The embedded PostgreSQL has "
            "its own, and needs none of this."
        )
    loader, reader = Warehouse.reach(settings), Warehouse.reach_reader(settings)
    made, others = set_up(owner, loader, reader)
    keeper, viewer = Warehouse.reach_dagster(settings), Warehouse.reach_viewer(settings)
    if keeper is not None:
        made += set_up_records(owner, loader, keeper, viewer)
    elif viewer is not None:
        raise click.ClickException("DATABASE_VIEWER_URL needs DATABASE_DAGSTER_URL: who keeps what it reads.")
    roles = [role for role in (owner, loader, reader, keeper, viewer) if role is not None]
    if as_json:
        click.echo(
            json.dumps(
                [{"user": r.user, "setting": r.setting, "made_now": r.user in made} for r in roles], indent=2
            )
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("user", "setting", "may", ""):
        table.add_column(name)
    for role in roles:
        table.add_row(
            literal(role.user),
            role.setting,
            MAY[role.setting],
            "made now" if role.user in made else "was there",
        )
    screen = console()
    screen.print(table)
    if others:
        screen.print(
            f"Others use this database too ({', '.join(others[:5])}{' …' if others[5:] else ''}): nothing of "
            "theirs was changed, and everybody may go on connecting to it.",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    screen.print(f"Next: {command()} status, without DATABASE_OWNER_URL", markup=False, soft_wrap=True)
