"""Readers of open sources: whatever a body says, nothing raises, nothing is lost, nothing is made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotify_assets.sources.deezer.faults import reads_fault as deezer_fault
from spotify_assets.sources.deezer.parse import parse as parse_deezer
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.lastfm.faults import reads_fault as lastfm_fault
from spotify_assets.sources.lastfm.parse import parse as parse_lastfm
from spotify_assets.sources.listenbrainz.parse import parse as parse_listenbrainz
from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.records import ArtistSnapshot, Parsed

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Parse = Callable[[Entity, Iterable[Exchange]], Parsed]

FIELDS = (
    "artist_mbid", "total_listen_count", "total_user_count", "artist_mbids", "recording_mbid", "length",
    "payload", "releases", "release_group_mbid", "release_date", "caa_id", "caa_release_mbid", "data",
    "error", "code", "message", "id", "name", "nb_fan", "picture_xl", "title", "rank", "duration", "artist",
    "album", "next", "cover_xl", "stats", "listeners", "playcount", "tags", "tag", "toptracks",
    "track", "mbid",
)  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers(-1, 10**12) | st.floats(allow_nan=False) | st.text(max_size=8)
)
bodies = st.recursive(
    scalars | st.sampled_from(["2026-11-19", "0000-00-00", "27", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "ids": st.lists(st.sampled_from("abc"), unique=True), "artist_id": st.sampled_from("abc"),
        "key": st.sampled_from(["artist:1", "editorial:0"]), "index": st.sampled_from([0, 100]),
        "keys": st.lists(st.sampled_from("abc")), "reason": st.just("because"),
    },
)  # fmt: skip


@st.composite
def exchanges(draw: st.DrawFn) -> list[Exchange]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        text = draw(st.builds(json.dumps, bodies) | st.sampled_from(["", "<html>", "{", "NaN"]))
        found.append(
            Exchange(
                source="x",
                entity="artists",
                method=draw(st.sampled_from(["GET", "GET", "UNASKED"])),
                url="/",
                status=draw(st.sampled_from([200, 200, 200, 404, 429, 500])),
                observed_at=NOON + timedelta(seconds=number),
                run_id="r",
                body=text,
                request=draw(requests),
            )
        )
    return found


@pytest.mark.parametrize("parse", [parse_listenbrainz, parse_deezer, parse_lastfm])
@pytest.mark.parametrize("entity", ["artists", "top_tracks", "new_releases"])
@settings(max_examples=60)
@given(landed=exchanges())
def test_any_body_is_read_and_the_books_add_up(parse: Parse, entity: Entity, landed: list[Exchange]) -> None:
    parsed = parse(entity, landed)
    assert parse(entity, list(reversed(landed))) == parsed, "the order of files does not matter"
    missing = [each.key for each in parsed.missing]
    assert len(set(missing)) == len(missing)
    assert set(missing) <= set(parsed.requested)
    assert len(set(parsed.requested)) == len(parsed.requested)
    assert all(each.reason for each in parsed.missing)
    for record in parsed.records:
        assert record.observed_at.date() == NOON.date()
    if entity == "artists":
        # What was asked for is answered, rejected or missing: never nothing.
        answered = {record.requested_id for record in parsed.records if isinstance(record, ArtistSnapshot)}
        lost = set(parsed.requested) - set(missing) - answered
        assert len(lost) <= len(parsed.rejected)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9) | st.none(), st.integers(0, 10**7) | st.none(), st.booleans(), st.booleans()
        ),
        min_size=1,
        max_size=30,
    ),
    st.randoms(),
)
def test_listenbrainz_counts_belong_to_the_artist_they_name(
    rows: list[tuple[int | None, int | None, bool, bool]], random: Any
) -> None:
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(len(rows))]
    answers = [
        {
            "artist_mbid": ids[n].upper() if upper else ids[n],
            "total_listen_count": plays, "total_user_count": users,
        }
        for n, (plays, users, upper, sent) in enumerate(rows)
        if sent
    ]  # fmt: skip
    random.shuffle(answers)
    exchange = Exchange(
        "listenbrainz", "artists", "POST", "/", 200, NOON, "r", json.dumps(answers), {"ids": ids}
    )
    parsed = parse_listenbrainz("artists", [exchange])
    found = {
        record.artist_id: (record.plays, record.listeners)
        for record in parsed.records
        if isinstance(record, ArtistSnapshot)
    }
    assert found == {
        ids[n]: (plays, users)
        for n, (plays, users, _, sent) in enumerate(rows)
        if sent and (plays is not None or users is not None)
    }, "null stays null and is never 0"
    assert parsed.requested == ids
    assert len(parsed.missing) + len(parsed.records) == len(ids)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_lastfm_texts_are_the_numbers_they_spell(listeners: int, plays: int) -> None:
    body = {"artist": {"name": "A", "stats": {"listeners": str(listeners), "playcount": str(plays)}}}
    exchange = Exchange("lastfm", "artists", "GET", "/", 200, NOON, "r", json.dumps(body), {"artist_id": "A"})
    (record,) = parse_lastfm("artists", [exchange]).records
    assert isinstance(record, ArtistSnapshot)
    assert (record.listeners, record.plays) == (listeners, plays)


@pytest.mark.parametrize("text", ["1,234", "-1", "1.5", "١٢", "", "9" * 19])
def test_what_spells_no_count_is_left_for_the_contract(text: str) -> None:
    body = {"artist": {"name": "A", "stats": {"listeners": text, "playcount": "1"}}}
    exchange = Exchange("lastfm", "artists", "GET", "/", 200, NOON, "r", json.dumps(body), {"artist_id": "A"})
    (record,) = parse_lastfm("artists", [exchange]).records
    assert isinstance(record, ArtistSnapshot)
    assert (str(record.listeners), record.plays) == (text, 1)
    assert not isinstance(record.listeners, int)


@pytest.mark.parametrize(("asked", "found"), [("Somebody", 0), ("%5Bunknown%5D", 1)])
def test_lastfms_entry_for_plays_without_a_name_is_nobody_else(asked: str, found: int) -> None:
    stats = {"listeners": "2774837", "playcount": "137106224"}
    bodies: dict[Entity, Any] = {
        "artists": {"artist": {"name": "[unknown]", "stats": stats}},
        "top_tracks": {"toptracks": {"track": [{"name": "Track 1", "artist": {"name": "[unknown]"}}]}},
    }
    for entity, body in bodies.items():
        request = {"artist_id": asked}
        exchange = Exchange("lastfm", entity, "GET", "/", 200, NOON, "r", json.dumps(body), request)
        parsed = parse_lastfm(entity, [exchange])
        assert (len(parsed.records), len(parsed.missing)) == (found, 1 - found)


@pytest.mark.parametrize("code", [4, "4"])
def test_deezers_codes_are_read_however_they_are_written(code: object) -> None:
    fault = deezer_fault({"error": {"type": "Exception", "message": "Quota limit exceeded", "code": code}})
    assert fault is not None
    assert fault.status == 429


@pytest.mark.parametrize("code", [29, "29"])
def test_lastfms_codes_are_read_however_they_are_written(code: object) -> None:
    fault = lastfm_fault({"error": code, "message": "Rate Limit Exceeded"})
    assert fault is not None
    assert fault.status == 429
