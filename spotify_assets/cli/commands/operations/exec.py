"""`exec`: any program, in the environment that the platform's own processes have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from spotify_assets import installation
from spotify_assets.cli.runtime.environment import enter_dagster
from spotify_assets.cli.runtime.serving import wait_option
from spotify_assets.warehouse.embedded.server import outlive_exec


@click.command(
    "exec",
    short_help="Run another program, such as one of Dagster's, with the platform's environment.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@wait_option
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_command(seconds: float | None, program: tuple[str, ...]) -> None:
    """Run another program with the platform's environment.

    Waits for the database, brings its schema up to date, and says to Dagster where its records are. Then the
    program takes this one's place.

    \b
    Examples:
      spotify-assets exec dagster run list --limit 5
      spotify-assets exec --wait 300 dagster-daemon run --workspace workspace.yaml
    """  # noqa: D301 - \b is for click
    _, embedded_home = enter_dagster(seconds)
    # Programs installed beside this one are found first, whatever PATH says.
    os.environ["PATH"] = os.pathsep.join(
        (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    )
    own = installation.program(program[0])
    called = (*own, *program[1:]) if len(own) > 1 else program
    if embedded_home is not None:
        outlive_exec(embedded_home)
    try:
        os.execvp(called[0], called)  # noqa: S606 - what the user asks for
    except OSError as error:
        raise click.ClickException(f"{program[0]} cannot be run: {error.strerror}") from None
