"""From landed exchanges to records: everything on record as really happening, and anything else."""

from __future__ import annotations

import copy
import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.protocol import ARTIST_ENTITIES, Entity
from spotify_assets.sources.records import ArtistSnapshot, NewRelease, TopTrack
from spotify_assets.sources.spotify.parse import parse, parse_release_date

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
A, B, C = ("A" * 22, "B" * 22, "C" * 22)


def exchange(
    entity: str, request: dict[str, object], body: object, status: int = 200, minutes: int = 0
) -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    seen = NOON + timedelta(minutes=minutes)
    return Exchange("spotify", entity, "GET", "/v1/x", status, seen, "run", text, request)


def artist(ident: object, **fields: object) -> dict[str, object]:
    return {
        "id": ident,
        "name": f"n{ident}",
        "popularity": 1,
        "followers": {"total": 2},
        "genres": ["g"],
        **fields,
    }


def artists(*answers: object, asked: tuple[str, ...] = (A, B, C), **kwargs: Any) -> Exchange:
    return exchange("artists", {"ids": list(asked)}, {"artists": list(answers)}, **kwargs)


def pairs(*exchanges: Exchange) -> list[tuple[str, str]]:
    records = parse("artists", exchanges).records
    return [(r.requested_id, r.artist_id) for r in records if isinstance(r, ArtistSnapshot)]


def test_answers_belong_to_questions_by_position() -> None:
    parsed = parse("artists", [artists(artist(A), None, artist(C))])
    assert [(m.key, m.reason.code) for m in parsed.missing] == [(B, "not_found")]
    assert parsed.requested == [A, B, C]
    assert [r.artist_id for r in parsed.records if isinstance(r, ArtistSnapshot)] == [A, C]


def test_a_merged_artist_keeps_both_ids_and_yields_to_its_own_question() -> None:
    other = "M" * 22
    assert pairs(artists(artist(A), artist(other), artist(C))) == [(B, other), (A, A), (C, C)]
    assert pairs(artists(artist(C), artist(B), artist(C))) == [(A, C), (B, B), (C, C)]
    assert pairs(artists(artist(A), artist(A), artist(A))) == [(B, A), (C, A), (A, A)]


def test_answers_out_of_order_are_told_by_their_ids() -> None:
    assert sorted(pairs(artists(artist(B), artist(C), artist(A)))) == [(A, A), (B, B), (C, C)]


def test_too_few_and_too_many_answers() -> None:
    few = parse("artists", [artists(artist(A), artist(C))])
    assert [(m.key, m.reason.code) for m in few.missing] == [(B, "failed")]
    assert len(few.records) == 2
    many = parse("artists", [artists(artist(A), artist(B), artist(C), artist("X" * 22), artist("Y" * 22))])
    assert (len(many.records), len(many.rejected), many.missing) == (3, 2, [])
    assert many.rejected[0].reason == "an answer that nobody asked for"
    assert len(parse("artists", [artists(artist("X" * 22), artist("Y" * 22))]).missing) == 3


def test_a_piece_that_is_no_object_is_kept_whole() -> None:
    parsed = parse("artists", [artists(artist(A), "B?", ["C"])])
    assert [r.raw for r in parsed.rejected] == [
        {"request": {"ids": [A, B, C]}, "piece": "B?"},
        {"request": {"ids": [A, B, C]}, "piece": ["C"]},
    ]
    assert parsed.missing == []


