"""The command `spotify-assets`: one module for each thing that a person sets out to do.

The commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import importlib
import io
import locale
import logging
import os
import sys
from difflib import get_close_matches
from typing import Any

import click

from spotify_assets.cli.runtime.console import for_terminal
from spotify_assets.configuration import unknown_names
from spotify_assets.process_environment import OF_THE_INTERPRETER, clean_environment

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("data.demo", "Observe 120 simulated artists over 90 days and print who is rising."),
    "up": ("operations.up", "Start web UI, daemon and documentation site on loopback."),
    "materialize": ("data.observe", "Observe a day (today), load it, and build the marts."),
    "backfill": ("data.observe", "Load a range of days, each committed by itself, and build the marts once."),
    "import": ("data.imports", "Load past observations from files."),
    "watch": ("artists.watch", "Say which artists are tracked."),
    "doctor": ("artists.doctor", "Show what each upstream lets you see, and what tomorrow will cost."),
    "alert": ("operations.alert", "Show by which ways people are told of failures and news, and try them."),
    "status": ("data.status", "Show what is loaded, missing, lost and in quarantine."),
    "sql": ("data.sql", "Run one read-only query and print the result."),
    "login": ("artists.login", "Sign a user in, for what only they may see."),
    "logout": ("artists.login", "Sign a user out and delete everything they brought."),
    "purge": ("operations.purge", "Remove what a source, an artist or a user brought, and prove it."),
    "backup": ("operations.backup", "Write warehouse, lake and Dagster's records into one file."),
    "restore": ("operations.backup", "Put a backup in the place of what is there."),
    "prune": ("operations.prune", "Remove old events, logs and, if wanted, raw responses."),
    "roles": (
        "operations.roles",
        "Make the users of a PostgreSQL server, each with no more rights than it needs.",
    ),
    "webserver": ("operations.webserver", "Serve the Dagster web UI, to its own pages only."),
    "docs": ("operations.docs", "Build and serve the dbt documentation site."),
    "simulate": ("operations.simulate", "Serve the simulated upstream."),
    "exec": (
        "operations.exec",
        "Run another program, such as one of Dagster's, with the platform's environment.",
    ),
    "prepare": ("operations.prepare", "Build what is built ahead: the dbt manifest."),
}


class _LazyGroup(click.Group):
    """Commands by name; a command's module is imported when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"spotify_assets.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if (
            args
            and args[0] not in COMMANDS
            and (close := get_close_matches(args[0], COMMANDS, n=1, cutoff=0.7))
        ):
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {close[0]!r}?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: spotify-assets demo",
)
@click.version_option(package_name="spotify-assets")
def cli() -> None:
    """Observe artists day by day, keep what was seen, and say what is rising."""


class _Warnings(logging.Handler):
    """Warnings for people, on standard error, where no script looks for JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        text = for_terminal(record.getMessage(), err=True, taken=len("Warning: "))
        click.echo(f"Warning: {text}", err=True)


def _open_standard_streams() -> None:
    """Give what was started without standard streams silent ones: a file or socket would take their place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free, which is this one
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")


def _prepare_process(*, restart: bool) -> None:
    """Make the process ours: no variables of other programs, and text in UTF-8 whatever the locale says."""
    if restart:
        _open_standard_streams()
    # The interpreter has obeyed these already.
    changed = any(name in os.environ for name in OF_THE_INTERPRETER)
    clean_environment(dagster=True)
    # Files, programs' output and paths would be read as the locale has it, in libraries too.
    foreign = not sys.flags.utf8_mode and locale.getencoding().lower() not in {"utf-8", "utf8"}
    if restart and (foreign or changed):
        again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(again[0], again)  # noqa: S606 - this program
    unknown_names.warned.clear()
    unknown_names.LOGGER.handlers = [_Warnings()]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _check_working_folder() -> None:
    try:
        os.getcwd()  # noqa: PTH109 - only whether it is there
    except FileNotFoundError:
        raise click.ClickException(
            "The current folder was removed: change to another, then try again."
        ) from None


def _drop_output() -> None:
    """Forget what could not be written: Python would try again when it ends, and fail with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; expected errors are shown as one message, without a traceback.

    Exit codes: 0 done, 1 failed (the message says why and what to do), 2 wrong usage, 130 interrupted.
    """
    from spotify_assets.cli.runtime.errors import explain, user_facing_errors  # noqa: PLC0415 - only where a command runs

    _prepare_process(restart=arguments is None)
    try:
        _check_working_folder()
        return cli.main(args=arguments, prog_name="spotify-assets", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show(told := io.StringIO())
        click.echo(for_terminal(told.getvalue(), err=True), err=True, nl=False)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was committed before stands; run the command again to go on.", err=True)
        sys.exit(130)
    except user_facing_errors() as error:
        text = for_terminal(explain(error), err=True, taken=len("Error: "))
        click.echo(f"Error: {text}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        where = f" ({error.filename})" if error.filename else ""
        full = (
            f"{error.strerror}{where}. What was committed before stands. Make room where the output, "
            "SPOTIFY_ASSETS_HOME and TMPDIR are, then run the command again."
        )
        click.echo(f"Error: {for_terminal(full, err=True, taken=len('Error: '))}", err=True)
        _drop_output()
        sys.exit(1)
