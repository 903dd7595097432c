"""What ids look like, of the services whose ids look like nothing else."""

from __future__ import annotations

import re

SPOTIFY_ID = re.compile(r"[0-9A-Za-z]{22}")
MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""An id of MusicBrainz, also used by ListenBrainz and Last.fm."""
