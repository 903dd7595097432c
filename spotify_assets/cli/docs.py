"""`docs`: the dbt documentation site."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import click

from spotify_assets.cli.environment import Environment, open_environment
from spotify_assets.cli.listening import check_free, host_option, port_option, stop_like_ctrl_c


def _docs_folder(environment: Environment) -> Path:
    return environment.settings.spotify_assets_home / "docs"


@click.command("docs", short_help="Build and serve the dbt documentation site.")
@host_option
@port_option(8081, "Port to serve on.")
@click.option("--build-only", is_flag=True, help="Build the site and say where it is.")
def docs_command(host: str, port: int, build_only: bool) -> None:
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
    environment = open_environment()
    try:
        page = build_docs(environment.warehouse, _docs_folder(environment), simulated=environment.simulated)
    except DocsError as error:
        raise click.ClickException(str(error)) from None
    if build_only:
        click.echo(page)
        return
    with suppress(KeyboardInterrupt):
        serve_docs(
            page.parent, host, port, Guard(own_hosts(host, *environment.settings.web_allowed_hosts)),
            lambda url: click.echo(f"Documentation on {url}  (Ctrl-C stops it)"),
        )  # fmt: skip
