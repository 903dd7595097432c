"""From landed exchanges to records, whoever they came from.

Belongs here: choosing the reader. A new upstream adds one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from spotify_assets.ingest import plan
from spotify_assets.sources import imported
from spotify_assets.sources.base import Entity
from spotify_assets.sources.deezer.parse import parse as parse_deezer
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.lastfm.parse import parse as parse_lastfm
from spotify_assets.sources.listenbrainz.parse import parse as parse_listenbrainz
from spotify_assets.sources.records import Missing, Parsed, subject
from spotify_assets.sources.spotify.parse import parse as parse_spotify

Reader = Callable[[Entity, Iterable[Exchange]], Parsed]

READERS: dict[str, Reader] = {
    "spotify": parse_spotify,
    "simulated": parse_spotify,
    "listenbrainz": parse_listenbrainz,
    "simulated-listenbrainz": parse_listenbrainz,
    "deezer": parse_deezer,
    "simulated-deezer": parse_deezer,
    "lastfm": parse_lastfm,
    "simulated-lastfm": parse_lastfm,
}
"""How responses of each upstream read; rows of files read alike under any name."""

NOT_ASKED = "planned but not asked for: the run ended first"


def parse_landed(source: str, entity: Entity, exchanges: Sequence[Exchange]) -> Parsed:
    """Read everything that one (source, entity, day) has landed.

    Args:
        source: Series name.
        entity: What the exchanges are about.
        exchanges: In the order observed.

    Returns:
        Records, and every key that was planned or asked for and did not come.
    """
    rows = imported.parse(entity, exchanges)
    answers = _parse_answers(source, entity, exchanges)
    # What an upstream answered on the day stands above what a file says about it.
    own = {subject(record) for record in answers.records}
    brought = [record for record in rows.records if subject(record) not in own]
    have = {subject(record) for record in brought}
    return Parsed(
        records=brought + answers.records,
        missing=[missing for missing in answers.missing if missing.key not in have],
        rejected=rows.rejected + answers.rejected,
        requested=list(dict.fromkeys(rows.requested + answers.requested)),
        superseded=rows.superseded,
    )


def _parse_answers(source: str, entity: Entity, exchanges: Sequence[Exchange]) -> Parsed:
    """What the upstream itself said, and what was planned and never asked for."""
    responses = [
        exchange for exchange in exchanges if exchange.method not in {imported.METHOD, *plan.METHODS}
    ]
    answers = READERS[source](entity, responses) if responses else Parsed()
    known = set(answers.requested)
    reasons = plan.explained(exchanges)
    if plan.finished(exchanges):
        reasons.pop(plan.WHOLE_LIST, None)
    # A refusal of the call is no word about the one thing that happened to be asked for first.
    answers.missing = [
        Missing(missing.key, reasons.get(missing.key) or missing.reason)
        if "HTTP 403" in missing.reason
        else missing
        for missing in answers.missing
    ]
    for key in dict.fromkeys([*plan.planned_keys(exchanges), *reasons]):
        if key not in known:
            answers.requested.append(key)
            answers.missing.append(Missing(key, reasons.get(key) or NOT_ASKED))
    return answers


def answered(source: str, entity: Entity, exchanges: Sequence[Exchange]) -> set[str]:
    """Keys that need not be asked for again on this day."""
    parsed = _parse_answers(source, entity, exchanges)
    return set(parsed.requested) - {missing.key for missing in parsed.missing}
