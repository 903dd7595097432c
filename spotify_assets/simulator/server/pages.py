"""The page at the root: says plainly what this server is."""

from __future__ import annotations

from html import escape

from spotify_assets.simulator.catalogue import charts
from spotify_assets.simulator.faults.rules import FAULTS
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.replies import Reply
from spotify_assets.simulator.services import registry
from spotify_assets.simulator.spotify.api import ENDPOINTS
from spotify_assets.simulator.spotify.modes import ModeSwitch

_NOTICE = (
    "Everything served here is simulated: the artists, albums, songs and numbers are invented. "
    "This is not Spotify, ListenBrainz, Deezer, Last.fm, MusicBrainz or Wikidata, and nothing here comes "
    "from them."
)
_CONTROL = (
    "GET|POST|DELETE /_simulator/faults",
    "GET|DELETE /_simulator/requests",
    "DELETE /_simulator/tokens",
    "GET|POST|DELETE /_simulator/consent",
    "GET|POST /_simulator/mode",
    "GET|POST /_simulator/day",
    "GET /_simulator/viral-starts?from=YYYY-MM-DD&to=YYYY-MM-DD",
)


def root(config: SimulatorConfig, modes: ModeSwitch, accept: str) -> Reply:
    """Return the root page, as HTML where the client takes it, else as text."""
    top, risers = charts.playlist_ids(config.seed)
    facts = (
        f"{config.artists:,} invented artists, seed {config.seed}, {modes} mode",
        "Header X-Simulated-Date: YYYY-MM-DD chooses the day that is answered for; without it, today (UTC), "
        "or the day set at /_simulator/day.",
        "Every response carries X-Simulated: true.",
        f"Limits held: {', '.join(sorted(config.limited)) or 'none of the other services'}",
        f"Daily charts: /v1/playlists/{top} and /v1/playlists/{risers}",
    )
    sections = (
        ("What it is", facts),
        ("Spotify's protocol", ENDPOINTS),
        *((f"{name}'s protocol", endpoints) for name, endpoints in registry.ENDPOINTS.items()),
        ("Control", _CONTROL),
        ("Faults", sorted(FAULTS)),
    )
    if "text/html" not in accept:
        lines = ["Simulated music service", "", _NOTICE]
        for heading, entries in sections:
            lines += ["", heading, *(f"  {entry}" for entry in entries)]
        return Reply(200, "\n".join([*lines, ""]).encode(), {"Content-Type": "text/plain; charset=utf-8"})
    parts = [
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        "<title>Simulated music service</title>",
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
        "strong{display:block;padding:1rem;border:2px solid}code{font-size:.9em}</style></head><body>",
        f"<h1>Simulated music service</h1><strong>{escape(_NOTICE)}</strong>",
    ]
    for heading, entries in sections:
        items = "".join(f"<li><code>{escape(entry)}</code></li>" for entry in entries)
        parts.append(f"<h2>{escape(heading)}</h2><ul>{items}</ul>")
    parts.append("</body></html>")
    return Reply(200, "".join(parts).encode(), {"Content-Type": "text/html; charset=utf-8"})
