"""What Spotify lets an app see: modes, and the day on which they change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from spotify_assets.simulator.server.config import Mode, SimulatorConfig


@dataclass(frozen=True, slots=True)
class Access:
    """What an app may see.

    Attributes:
        mode: Its name.
        full: Batches, top tracks, markets, long pages and every field; without it, what apps made since
            2026-02-11 get.
        browse: The list of new releases.
        features: Audio features, where the switch of that name is on too.
    """

    mode: Mode
    full: bool
    browse: bool
    features: bool


ACCESS = {
    "extended": Access("extended", full=True, browse=True, features=True),
    # An app from before 2026-02-11 that never had extended access: between the two in what it may call.
    "legacy": Access("legacy", full=True, browse=False, features=False),
    "development": Access("development", full=False, browse=False, features=False),
}


class ModeSwitch:
    """The mode of every day; may be changed while the simulator runs."""

    def __init__(self, config: SimulatorConfig) -> None:
        """Start as configured."""
        self._mode, self._until, self._later = config.mode, config.mode_until, config.later_mode

    def on(self, day: date) -> Access:
        """Return what an app may see on a day."""
        return ACCESS[self._mode if self._until is None or day <= self._until else self._later]

    def change(self, *, mode: Mode, mode_until: str | None = None, later_mode: Mode = "development") -> None:
        """Set the mode, for ever or until a day (written YYYY-MM-DD, included) and another after it.

        Raises:
            ValueError: No such mode, or no such day.
        """
        if not {mode, later_mode} <= set(get_args(Mode)):
            raise ValueError(f"mode, later_mode: expected {', '.join(get_args(Mode))}")
        until = None if mode_until is None else date.fromisoformat(mode_until)
        self._mode, self._until, self._later = mode, until, later_mode

    def report(self) -> dict[str, Any]:
        """Return what is set."""
        until = self._until and self._until.isoformat()
        return {"mode": self._mode, "mode_until": until, "later_mode": self._later}

    def __str__(self) -> str:
        """Say it in words."""
        later = "" if self._until is None else f" until {self._until}, then {self._later}"
        return f"{self._mode}{later}"
