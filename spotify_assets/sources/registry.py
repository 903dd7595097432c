"""The upstreams that the settings choose, by name.

A new upstream adds one line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spotify_assets.settings import Settings
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.lastfm.source import LastfmSource
from spotify_assets.sources.listenbrainz.source import ListenBrainzSource
from spotify_assets.sources.protocol import Source
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import State

_OPEN: dict[str, Callable[..., Any]] = {
    "listenbrainz": ListenBrainzSource.from_settings,
    "deezer": DeezerSource.from_settings,
    "lastfm": LastfmSource.from_settings,
}


def open_source(
    settings: Settings, name: str, memory: State, *, clock: Clock = SYSTEM_CLOCK, run_id: str = ""
) -> Source:
    """One upstream by the name of its series.

    Args:
        settings: Addresses and credentials.
        name: One of `settings.LIVE_SOURCES` or `settings.SIMULATED_SOURCES`.
        memory: What is remembered between runs.
        clock: Time and waiting.
        run_id: Kept with each response.

    Raises:
        SettingsError: A simulated upstream is chosen and none is running.
    """
    if name in {"spotify", "simulated"}:
        return SpotifySource.from_settings(settings, memory=memory, clock=clock, run_id=run_id)
    source: Source = _OPEN[name.removeprefix("simulated-")](
        settings, memory, name=name, clock=clock, run_id=run_id
    )
    return source
