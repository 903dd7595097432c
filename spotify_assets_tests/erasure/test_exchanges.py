"""Taking an artist out of exchanges: they are gone, and nothing else has changed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotify_assets.erasure.artist import Artist, learn_names, mentions
from spotify_assets.erasure.exchanges import forget
from spotify_assets.erasure.json_body import dump, load
from spotify_assets.sources.exchange import Exchange

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
A, B, C = "0TnOYISbd1XYRBk9myaseg", "1111111111111111111111", "2222222222222222222222"
GONE = Artist(A, frozenset({"Gone Girl"}))


def exchange(body: Any, url: str = "/v1/x", entity: str = "artists", **more: Any) -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    values: dict[str, Any] = {"method": "GET", "status": 200, "request": {}, **more}
    return Exchange(
        source="spotify", entity=entity, url=url, observed_at=NOON, run_id="run", body=text, **values
    )


def artist(ident: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"id": ident, "name": name or f"Artist {ident[0]}", "type": "artist", **more}


def test_a_batch_loses_the_artist_in_body_request_and_address_and_bears_a_mark() -> None:
    asked = exchange(
        {"artists": [artist(B), artist(A), artist(C)]},
        f"/v1/artists?ids={B},{A},{C}&market=US",
        request={"ids": [B, A, C]},
    )
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert json.loads(left.body) == {"artists": [artist(B), artist(C)]}
    assert left.request == {"ids": [B, C], "purged": NOW.isoformat()}
    assert left.url == f"/v1/artists?ids={B},{C}&market=US"
    assert left.observed_at == NOON


@pytest.mark.parametrize(
    ("url", "request_"),
    [
        (f"/v1/artists/{A}/top-tracks?market=US", {"artist_id": A, "market": "US"}),
        (f"/v1/artists/{A}", {}),
        (f"/v1/artists?ids={A}", {"ids": [A]}),
        ("", {"keys": [f"{A}/US", f"artist:{A}"]}),
        ("", {"keys": [f"artist:{A}/album", f"artist:{A}/single"]}),
        ("", {"keys": [f"spotify:{A}"], "reason": "its id at deezer is not known"}),
        ("/1/popularity/artist", {"key": f"artist:{A}"}),
    ],
)
def test_an_exchange_about_the_artist_alone_is_dropped(url: str, request_: dict[str, Any]) -> None:
    assert forget(exchange({"anything": 1}, url, request=request_), GONE, NOW) is None


@pytest.mark.parametrize("ident", [A, "27", "AC%2FDC", "8f6bd1e4-fbe1-4f50-aa9b-94c450ec0f11"])
@pytest.mark.parametrize(
    "form", ["{}", "{}/US", "artist:{}", "artist:{}/album", "spotify:{}", "simulated-lastfm:{}"]
)
def test_a_key_is_found_and_taken_out_in_every_form(ident: str, form: str) -> None:
    gone = Artist(ident)
    note = exchange("", "", request={"keys": [form.format(ident), form.format("275"), "editorial:0"]})
    assert mentions(note, gone)
    left = forget(note, gone, NOW)
    assert left is not None
    assert left.request["keys"] == [form.format("275"), "editorial:0"]
    assert not mentions(left, gone)
    assert not mentions(left, Artist("US"))


def test_an_id_that_is_a_name_is_known_as_keys_and_as_answers_write_it() -> None:
    gone = Artist("Daft+Punk")
    asked = exchange({}, "/2.0?method=artist.getInfo&artist=Daft+Punk")
    assert forget(asked, gone, NOW) is None
    similar = {"artist": [{"name": "Daft Punk"}, {"name": "Daft Punk Tribute"}]}
    other = exchange({"artist": {"name": "Air", "similar": similar}}, request={"artist_id": "Air"})
    left = forget(other, gone, NOW)
    assert left is not None
    assert json.loads(left.body) == {
        "artist": {"name": "Air", "similar": {"artist": [{"name": "Daft Punk Tribute"}]}}
    }


def test_an_id_where_nothing_expects_it_is_found_and_taken_out() -> None:
    for odd in (
        exchange("", "", request={"keys": [B], "reason": f"{A} was refused"}),
        exchange("", "", request={"ids": [B], "about": {"near": [A], A: 1}}),
        exchange({"artists": [artist(B)], "error": f"no {A} here"}),
        exchange({"artists": [artist(B)]}, f"/v1/x?near={A}"),
    ):
        assert mentions(odd, Artist(A))
        left = forget(odd, Artist(A), NOW)
        assert left is not None
        assert not mentions(left, Artist(A))
        assert B in repr(left)
    assert mentions(exchange({}, "/artist/27/albums?index=0"), Artist("27"))
    assert not mentions(exchange({}, "/album/27?index=27"), Artist("27"))


def test_what_answers_the_artists_question_by_its_place_goes_too() -> None:
    merged = "9" * 22
    for answer in (None, artist(merged)):
        asked = exchange(
            {"artists": [artist(B), answer, artist(C)]},
            f"/v1/artists?ids={B},{A},{C}",
            request={"ids": [B, A, C]},
        )
        left = forget(asked, GONE, NOW)
        assert left is not None
        assert json.loads(left.body) == {"artists": [artist(B), artist(C)]}
        assert left.request["ids"] == [B, C]
        # Of two ids of one artist, both are forgotten, one after the other.
        again = forget(left, Artist(merged), NOW)
        assert again is left
    asked = exchange(
        {"artists": [artist(B), artist(merged)]}, f"/v1/artists?ids={B},{A}", request={"ids": [B, A]}
    )
    left = forget(asked, Artist(merged), NOW)
    assert left is not None
    assert left.request["ids"] == [B]
    assert left.url == f"/v1/artists?ids={B}"


def test_what_is_about_others_is_the_very_same() -> None:
    other = exchange({"artists": [artist(B, "Gone Girl")]}, f"/v1/artists?ids={B}", request={"ids": [B]})
    assert forget(other, GONE, NOW) is other


def test_a_plan_loses_the_artists_keys() -> None:
    plan = exchange(
        "", "", method="PLAN", status=0, request={"keys": [f"{A}/US", f"{B}/US", A, f"artist:{A}"]}
    )
    left = forget(plan, GONE, NOW)
    assert left is not None
    assert left.request["keys"] == [f"{B}/US"]


def test_an_album_of_several_keeps_the_others_unless_its_title_names_the_artist() -> None:
    def album(ident: str, title: str, *artists: dict[str, Any]) -> dict[str, Any]:
        return {"id": ident, "name": title, "type": "album", "artists": list(artists), "popularity": 1}

    page = {
        "albums": {
            "href": "x",
            "items": [
                album("a1", "Alone", artist(A, "Gone Girl")),
                album("a2", "Together", artist(A, "Gone Girl"), artist(B)),
                album("a3", "Together (feat. Gone Girl)", artist(B), artist(A, "Gone Girl")),
                album("a4", "Gone Girl", artist(C)),
            ],
            "next": None,
        }
    }
    left = forget(exchange(page, "/v1/browse/new-releases", "new_releases", request={"page": 1}), GONE, NOW)
    assert left is not None
    items = json.loads(left.body)["albums"]["items"]
    assert [item["id"] for item in items] == ["a2", "a4"]
    assert items[0]["artists"] == [artist(B)]
    assert left.request["page"] == 1


def test_places_in_another_artists_top_tracks_stay() -> None:
    tracks = {
        "tracks": [
            {"id": "t1", "name": "One", "artists": [artist(B)]},
            {"id": "t2", "name": "Two", "artists": [artist(A, "Gone Girl"), artist(B)]},
            {"id": "t3", "name": "Three (with Gone Girl)", "artists": [artist(B), artist(A, "Gone Girl")]},
            {"id": "t4", "name": "Four", "artists": [artist(B)]},
        ]
    }
    asked = exchange(tracks, f"/v1/artists/{B}/top-tracks", "top_tracks", request={"artist_id": B})
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert json.loads(left.body)["tracks"] == [
        tracks["tracks"][0],
        {"id": "t2", "name": "Two", "artists": [{"purged": True}, artist(B)]},
        {"purged": True},
        tracks["tracks"][3],
    ]


def test_albums_asked_for_by_their_own_ids_take_those_ids_with_them() -> None:
    body = {
        "albums": [{"id": "x1", "name": "y", "artists": [artist(B)]}, {"id": "x2", "artists": [artist(A)]}]
    }
    asked = exchange(body, "/v1/albums?ids=x1,x2&market=US", "new_releases", request={"ids": ["x1", "x2"]})
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert left.request["ids"] == ["x1"]
    assert left.url == "/v1/albums?ids=x1&market=US"
    assert json.loads(left.body) == {"albums": body["albums"][:1]}


def test_numbers_and_names_as_ids_are_told_from_other_things() -> None:
    deezer = Artist("27", frozenset({"Daft Punk"}))
    body = {
        "data": [
            {"id": 27, "title": "An album", "type": "album", "nb": 27, "artist": {"id": 5, "type": "artist"}},
            {
                "id": 9,
                "title": "Homework",
                "type": "album",
                "artist": {"id": 27, "name": "Daft Punk", "type": "artist"},
            },
        ]
    }
    left = forget(exchange(body, "/editorial/0/releases", "new_releases"), deezer, NOW)
    assert left is not None
    assert json.loads(left.body)["data"] == body["data"][:1]
    assert forget(exchange({"id": 27, "nb_fan": 1}, "/artist/27"), deezer, NOW) is None
    same = exchange({"id": 1}, "/artist/1", request={"page": 27})
    assert forget(same, deezer, NOW) is same

    lastfm = Artist("Sigur Rós")
    asked = exchange(
        {"artist": {"name": "Sigur Rós", "stats": {}}}, "/?method=artist.getinfo&artist=Sigur+R%C3%B3s"
    )
    assert forget(asked, lastfm, NOW) is None


def test_a_listenbrainz_batch_and_its_releases() -> None:
    mbid, other = "8f6bd1e4-fbe1-4f50-aa9b-94c450ec0f11", "11111111-fbe1-4f50-aa9b-94c450ec0f11"
    gone = Artist(mbid, frozenset({"Portishead"}))
    batch = exchange(
        [{"artist_mbid": mbid, "total_user_count": 1}, {"artist_mbid": other, "total_user_count": 2}],
        "/1/popularity/artist",
        request={"ids": [mbid, other]},
    )
    left = forget(batch, gone, NOW)
    assert left is not None
    assert json.loads(left.body) == [{"artist_mbid": other, "total_user_count": 2}]
    assert left.request["ids"] == [other]
    releases = {
        "payload": {
            "releases": [
                {"artist_credit_name": "Portishead & X", "artist_mbids": [mbid, other], "release_mbid": "r1"},
                {"artist_credit_name": "X", "artist_mbids": [other], "release_mbid": "r2"},
                {"artist_credit_name": "Y", "artist_mbids": [other, mbid], "release_mbid": "r3"},
            ]
        }
    }
    left = forget(exchange(releases, "/1/explore/fresh-releases/", "new_releases"), gone, NOW)
    assert left is not None
    found = json.loads(left.body)["payload"]["releases"]
    assert [(one["release_mbid"], one["artist_mbids"]) for one in found] == [("r2", [other]), ("r3", [other])]


def test_what_was_asked_about_who_is_who_goes_with_the_artist() -> None:
    rows = [
        {"spotify": {"value": i}, "mbid": {"value": "m"}, "itemLabel": {"value": f"Name of {i}"}}
        for i in (A, B)
    ]
    body = {"head": {}, "results": {"bindings": rows}}
    asked = exchange(body, "/sparql", "identities", request={"ids": [A, B]}, method="POST")
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert json.loads(left.body)["results"]["bindings"] == rows[1:]
    about = f"/ws/2/url?resource=https%3A%2F%2Fopen.spotify.com%2Fartist%2F{A}&fmt=json"
    assert forget(exchange({"relations": []}, about, "identities"), GONE, NOW) is None


def test_rows_of_a_file_go_and_the_others_stay() -> None:
    rows = [{"id": A, "n": "1"}, {"id": B, "n": "2"}, {"id": B, "n": f'["{C}", "{A}"]'}]
    asked = exchange(
        json.dumps(rows), "f.csv", method="IMPORT", status=0, request={"mapping": {"artist_id": "id"}}
    )
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert json.loads(left.body) == rows[1:2]


@pytest.mark.parametrize("body", ['{"artists":[{"id":"' + A + '","na', f"<html>{A}</html>"])
def test_an_unreadable_body_that_names_the_artist_is_emptied(body: str) -> None:
    left = forget(exchange(body, f"/v1/artists?ids={A},{B}", request={"ids": [A, B]}), GONE, NOW)
    assert left is not None
    assert left.body == ""
    assert left.request["ids"] == [B]


def test_a_mention_in_a_message_is_taken_out() -> None:
    body = {"error": {"status": 400, "message": f"invalid id: {A}"}}
    left = forget(exchange(body, f"/v1/artists?ids={B},{A}", status=400, request={"ids": [B, A]}), GONE, NOW)
    assert left is not None
    assert json.loads(left.body)["error"]["message"] == "invalid id: purged"


def test_names_are_learnt_from_the_artists_own_objects() -> None:
    body = {"artists": [artist(A, "Gone Girl"), artist(B, "Other")]}
    assert learn_names(exchange(body), Artist(A)) == {"Gone Girl"}


IDS = st.sampled_from([B, C, "3" * 22, "4" * 22])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)


@st.composite
def batches(draw: st.DrawFn) -> tuple[str, list[str], list[Any], str, list[str]]:
    """A batch with the artist somewhere in it, and the same batch without."""
    others = draw(st.lists(IDS, max_size=5, unique=True))
    places = draw(st.integers(0, len(others)))
    ids = [*others[:places], A, *others[places:]]
    pieces = [
        {**draw(st.dictionaries(TEXT, VALUE, max_size=3)), "id": ident, "x": draw(VALUE)} for ident in ids
    ]
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", " :\t")]))
    escapes = draw(st.booleans())
    beside = draw(VALUE)

    def spell(some: list[Any]) -> str:
        return json.dumps({"artists": some, "beside": beside}, separators=separators, ensure_ascii=escapes)

    return (
        spell(pieces),
        ids,
        [p for p in pieces if p["id"] != A],
        spell([p for p in pieces if p["id"] != A]),
        others,
    )


@given(batches())
@settings(max_examples=150, deadline=None)
def test_everything_else_of_a_batch_is_equal_as_json(
    batch: tuple[str, list[str], list[Any], str, list[str]],
) -> None:
    text, ids, pieces, expected, others = batch
    left = forget(exchange(text, f"/v1/artists?ids={','.join(ids)}", request={"ids": ids}), Artist(A), NOW)
    if not others:
        assert left is None
        return
    assert left is not None
    assert json.loads(left.body)["artists"] == pieces
    assert load(left.body) == load(expected)
    assert left.request["ids"] == others
    assert A not in left.body + left.url + json.dumps(dict(left.request))


@given(VALUE)
def test_loading_and_dumping_loses_nothing(value: Any) -> None:
    assert json.loads(dump(load(json.dumps(value)))) == value


@pytest.mark.parametrize(
    "odd",
    [
        '{"a": 1, "a": 2}', "123456789012345678901234567890", "0.12345678901234567890123456789", "1.0e400",
        "-0.0", r'"\ud83d"', r'"\ud83d\ude00 \u00e9"', "NaN", "[[], {}, null]",
    ],
)  # fmt: skip
def test_what_a_plain_load_and_dump_would_lose_stays_in_a_rewritten_body(odd: str) -> None:
    asked = exchange(
        f'{{"artists": [{{"id": "{A}"}}, {{"id": "{B}", "x": {odd}}}], "odd": {odd}}}',
        request={"ids": [A, B]},
    )
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert left.body == f'{{"artists": [{{"id": "{B}", "x": {odd}}}], "odd": {odd}}}'


def test_bytes_that_are_no_utf_8_stay() -> None:
    asked = exchange(
        f'{{"artists": [{{"id": "{A}"}}, {{"id": "{B}", "x": "\udc80"}}]}}', request={"ids": [A, B]}
    )
    left = forget(asked, GONE, NOW)
    assert left is not None
    assert json.loads(left.body) == {"artists": [{"id": B, "x": "\udc80"}]}
    left.body.encode("utf-8", "surrogateescape")


def test_a_body_nested_too_deeply_is_emptied_if_it_names_the_artist() -> None:
    body = "[" * 200_000 + f'"{A}"' + "]" * 200_000
    left = forget(exchange(body, request={"ids": [A, B]}), GONE, NOW)
    assert left is not None
    assert left.body == ""
    other = exchange("[" * 200_000 + "]" * 200_000, request={"ids": [B]})
    assert forget(other, GONE, NOW) is other
