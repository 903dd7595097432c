"""`alert`: by which ways people are told, and whether they work."""

from __future__ import annotations

import json

import click

from spotify_assets.alerts.channels import NONE_SET, Channel, NotDelivered, open_channels
from spotify_assets.alerts.message import Entry, Message
from spotify_assets.cli.runtime.console import command, shown
from spotify_assets.settings import Settings, load_settings


@click.command("alert", short_help="Show by which ways people are told, and try them.")
@click.option("--test", "send", is_flag=True, help="Send a test message through each of them.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def alert_command(send: bool, as_json: bool) -> None:
    """Show by which ways people are told of failures and news, and try them.

    Ends with 1 if no channel is set, or if one did not take the test message.

    \b
    Examples:
      spotify-assets alert
      spotify-assets alert --test
    """  # noqa: D301 - \b is for click
    settings = load_settings()
    outcomes = [(channel, _try(channel, settings) if send else None) for channel in open_channels(settings)]
    if as_json:
        rows: list[dict[str, object]] = [
            {"channel": channel.name, "where": channel.where, "problem": problem or None}
            for channel, problem in outcomes
        ]
        click.echo(json.dumps(rows, indent=2))
    else:
        for channel, problem in outcomes:
            said = "" if problem is None else f"  not delivered: {problem}" if problem else "  delivered"
            click.echo(f"{channel.name:8}  {shown(channel.where)}{shown(said)}")
    if not outcomes:
        raise click.ClickException(NONE_SET)
    if any(problem for _, problem in outcomes):
        raise click.exceptions.Exit(1)
    if not send and not as_json:
        click.echo(f"Try them: {command()} alert --test")


def _try(channel: Channel, settings: Settings) -> str:
    """Send a test message; gives why it did not get through, nothing if it did."""
    lines = (("To do", "Nothing. Alerts and the daily digest will come this way."),)
    entry = Entry("Somebody called spotify-assets alert --test.", lines, settings.dagster_web_url)
    message = Message("test", "this is a test", (entry,), settings.simulated)
    try:
        channel.send(message)
    except NotDelivered as error:
        return str(error)
    return ""
