"""`spotify-assets prepare`: what is built ahead so that definitions load fast and never race."""

from __future__ import annotations

import click

from spotify_assets.dbt_manifest import prepare_project
from spotify_assets.settings import load_settings


@click.command("prepare", short_help="Build what is built ahead: the dbt manifest.")
def prepare_command() -> None:
    """Build what is built ahead: the dbt manifest.

    It goes into the dbt project of a checkout, where every home finds it, or else into the home.
    Every command that needs it builds it into the home by itself.

    \b
    Examples:
      spotify-assets prepare
    """  # noqa: D301 - \b is for click
    _, built = prepare_project(load_settings().spotify_assets_home)
    click.echo(f"dbt manifest: {'built' if built else 'current'}")