def test_fields_absent_null_empty_or_of_another_type() -> None:
    def read(**fields: object) -> ArtistSnapshot:
        (record,) = parse("artists", [artists({"id": A, **fields}, asked=(A,))]).records
        assert isinstance(record, ArtistSnapshot)
        return record

    bare = read()
    assert (bare.name, bare.popularity, bare.followers, bare.genres, bare.image_url) == (None,) * 5
    assert read(followers={"total": None}).followers is None
    assert read(followers={"total": 0}).followers == 0
    assert read(popularity=0).popularity == 0
    assert read(name="").name == ""
    assert read(name=None).name is None
    assert read(genres=[]).genres == []
    assert read(images=[]).image_url is None
    assert read(images=[{"url": "u"}, {"url": "v"}]).image_url == "u"
    assert read(images=[{"url": "u", "width": None}, {"url": "v", "width": 9}]).image_url == "v"
    # Another type stays visible, never as a number that could pass for the value.
    wrong: Any = read(name=5, popularity="high", followers=7, genres="pop", images={"url": "u"})
    assert (wrong.name, wrong.popularity, wrong.genres) == (5, "high", "pop")
    assert not isinstance(wrong.followers, int | None)
    assert not isinstance(wrong.image_url, str | None)


def test_a_later_run_fills_what_an_earlier_one_missed_and_never_unlearns() -> None:
    first = artists(artist(A), None, asked=(A, B))
    failed = exchange("artists", {"ids": [C]}, "<html>", 502)
    later = artists(artist(B), artist(C), asked=(B, C), minutes=5)
    lost = artists(None, asked=(A,), minutes=9)
    for order in ([first, failed, later, lost], [lost, later, failed, first]):
        parsed = parse("artists", order)
        assert parsed.missing == []
        assert sorted(parsed.requested) == [A, B, C]
    assert [m.key for m in parse("artists", [first, failed]).missing] == [B, C]


@pytest.mark.parametrize(
    ("body", "status", "code", "detail"),
    [
        ("", 200, "failed", "an empty body"),
        ("<html>", 502, "failed", "HTTP 502 with a web page"),
        ('{"artists": [', 200, "failed", "invalid JSON"),
        (
            {"error": {"status": 429, "message": "API rate limit exceeded"}},
            429,
            "failed",
            "rate limit exceeded",
        ),
        ({"error": {"type": "not_found", "description": "non existing id"}}, 404, "not_found", "HTTP 404"),
        ({"error": "odd"}, 500, "failed", "HTTP 500: odd"),
        ({"error": "odd"}, 403, "forbidden", "HTTP 403: odd"),
        ("<html>", 403, "forbidden", "a web page"),
        ([], 200, "failed", "is a list, not an object"),
        ({"artists": None}, 200, "failed", "'artists' in the response is null, not a list"),
        ({}, 200, "failed", "has no 'artists'"),
    ],
)
def test_reasons_for_missing(body: object, status: int, code: str, detail: str) -> None:
    parsed = parse("artists", [exchange("artists", {"ids": [A]}, body, status)])
    assert [m.key for m in parsed.missing] == [A]
    assert parsed.missing[0].reason.code == code
    assert detail in parsed.missing[0].reason.detail


# --- top tracks ---


def track(n: int, **fields: object) -> dict[str, object]:
    return {"id": f"t{n}", "name": f"T{n}", "popularity": n, "artists": [{"id": A}, {"id": B}], **fields}


def top(*tracks: object, artist_id: str = A, market: str = "US", minutes: int = 0) -> Exchange:
    request: dict[str, object] = {"artist_id": artist_id, "market": market}
    return exchange("top_tracks", request, {"tracks": list(tracks)}, minutes=minutes)


def test_positions_follow_the_response_and_end_at_ten() -> None:
    parsed = parse("top_tracks", [top(track(1), None, track(3), *(track(n) for n in range(4, 13)))])
    records = [r for r in parsed.records if isinstance(r, TopTrack)]
    assert [(r.position, r.track_id) for r in records] == [(n, f"t{n}") for n in (1, *range(3, 11))]
    assert [r.reason for r in parsed.rejected] == [
        "position 2 is null, not a track",
        "position 11, but there are at most 10",
        "position 12, but there are at most 10",
    ]
    assert {(r.market, r.artist_id, r.primary_artist_id) for r in records} == {("US", A, A)}


