"""The other protocols that the simulator speaks, by the prefix they are served under.

Adding a protocol is a module with a `mount.Service`, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.services import deezer, lastfm, listenbrainz, musicbrainz, wikidata
from spotify_assets.simulator.services.mount import Service

ENDPOINTS = {
    "ListenBrainz": listenbrainz.ENDPOINTS,
    "Deezer": deezer.ENDPOINTS,
    "Last.fm": lastfm.ENDPOINTS,
    "MusicBrainz": musicbrainz.ENDPOINTS,
    "Wikidata": wikidata.ENDPOINTS,
}


def services(config: SimulatorConfig) -> Mapping[str, Service]:
    """Return the protocols over one catalogue, by prefix."""
    elsewhere = Elsewhere(config.seed, config.artists, quirks=config.quirks)
    limited, scale = config.limited, config.limit_scale
    return {
        "listenbrainz": listenbrainz.ListenBrainz(
            elsewhere, limited="listenbrainz" in limited, scale=scale, token=config.listenbrainz_token
        ),
        "deezer": deezer.Deezer(elsewhere, limited="deezer" in limited, scale=scale),
        "lastfm": lastfm.LastFm(elsewhere, limited="lastfm" in limited, scale=scale, key=config.lastfm_key),
        "musicbrainz": musicbrainz.MusicBrainz(elsewhere, limited="musicbrainz" in limited, scale=scale),
        "wikidata": wikidata.Wikidata(elsewhere, limited="wikidata" in limited, scale=scale),
    }
