"""Cooldowns, told to people and ended by them.

Belongs here: the words. What a cooldown is stands in `warehouse.api_usage`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import click
from rich.console import Console

from spotify_assets.cli.console import command, shown
from spotify_assets.sources.allowance import in_minutes
from spotify_assets.warehouse.api_usage import Cooldown, cooldowns_in_force, end_cooldowns
from spotify_assets.warehouse.connection import Warehouse


def print_cooldown(screen: Console, cooldown: Cooldown) -> None:
    """Say how long an upstream is left alone, why, and how to end that."""
    promised = "" if cooldown.promised else " (our guess: it named no time)"
    screen.print(
        f"  PAUSED    nothing is asked until {in_minutes(cooldown.until)}{promised}: "
        f"{shown(cooldown.reason)}. To ask at once: {command()} doctor --end-cooldown {cooldown.upstream}",
        style="yellow", markup=False, soft_wrap=True,
    )  # fmt: skip


def cooldown_json(cooldown: Cooldown) -> dict[str, Any]:
    """A cooldown for programs."""
    return {
        "until": cooldown.until.isoformat(), "promised": cooldown.promised, "reason": cooldown.reason,
    }  # fmt: skip


def end_named(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Let upstreams be asked again at once.

    Raises:
        click.BadParameter: One of them is not paused.
    """
    paused = {one.upstream for one in cooldowns_in_force(warehouse)}
    for name in names:  # all of them first: none is ended if another is misspelt
        if name not in paused:
            others = ", ".join(sorted(paused)) or "nobody"
            raise click.BadParameter(
                f"{name} is not paused; paused now: {others}", param_hint="--end-cooldown"
            )
    for name in names:
        end_cooldowns(warehouse, name)


def others_paused(warehouse: Warehouse, told: Collection[str]) -> list[Cooldown]:
    """Cooldowns of upstreams besides those `told`: asked for identities only, or not observed now."""
    return [one for one in cooldowns_in_force(warehouse) if one.upstream not in told]
