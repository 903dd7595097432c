"""How each upstream stands: what it grants, what it cost today, whether it is paused, what tomorrow costs.

How it looks stands with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from spotify_assets.artists.tracked import tracked_artists
from spotify_assets.cli.runtime.console import command, shown
from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.contracts.tables import TABLES
from spotify_assets.ingest.cost_estimate import Outlook, outlook
from spotify_assets.settings import Settings
from spotify_assets.sources.capabilities import Capability
from spotify_assets.sources.http.quota import in_minutes
from spotify_assets.sources.protocol import Source
from spotify_assets.sources.registry import open_source
from spotify_assets.sources.spotify.access import Mode
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import PER_ADDRESS, credential_digest
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.api_usage import (
    Cooldown,
    cooldowns_in_force,
    end_cooldowns,
    usage_today,
)
from spotify_assets.warehouse.upstream_state.capabilities import all_capabilities
from spotify_assets.warehouse.upstream_state.state import PostgresState


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


NOWHERE = "http://127.0.0.1:9"
"""Stands in for the address of a simulated upstream that is not running, where nothing is asked."""


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """One upstream as it stands now.

    Attributes:
        name: Name of the source.
        mode: Kind of access of a Spotify app; ``None`` for other upstreams.
        capabilities: What was found to be granted or refused.
        calls_today: Calls made on this UTC day.
        budget: Calls of a day that are allowed; ``None`` for no limit.
        per_second: Pace; ``None`` for no limit.
        cooldown: The cooldown in force, if any.
        outlook: What tomorrow's run costs.
        not_offered: What the source never publishes.
        unidentified: Watched artists whose id there is not known.
    """

    name: str
    mode: Mode | None
    capabilities: tuple[Capability, ...]
    calls_today: int
    budget: int | None
    per_second: float | None
    cooldown: Cooldown | None
    outlook: Outlook
    unidentified: int
    not_offered: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "source": self.name,
            "access": self.mode,
            "capabilities": [
                {
                    "name": one.name, "allowed": one.allowed, "reason": one.reason,
                    "since": one.since.isoformat(), "checked_at": one.checked_at.isoformat(),
                }
                for one in self.capabilities
            ],
            "calls_today": self.calls_today,
            "calls_per_day": self.budget,
            "calls_per_second": self.per_second,
            "cooldown": cooldown_json(self.cooldown) if self.cooldown else None,
            "tomorrow": {
                "artists": self.outlook.artists,
                "calls": self.outlook.calls,
                "fits": self.outlook.fits,
                "says": self.outlook.sentence,
            },
            "artists_without_an_id_there": self.unidentified,
            "not_offered": list(self.not_offered),
        }  # fmt: skip


def upstream_states(environment: Environment) -> list[UpstreamState]:
    """How each upstream that is observed stands; asks none of them anything."""
    settings, warehouse = environment.settings, environment.warehouse
    usages = {(one.upstream, one.credential): one for one in usage_today(warehouse)}
    cooldowns = {(one.upstream, one.credential): one for one in cooldowns_in_force(warehouse)}
    known = all_capabilities(warehouse)
    states = []
    with opened_sources(environment) as sources:
        for source in sources:
            credential = credential_of(settings, source)
            shared = allowance_of(settings, source)
            usage = usages.get((source.name, shared))
            whom = tracked_artists(warehouse, source.namespace)
            mode: Mode | None = None
            per_second = usage.per_second if usage else None
            budget, markets = (usage.per_day if usage else None), 1
            if isinstance(source, SpotifySource):
                mode, markets = source.access.mode, len(source.markets)
                per_second, budget = source.allowed_pace
            states.append(
                UpstreamState(
                    source.name,
                    mode,
                    tuple(
                        one.capability
                        for one in known
                        if (one.upstream, one.credential) == (source.name, credential)
                    ),
                    usage.calls if usage else 0,
                    budget,
                    per_second,
                    cooldowns.get((source.name, shared)),
                    outlook(source, len(whom.ids), budget, markets),
                    len(whom.unidentified),
                    tuple(
                        table.name.replace("_", " ")
                        for table in TABLES.values()
                        if table.observed and table.entity not in source.entities
                    ),
                )
            )
    return states


@contextmanager
def opened_sources(environment: Environment) -> Iterator[list[Source]]:
    """The upstreams that the settings choose; a simulated one that is not running can only be described."""
    settings = environment.settings
    if settings.simulated and settings.simulator_url is None:
        settings = settings.model_copy(update={"simulator_url": NOWHERE})
    memory = PostgresState(environment.warehouse)
    sources = [open_source(settings, name, memory) for name in settings.observed_sources]
    try:
        yield sources
    finally:
        for source in sources:
            asyncio.run(source.aclose())


def credential_of(settings: Settings, source: Source) -> str:
    """What tells the credential apart that a source is asked with, and so what it may see."""
    if isinstance(source, SpotifySource):
        return source.credential
    secrets = {"listenbrainz": settings.listenbrainz_token, "lastfm": settings.lastfm_api_key}
    return credential_digest(secrets.get(source.name.removeprefix("simulated-")))


def allowance_of(settings: Settings, source: Source) -> str:
    """What tells apart who shares a source's allowance; see `State`."""
    per_address = source.name.removeprefix("simulated-") == "listenbrainz"
    return PER_ADDRESS if per_address else credential_of(settings, source)
