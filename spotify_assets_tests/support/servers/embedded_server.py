"""The embedded server as its superuser, who makes databases for tests; the platform never is that user."""

from __future__ import annotations

from pathlib import Path

from spotify_assets.warehouse.embedded import server


def administrator_url(home: Path) -> str:
    """Start the embedded server of a home; gives the URL by which its superuser makes databases."""
    url = server.ensure_running(home)
    return url.replace("spotify_assets@/spotify_assets?", "postgres@/postgres?")
