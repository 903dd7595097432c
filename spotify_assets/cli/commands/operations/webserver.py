"""`webserver`: Dagster's web UI behind our guard."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import click

from spotify_assets.cli.runtime.environment import enter_dagster
from spotify_assets.cli.runtime.serving import (
    check_free,
    host_option,
    port_option,
    stop_like_ctrl_c,
    wait_option,
)
from spotify_assets.installation import PROJECT_ROOT


@click.command("webserver", short_help="Serve the Dagster web UI, to its own pages only.")
@host_option
@port_option(3000, "Port to serve on.")
@click.option(
    "--workspace", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=PROJECT_ROOT / "workspace.yaml", help="Dagster's workspace file; by default the project's own.",
)  # fmt: skip
@click.option("--read-only", is_flag=True, help="Let nobody change anything.")
@wait_option
def webserver_command(host: str, port: int, workspace: Path, read_only: bool, seconds: float | None) -> None:
    """Serve the Dagster web UI; what other pages of a browser ask of it is refused.

    It answers under loopback addresses, --host, the host of DAGSTER_WEB_URL and WEB_ALLOWED_HOSTS, to
    requests of its own pages and of programs; what changes something has to be a POST of JSON.

    \b
    Examples:
      spotify-assets webserver
      spotify-assets webserver --port 3100 --read-only
    """  # noqa: D301 - \b is for click
    check_free(port, "--port", host)
    settings, _ = enter_dagster(seconds)
    from spotify_assets.defs._dagster_compat import workspace_opener  # noqa: PLC0415 - slow to import
    from spotify_assets.serving.web_ui import guarded_web_ui, web_ui_guard, web_ui_server  # noqa: PLC0415

    opener = workspace_opener(workspace, read_only=read_only)
    guard = web_ui_guard(host, urlsplit(settings.dagster_web_url).hostname, *settings.web_allowed_hosts)
    signal.signal(signal.SIGTERM, stop_like_ctrl_c)
    # The server raises the signal that ended it again, once it has stopped.
    with suppress(KeyboardInterrupt), guarded_web_ui(opener, guard) as application:
        web_ui_server(application, host, port).run()