def test_markets_and_empty_lists() -> None:
    parsed = parse("top_tracks", [top(track(1)), top(market="SE"), top(track(1), artist_id=B)])
    assert parsed.requested == [f"{A}/US", f"{A}/SE", f"{B}/US"]
    assert [(m.key, m.reason.code) for m in parsed.missing] == [(f"{A}/SE", "no_data")]


def test_a_later_list_replaces_an_earlier_one_whole() -> None:
    parsed = parse("top_tracks", [top(track(9), minutes=5), top(track(1), track(2), track(3))])
    assert [r.track_id for r in parsed.records if isinstance(r, TopTrack)] == ["t9"]


def test_album_fields_of_a_track() -> None:
    album = {"id": "al", "name": "Al", "release_date": "2011-06", "release_date_precision": "month"}
    parsed = parse(
        "top_tracks", [top(track(1, album=album, external_ids={"isrc": "X"}), track(2, album=None))]
    )
    first, second = (r for r in parsed.records if isinstance(r, TopTrack))
    assert (first.album_id, first.album_name, first.isrc) == ("al", "Al", "X")
    assert (first.release_date, first.release_date_precision) == (date(2011, 6, 1), "month")
    assert (second.album_id, second.isrc, second.release_date) == (None, None, None)


# --- new releases ---


def listed(number: int, *items: object, minutes: int = 0) -> Exchange:
    body = {"albums": {"items": list(items), "next": None}}
    return exchange("new_releases", {"page": number}, body, minutes=minutes)


def test_pages_are_united_and_enriched() -> None:
    ids: dict[str, object] = {"ids": ["x", "y"]}
    parsed = parse(
        "new_releases",
        [
            listed(1, {"id": "x", "name": "old"}, {"id": "y", "release_date": "0000"}, None),
            listed(2, {"id": "x", "name": "X", "artists": [{"id": A, "name": "a"}]}, minutes=1),
            exchange("new_releases", ids, {"albums": [{"id": "x", "popularity": 3, "label": "L"}, None]}),
        ],
    )
    y, x = (r for r in parsed.records if isinstance(r, NewRelease))
    assert (x.album_id, x.name, x.popularity, x.label, x.upc) == ("x", "X", 3, "L", None)
    assert (x.artist_ids, x.artist_names) == ([A], ["a"])
    assert (y.album_id, y.popularity, y.release_date, y.release_date_text) == ("y", None, None, "0000")
    assert sorted(parsed.requested) == ["x", "y"]
    assert [r.reason for r in parsed.rejected] == ["an entry of page 1 is null, not an album"]


def test_a_page_that_came_at_last_is_not_missing() -> None:
    failed = exchange("new_releases", {"page": 1}, "oops", 500)
    assert [m.key for m in parse("new_releases", [failed]).missing] == ["page 1"]
    parsed = parse("new_releases", [failed, listed(1, {"id": "x"}, minutes=1)])
    assert (parsed.missing, parsed.requested) == ([], ["x"])


# --- release dates ---


@pytest.mark.parametrize(
    ("text", "precision", "expected"),
    [
        ("2011-06-17", "day", (date(2011, 6, 17), "day")),
        ("2011-06", "month", (date(2011, 6, 1), "month")),
        ("2011", "year", (date(2011, 1, 1), "year")),
        ("2011", "day", (date(2011, 1, 1), "year")),
        ("2011-06-17", "year", (date(2011, 1, 1), "year")),
        ("2011-06-17", None, (date(2011, 6, 17), "day")),
        ("2011-06-17", {"odd": 1}, (date(2011, 6, 17), "day")),
        ("2012-02-29", "day", (date(2012, 2, 29), "day")),
        ("2011-02-29", "day", (date(2011, 2, 1), "month")),
        ("2011-00-00", "day", (date(2011, 1, 1), "year")),
        ("0000", "year", (None, None)),
        ("0000-00-00", "day", (None, None)),
        (None, None, (None, None)),
        ("", "day", (None, None)),
        ("soon", "day", (None, None)),
        (2011, "year", (None, None)),
        ("٢٠١١", "year", (None, None)),
    ],
)
def test_release_dates(text: object, precision: object, expected: tuple[date | None, str | None]) -> None:
    assert parse_release_date(text, precision) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.one_of(st.dates(min_value=date(1, 1, 1)).map(str), st.text(), JSON),
    st.sampled_from(["year", "month", "day"]) | JSON,
)
def test_release_date_never_invents(text: Any, precision: Any) -> None:
    found, how = parse_release_date(text, precision)
    assert (found is None) == (how is None)
    if found is not None:
        assert text.strip().startswith(f"{found.year:04d}")
        assert (found.month, found.day) == (1, 1) or how != "year"
        assert found.day == 1 or how == "day"
        assert precision not in ("year", "month") or how != "day"


