"""Every reason that was ever written as a sentence, with what it is now."""

from __future__ import annotations

from typing import Any

OLD: dict[str, dict[str, Any]] = {
    # keys, in the ledger and in landed notes
    "this app may not see it": {"code": "refused"},
    "this app may not see it (HTTP 403)": {"code": "refused", "detail": "HTTP 403"},
    'this app may not see it (refused: HTTP 403: "Forbidden")': {
        "code": "refused",
        "detail": 'refused: HTTP 403: "Forbidden"',
    },
    "this app may not see it: spotify does not let this app see audio features": {
        "code": "refused",
        "detail": "spotify does not let this app see audio features",
    },
    "this app may not see it (deezer tells nothing about top tracks)": {
        "code": "refused",
        "detail": "deezer tells nothing about top tracks",
    },
    "this app may not see it (spotify tells nothing about playlist tracks)": {"code": "not_offered"},
    "its id at deezer is not known: not looked for yet": {
        "code": "unidentified",
        "detail": "not looked for yet",
    },
    "its id at simulated-deezer is not known: not in MusicBrainz (looked for on 2026-11-20)": {
        "code": "unidentified",
        "detail": "not in MusicBrainz (looked for on 2026-11-20)",
    },
    "its id at deezer is not known": {"code": "unidentified"},
    "the calls of the day were used up before its turn came": {"code": "budget_spent"},
    "the upstream asked to be left alone before its turn came": {"code": "cooldown"},
    "planned but not asked for: the run ended first": {"code": "not_asked"},
    "not asked for": {"code": "not_asked"},
    "": {"code": "not_asked"},
    "ListenBrainz gives top tracks to signed-in users only: set LISTENBRAINZ_TOKEN": {
        "code": "not_asked",
        "detail": "ListenBrainz gives top tracks to signed-in users only: set LISTENBRAINZ_TOKEN",
    },
    "unknown to the upstream (null)": {"code": "not_found", "detail": "no data for this id"},
    "not found": {"code": "not_found"},
    "not found (HTTP 404)": {"code": "not_found", "detail": "HTTP 404"},
    "not found (HTTP 404: Resource not found)": {
        "code": "not_found",
        "detail": "HTTP 404: Resource not found",
    },
    "not found (Last.fm answered with [unknown], its entry for plays without a name)": {
        "code": "not_found",
        "detail": "Last.fm answered with [unknown], its entry for plays without a name",
    },
    **{
        sentence: {"code": "no_data", "detail": sentence}
        for sentence in (
            "unknown to ListenBrainz (no listens)",
            "no recordings that anybody listened to",
            "no top tracks",
            "no top tracks in this market",
            "no tracks in the answer",
        )
    },
    **{
        sentence: {"code": "forbidden", "detail": sentence}
        for sentence in ("no answer (HTTP 403)", "no answer (HTTP 403: odd)", "HTTP 403 with a web page")
    },
    **{
        sentence: {"code": "failed", "detail": sentence}
        for sentence in (
            "no answer (HTTP 503: Service unavailable)",
            "no answer (HTTP 200, error 800: no data)",
            "no answer (no count for anybody: ListenBrainz may have switched its counts off)",
            "HTTP 502 with a web page",
            "left out of the response",
            "the response has no 'artists'",
            "'artists' in the response is null, not a list",
            "its page 2 never came",
            "answered with the artist X, as others were; if it was merged, watch that one instead",
            "gone",
        )
    },
    # columns, in the ledger
    "not published by this source": {"code": "not_published"},
    "not among the imported columns": {"code": "not_in_file"},
    "left out of every answer of this day: this app may not see it": {"code": "withheld"},
    "in no answer of this day": {"code": "not_told"},
    "no value came on this day": {"code": "no_values"},
}
"""By sentence, of the source `spotify`."""
