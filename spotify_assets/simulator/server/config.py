"""The simulator's switches.

Faults that come and go while it runs are rules, see `simulator.faults.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

from spotify_assets.simulator.faults.rules import Fault

SERVICES = frozenset({"listenbrainz", "deezer", "lastfm", "musicbrainz", "wikidata"})

Mode = Literal["extended", "legacy", "development"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """How the simulated upstream behaves.

    Attributes:
        seed: Seed of the invented catalogue; the same seed is the same world, in every process.
        artists: How many artists exist.
        quirks: Whether the oddities on record happen: dips to 0, missing days, merges, nulls,
            re-uploads, stale days, frozen lists. Off, every response fits the published description.
        mode: ``extended`` has every call and field; ``legacy``, an older app in between, has neither the
            list of new releases nor audio features; ``development`` answers 403 to the calls, and leaves
            out the fields, that apps made since 2026-02-11 do not get.
        mode_until: Last day that `mode` holds for (by ``X-Simulated-Date``, or today); None: for ever.
        later_mode: Mode after that day.
        audio_features: Whether audio features are answered (only apps with access since before
            2024-11-27 have them); never in development mode.
        latency_ms: Milliseconds every answer waits before it is sent.
        requests_per_second: Pace limit, as a mean over `window_seconds`; beyond it 429 with
            ``Retry-After``. Counted for each client id; None: no limit.
        window_seconds: Length of the rolling window of the pace limit.
        quota: Web API calls of a developer account until 429 with reason ``QUOTA_EXCEEDED`` and no
            ``Retry-After``; None: no end.
        accounts: Developer account of each client id; apps that are not named share one account.
        client_id: The only client id accepted; None accepts any.
        client_secret: The secret that goes with `client_id`; None accepts any.
        token_seconds: Seconds an access token lives.
        user: Name of the simulated person who signs in at ``/authorize``.
        consents: Whether that person agrees; False answers ``error=access_denied``.
        refresh_days: Days a refresh token lives from the sign-in on (about six months); refreshing does
            not extend it. Counted from the days of ``X-Simulated-Date`` where requests carry it.
        refresh_rotates: Whether a refresh answers with a new refresh token, which ends the old one;
            False leaves ``refresh_token`` out of the reply.
        limited: The other services that hold their published limits, of `SERVICES`: ListenBrainz 30 calls
            in 10 seconds, Deezer 50 in 5, Last.fm 5 a second, MusicBrainz 1 a second, Wikidata 60 a minute.
        limit_scale: Factor of the length of those windows; below 1 for short tests.
        listenbrainz_token: The only ListenBrainz token accepted; None accepts any.
        lastfm_key: The only Last.fm key accepted; None accepts any.
        faults: Faults from the start.
        log_size: Requests remembered for ``GET /_simulator/requests``; older ones stay counted.
    """

    seed: int = 2026
    artists: int = 1000
    quirks: bool = True
    mode: Mode = "extended"
    mode_until: date | None = None
    later_mode: Mode = "development"
    audio_features: bool = False
    latency_ms: float = 0.0
    requests_per_second: float | None = None
    window_seconds: float = 30.0
    quota: int | None = None
    accounts: Mapping[str, str] = field(default_factory=dict)
    client_id: str | None = None
    client_secret: str | None = None
    token_seconds: float = 3600.0
    user: str = "simulated-listener"
    consents: bool = True
    refresh_days: float = 182.0
    refresh_rotates: bool = False
    limited: frozenset[str] = frozenset()
    limit_scale: float = 1.0
    listenbrainz_token: str | None = None
    lastfm_key: str | None = None
    faults: tuple[Fault, ...] = ()
    log_size: int = 10_000

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant."""
        if not 1 <= self.artists <= 1_000_000:
            raise ValueError("artists: expected 1 to 1,000,000")
        if not {self.mode, self.later_mode} <= set(get_args(Mode)):
            raise ValueError(f"mode, later_mode: expected {', '.join(get_args(Mode))}")
        if self.latency_ms < 0 or self.window_seconds <= 0 or self.token_seconds <= 0:
            raise ValueError("latency_ms: 0 or more; window_seconds, token_seconds: more than 0")
        if not self.limited <= SERVICES or self.limit_scale <= 0:
            raise ValueError(f"limited: of {', '.join(sorted(SERVICES))}; limit_scale: more than 0")
        if self.requests_per_second is not None and self.requests_per_second * self.window_seconds < 1:
            raise ValueError("requests_per_second: the window must allow at least one request")
