"""`simulate`: the simulated upstream."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Literal

import click

from spotify_assets.cli.runtime.serving import host_option, port_option


@click.command("simulate", short_help="Serve the simulated upstream.")
@host_option
@port_option(8090, "Port to serve on; 0 for any free one.", any_free=True)
@click.option(
    "--allow-host", "names", multiple=True, metavar="NAME",
    help="A further name under which it is reached; loopback and --host always are.",
)  # fmt: skip
@click.option("--artists", default=1000, show_default=True, help="How many artists exist.")
@click.option("--seed", default=2026, show_default=True, help="Seed of the invented catalogue.")
@click.option(
    "--mode", type=click.Choice(["extended", "legacy", "development"]), default="extended", show_default=True,
    help="What the app may see at Spotify: everything; all but new releases and audio features, as older "
    "apps in between; or what apps made since February 2026 get.",
)  # fmt: skip
@click.option(
    "--mode-until", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD",
    help="Last day of that mode; development mode after it.",
)  # fmt: skip
@click.option("--latency", "latency_ms", default=0.0, help="Milliseconds that every answer waits.")
@click.option("--pace", "requests_per_second", type=float, help="Requests a second to Spotify before 429.")
@click.option("--quota", type=int, help="Calls to Spotify before QUOTA_EXCEEDED.")
@click.option("--limits", is_flag=True, help="Hold the published limits of the other services.")
def simulate_command(
    host: str, port: int, names: tuple[str, ...], artists: int, seed: int,
    mode: Literal["extended", "legacy", "development"],
    mode_until: datetime | None, latency_ms: float, requests_per_second: float | None, quota: int | None,
    limits: bool,
) -> None:  # fmt: skip
    """Serve the simulated upstream: invented artists over the protocols of six services.

    \b
    Spotify (also a person's sign-in)  /api/token, /authorize, /v1
    ListenBrainz                       /listenbrainz
    Deezer                             /deezer
    Last.fm                            /lastfm/2.0
    MusicBrainz                        /musicbrainz/ws/2
    Wikidata                           /wikidata/sparql

    The page at / lists every call, and the control endpoints under /_simulator that change mode, faults and
    consent while it runs. The header X-Simulated-Date: YYYY-MM-DD chooses the day that is answered for.

    \b
    Examples:
      spotify-assets simulate
      spotify-assets simulate --mode development --pace 5 --latency 50
      spotify-assets simulate --mode-until 2026-11-20 --limits
      spotify-assets simulate --host 0.0.0.0 --allow-host simulator
    """  # noqa: D301 - \b is for click
    from spotify_assets.serving.guard import Guard, GuardedApplication, own_hosts  # noqa: PLC0415
    from spotify_assets.simulator.server.config import SERVICES, SimulatorConfig  # noqa: PLC0415
    from spotify_assets.simulator.server.http import serve  # noqa: PLC0415

    try:
        config = SimulatorConfig(
            seed=seed, artists=artists, mode=mode, mode_until=mode_until.date() if mode_until else None,
            latency_ms=latency_ms, requests_per_second=requests_per_second, quota=quota,
            limited=SERVICES if limits else frozenset(),
        )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    def ready(url: str) -> None:
        click.echo(f"SIMULATED upstream on {url}  (Ctrl-C stops it). Point the platform at it:")
        click.echo(
            f"  SPOTIFY_API_URL={url}/v1 SPOTIFY_ACCOUNTS_URL={url} "
            "SPOTIFY_CLIENT_ID=any SPOTIFY_CLIENT_SECRET=any"
        )
        click.echo(f"  or, for every protocol: SIMULATOR_URL={url}")

    with suppress(KeyboardInterrupt):
        serve(
            config, host=host, port=port, ready=ready,
            guarded=lambda application: GuardedApplication(application, Guard(own_hosts(host, *names))),
        )  # fmt: skip
