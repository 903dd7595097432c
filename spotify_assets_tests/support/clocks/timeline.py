"""A clock that a test sets."""

from datetime import UTC, datetime

from spotify_assets.sources.clock import SystemClock


class StoppedClock(SystemClock):
    def __init__(self, at: str) -> None:
        self.at = datetime.fromisoformat(at).replace(tzinfo=UTC)

    def now(self) -> datetime:
        return self.at
