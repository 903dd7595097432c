"""`docs`: the dbt documentation site."""

from __future__ import annotations

import signal
from contextlib import suppress
from urllib.parse import urlsplit

import click

from spotify_assets.cli.runtime.environment import open_environment, patiently
from spotify_assets.cli.runtime.serving import (
    check_free,
    host_option,
    port_option,
    stop_like_ctrl_c,
    wait_option,
)
from spotify_assets.settings import Settings, load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all


def _open(settings: Settings, seconds: float | None) -> tuple[Warehouse, bool]:
    """The database, as a user who may only read where no other is named, and whether to say SIMULATED."""
    if settings.database_url is not None or settings.database_reader_url is None:
        environment = patiently(lambda: open_environment(settings), seconds)
        return environment.warehouse, environment.simulated
    reader = Warehouse.reach(settings.model_copy(update={"database_url": settings.database_reader_url}))
    # Who only reads is not told what is observed; rows say it.
    invented = "select exists (select from ops.partition_loads where source like 'simulated%%')"
    return reader, patiently(lambda: fetch_all(reader, invented, {})[0][0], seconds)


@click.command("docs", short_help="Build and serve the dbt documentation site.")
@host_option
@port_option(8081, "Port to serve on.")
@wait_option
@click.option("--build-only", is_flag=True, help="Build the site and say where it is.")
def docs_command(host: str, port: int, seconds: float | None, build_only: bool) -> None:
    """Build the dbt documentation site and serve it, on loopback unless another address is given.

    \b
    Examples:
      spotify-assets docs
      spotify-assets docs --build-only
    """  # noqa: D301 - \b is for click
    from spotify_assets.serving.docs_site import DocsError, build_docs, serve_docs  # noqa: PLC0415
    from spotify_assets.serving.guard import Guard, own_hosts  # noqa: PLC0415

    signal.signal(signal.SIGTERM, stop_like_ctrl_c)
    if not build_only:
        check_free(port, "--port", host)
    settings = load_settings()
    warehouse, simulated = _open(settings, seconds)
    try:
        page = build_docs(warehouse, settings.spotify_assets_home / "docs", simulated=simulated)
    except DocsError as error:
        raise click.ClickException(str(error)) from None
    if build_only:
        click.echo(page)
        return
    with suppress(KeyboardInterrupt):
        serve_docs(
            page.parent,
            host,
            port,
            Guard(own_hosts(host, urlsplit(settings.dagster_web_url).hostname, *settings.web_allowed_hosts)),
            lambda url: click.echo(f"Documentation on {url}  (Ctrl-C stops it)"),
        )