# --- any body at all ---

WHOLE: dict[Entity, tuple[dict[str, object], dict[str, Any]]] = {
    "artists": (
        {"ids": [A, B]},
        {"artists": [artist(A, images=[{"url": "u", "width": 1}]), None]},
    ),
    "top_tracks": (
        {"artist_id": A, "market": "US"},
        {"tracks": [track(1, album={"id": "al", "release_date": "2011"}, external_ids={"isrc": "X"})]},
    ),
    "new_releases": (
        {"page": 1},
        {"albums": {"items": [{"id": "x", "artists": [{"id": A, "name": "a"}], "images": []}], "next": None}},
    ),
}


def accounted(entity: Entity, *exchanges: Exchange) -> None:
    parsed = parse(entity, exchanges)
    keys = {m.key for m in parsed.missing}
    assert keys <= set(parsed.requested)
    assert len(set(parsed.requested)) == len(parsed.requested)
    if entity == "artists":
        answered = {r.requested_id for r in parsed.records if isinstance(r, ArtistSnapshot)}
        asked_for = {i for e in exchanges for i in e.request.get("ids", [])}  # type: ignore[attr-defined]
        rejected = sum("nobody asked" not in r.reason for r in parsed.rejected)
        assert len(answered) + len(keys) + rejected == len(asked_for)


@given(st.sampled_from(ARTIST_ENTITIES), JSON, st.sampled_from([200, 204, 400, 404, 500]))
def test_any_json_is_read_without_raising(entity: Entity, body: Any, status: int) -> None:
    accounted(entity, exchange(entity, WHOLE[entity][0], body, status))


@given(st.sampled_from(ARTIST_ENTITIES), st.text(max_size=30))
def test_any_text_is_read_without_raising(entity: Entity, body: str) -> None:
    accounted(entity, exchange(entity, WHOLE[entity][0], body))


@given(st.sampled_from(ARTIST_ENTITIES), st.data())
def test_a_real_body_with_one_value_replaced_is_read_without_raising(
    entity: Entity, data: st.DataObject
) -> None:
    request, body = copy.deepcopy(WHOLE[entity])
    spots: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            spots.append((node, key))
            walk(node[key])

    walk(body)
    holder, key = data.draw(st.sampled_from(spots))
    if data.draw(st.booleans()) and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = data.draw(JSON)
    accounted(entity, exchange(entity, request, body))


@given(
    st.sampled_from(ARTIST_ENTITIES),
    st.dictionaries(st.sampled_from(["ids", "page", "artist_id", "market"]), JSON),
)
def test_any_note_on_the_question_is_read_without_raising(entity: Entity, request: dict[str, object]) -> None:
    parse(entity, [exchange(entity, request, WHOLE[entity][1])])


@pytest.mark.parametrize("entity", ARTIST_ENTITIES)
@pytest.mark.parametrize(
    "body", ["[" * 100_000, "1" * 5000, '{"artists": [1e999]}', '{"a": NaN}', "\udcff", "\ufeff{}"]
)
def test_bodies_that_break_decoders(entity: Entity, body: str) -> None:
    assert parse(entity, [exchange(entity, WHOLE[entity][0], body)]).records == []
    assert math.isfinite(len(body))
