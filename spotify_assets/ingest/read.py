"""From landed exchanges to records, whoever they came from.

A new upstream adds one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from spotify_assets.artists.matching import NAMES_ARE_IDS, namespace_of, service_of
from spotify_assets.ingest import plan
from spotify_assets.sources.deezer.parse import parse as parse_deezer
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows as imported
from spotify_assets.sources.lastfm.parse import parse as parse_lastfm
from spotify_assets.sources.listenbrainz.parse import parse as parse_listenbrainz
from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.reasons.answers import failed
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.sources.records import ArtistSnapshot, Missing, Parsed, subject
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


def parse_landed(
    source: str, entity: Entity, exchanges: Sequence[Exchange], merged: Mapping[str, str] | None = None
) -> Parsed:
    """Read everything that one (source, entity, day) has landed.

    Args:
        source: Series name.
        entity: What the exchanges are about.
        exchanges: In the order observed.
        merged: Which ids are known to be another id's, by id.

    Returns:
        Records, and every key that was planned or asked for and did not come.
    """
    rows = imported.parse(entity, exchanges)
    answers = _parse_answers(source, entity, exchanges, merged or {})
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


def _parse_answers(
    source: str, entity: Entity, exchanges: Sequence[Exchange], merged: Mapping[str, str]
) -> Parsed:
    """What the upstream itself said, and what was planned and never asked for."""
    responses = [
        exchange for exchange in exchanges if exchange.method not in {imported.METHOD, *plan.METHODS}
    ]
    answers = READERS[source](entity, responses) if responses else Parsed()
    alone = {key for exchange in responses if exchange.status == 200 and (key := _asked_alone(exchange))}
    if (
        responses and service_of(namespace_of(source)) not in NAMES_ARE_IDS
    ):  # of names, several may be one artist's
        answers = _without_repeated(answers, alone, merged)
    known = set(answers.requested)
    reasons = plan.explained(exchanges)
    if plan.finished(exchanges):
        reasons.pop(plan.WHOLE_LIST, None)
    # A refusal of the call is no word about the one thing that happened to be asked for first.
    answers.missing = [
        Missing(missing.key, reasons.get(missing.key, missing.reason))
        if missing.reason.code is ReasonCode.FORBIDDEN
        else missing
        for missing in answers.missing
    ]
    for key in dict.fromkeys([*plan.planned_keys(exchanges), *reasons]):
        if key not in known:
            answers.requested.append(key)
            answers.missing.append(Missing(key, reasons.get(key, Reason(ReasonCode.NOT_ASKED))))
    return answers


def _without_repeated(parsed: Parsed, alone: AbstractSet[str], merged: Mapping[str, str]) -> Parsed:
    """Take no artist for the answer about others too, unless those are known as merged into it.

    Asked for `alone`, one more id that is answered with the artist was merged today. Otherwise it is likelier
    that an answer was repeated: who was asked for is missing, and asked for again.
    """
    snapshots = [one for one in parsed.records if isinstance(one, ArtistSnapshot)]
    itself = {one.requested_id for one in snapshots if one.artist_id == one.requested_id}
    # By whom was answered: who else was asked for, each with its newest answer.
    others: dict[str, dict[str, ArtistSnapshot]] = {}
    for one in snapshots:
        if one.requested_id not in itself:
            others.setdefault(str(one.artist_id), {})[one.requested_id] = one
    believed: set[int] = set()
    repeated: dict[str, Reason] = {}
    for artist_id, answers in others.items():
        unknown = {key for key in answers if merged.get(key) != artist_id}
        single = unknown & alone
        odd = unknown - single if len(unknown) > 1 or artist_id in itself else set()
        odd |= single if len(single) > 1 else set()
        why = (
            f"answered with the artist {artist_id}, as others were; if it was merged, watch that one instead"
        )
        repeated |= dict.fromkeys(sorted(odd), failed(why))
        believed |= {id(one) for key, one in answers.items() if key not in odd}
    kept = [
        one
        for one in parsed.records
        if not isinstance(one, ArtistSnapshot) or one.artist_id == one.requested_id or id(one) in believed
    ]
    missing = [Missing(key, why) for key, why in repeated.items()]
    return replace(parsed, records=kept, missing=[*parsed.missing, *missing])


def _asked_alone(exchange: Exchange) -> str | None:
    """The one id that a question was about, if it was about one."""
    ids = exchange.request.get("ids", [exchange.request.get("artist_id")])
    return str(ids[0]) if isinstance(ids, list) and len(ids) == 1 else None


def answered(
    source: str, entity: Entity, exchanges: Sequence[Exchange], merged: Mapping[str, str] | None = None
) -> set[str]:
    """Keys that need not be asked for again on this day."""
    parsed = _parse_answers(source, entity, exchanges, merged or {})
    return set(parsed.requested) - {missing.key for missing in parsed.missing}
