"""`ops.identities`: who is who across sources, and the watchlist in a source's own ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.matching import Identity, Method
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LoadSummary
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets_tests.support.warehouse import DAY, artists, tracked

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def identity(
    artist_id: str, target_id: str | None, method: Method = "musicbrainz", *, at: datetime = NOW,
    source: str = "spotify", target: str = "deezer", note: str = "",
) -> Identity:  # fmt: skip
    confidence = 0.0 if target_id is None else 0.5
    return Identity(source, artist_id, target, target_id, method, confidence, at, note)


def test_the_watchlist_is_read_in_a_sources_ids_the_most_important_first(warehouse: Warehouse) -> None:
    for artist_id in ("a", "b", "c", "gone"):
        watchlist.add(warehouse, "spotify", artist_id)
    watchlist.add(warehouse, "deezer", "27", priority=5)
    watchlist.add(warehouse, "deezer", "28")
    watchlist.add(warehouse, "simulated", "s")
    found = [
        identity("a", "1"),
        identity("b", "28"),
        identity("c", None, "not found"),
        identity("gone", "99"),
    ]
    identities.save(warehouse, [*found, identity("s", "7", source="simulated", target="simulated-deezer")])
    watchlist.remove(warehouse, "spotify", "gone")
    assert identities.tracked_ids(warehouse, "deezer") == ["27", "1", "28"], "28 since b was added, once"
    watchlist.add(warehouse, "spotify", "b", priority=9)
    assert identities.tracked_ids(warehouse, "deezer") == ["28", "27", "1"]
    assert identities.tracked_ids(warehouse, "spotify") == ["b", "a", "c"]
    assert identities.tracked_ids(warehouse, "simulated-deezer") == ["7"]
    assert identities.tracked_ids(warehouse, "musicbrainz") == []
    watchlist.add(warehouse, "spotify", "b", "A name")
    assert tracked(warehouse, "spotify")[0].priority == 9, "unsaid, it stays"
    assert [one.source for one in watchlist.tracked_anywhere(warehouse, simulated=True)] == ["simulated"]
    assert len(watchlist.tracked_anywhere(warehouse, simulated=False)) == 5


def test_who_is_not_identified_says_why_and_when_it_is_looked_for_again(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "spotify", "new", "New")
    watchlist.add(warehouse, "spotify", "vain")
    watchlist.add(warehouse, "spotify", "known")
    watchlist.add(warehouse, "spotify", "weak", priority=1)
    watchlist.add(warehouse, "deezer", "27")
    identities.save(
        warehouse,
        [
            identity("vain", None, "not found", note="not in MusicBrainz"),
            identity("known", "1"),
            identity("weak", "2", "name"),
        ],
    )
    new, vain = identities.unresolved(warehouse, "deezer")
    assert (new.key, new.name, new.looked_for_at) == ("spotify:new", "New", None)
    assert new.reason == identities.NOT_YET
    assert new.is_due(NOW)
    assert vain.reason == "not in MusicBrainz (looked for on 2026-11-20, again from 2026-12-20 on)"
    assert not vain.is_due(NOW + timedelta(days=29))
    assert vain.is_due(NOW + timedelta(days=30))
    assert [one.artist_id for one in identities.unresolved(warehouse, "deezer", weak=True)] == [
        "weak", "new", "vain"
    ]  # fmt: skip
    assert {one.key for one in identities.unresolved(warehouse, "musicbrainz")} >= {
        "deezer:27",
        "spotify:new",
    }
    assert identities.unresolved(warehouse, "simulated-deezer") == []


def test_a_persons_word_is_never_overwritten_and_a_search_in_vain_takes_nothing_away(
    warehouse: Warehouse,
) -> None:
    later = NOW + timedelta(days=31)
    identities.save(warehouse, [identity("a", "1", "hand"), identity("b", "2", "name", note="one of 2")])
    identities.save(warehouse, [identity("a", "99", at=later), identity("b", None, "not found", at=later)])
    found = identities.identities_of(warehouse, [("spotify", "a"), ("spotify", "b")])
    assert found["spotify", "a"] == [identity("a", "1", "hand")]
    assert found["spotify", "b"] == [identity("b", "2", "name", note="one of 2", at=later)]
    identities.save(warehouse, [identity("a", "3", "hand"), identity("b", "4", "wikidata")])
    found = identities.identities_of(warehouse)
    assert [found["spotify", key][0].target_id for key in "ab"] == ["3", "4"]
    assert identities.identities_of(warehouse, []) == {}
    identities.save(warehouse, [])


def test_an_upstream_that_answers_another_id_is_remembered(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "deezer", "old")
    assert identities.record_aliases(warehouse, "deezer", [("old", "new"), ("same", "same")], NOW) == 1
    (one,) = identities.identities_of(warehouse)["deezer", "old"]
    assert (one.target, one.target_id, one.method, one.confidence) == ("deezer", "new", "answered", 1.0)
    assert identities.tracked_ids(warehouse, "deezer") == ["old"], "it is asked for as before"
    assert identities.record_aliases(warehouse, "deezer", []) == 0


def aliases(warehouse: Warehouse, namespace: str = "spotify") -> dict[str, str | None]:
    found = identities.identities_of(warehouse).values()
    return {one.artist_id: one.target_id for all_of in found for one in all_of if one.target == namespace}


def test_one_odd_answer_joins_nobody_and_no_alias_is_for_good(warehouse: Warehouse) -> None:
    def answered(*pairs: tuple[str, str], days: int = 0) -> int:
        return identities.record_aliases(warehouse, "spotify", pairs, NOW + timedelta(days=days))

    assert answered(("A", "A"), ("B", "A"), ("C", "D"), ("D", "C")) == 0, "both were asked for"
    assert answered(("A", "B"), ("B", "")) == 0, "asked for, if not answered"
    assert aliases(warehouse) == {}
    assert answered(("A", "new"), ("A", "A")) == 0
    assert answered(("A", "new")) == 1
    assert answered(("A", "A"), days=-3) == 0, "an older day, loaded again"
    assert aliases(warehouse) == {"A": "new"}
    assert answered(("A", "A"), days=3) == 0
    assert aliases(warehouse) == {"A": None}
    assert answered(("A", "new")) == 1
    assert aliases(warehouse) == {"A": None}, "an older day, loaded again"
    assert answered(("A", "newer"), days=4) == 1
    assert aliases(warehouse) == {"A": "newer"}
    assert identities.tracked_ids(warehouse, "spotify") == []


def test_a_persons_word_stands_above_what_an_upstream_answers(warehouse: Warehouse) -> None:
    identities.save(warehouse, [identity("A", "A", "hand", target="spotify")])
    identities.record_aliases(warehouse, "spotify", [("A", "new")], NOW + timedelta(days=1))
    assert aliases(warehouse) == {"A": "A"}
    identities.save(warehouse, [identity("A", "B", "hand", target="spotify")])
    identities.record_aliases(warehouse, "spotify", [("A", "A")], NOW + timedelta(days=2))
    assert aliases(warehouse) == {"A": "B"}


def test_names_that_look_alike_never_join_anything(warehouse: Warehouse) -> None:
    for namespace in ("lastfm", "simulated-lastfm"):
        assert identities.record_aliases(warehouse, namespace, [("daft+punk", "Daft+Punk")]) == 0
    assert identities.identities_of(warehouse) == {}


def test_a_replaced_id_is_asked_for_under_its_new_one(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "musicbrainz", "old")
    watchlist.add(warehouse, "spotify", "a")
    identities.save(
        warehouse,
        [
            identity("a", "merged", target="musicbrainz"),
            identity("old", "new", "hand", source="musicbrainz", target="musicbrainz"),
            identity("merged", "new", source="musicbrainz", target="musicbrainz"),
        ],
    )
    assert identities.tracked_ids(warehouse, "musicbrainz") == ["new"]


def test_what_nobody_listens_to_is_looked_into_once_a_month_and_a_few_a_day(warehouse: Warehouse) -> None:
    def unknown(after: timedelta = timedelta(0), most: int = 2) -> list[str]:
        return identities.unknown_to(
            warehouse, "test", "musicbrainz", NOW + after, code=ReasonCode.NO_DATA, most=most
        )

    assert unknown() == []
    missing = {
        "refused": Reason(ReasonCode.FAILED, "HTTP 401"),
        "spotify:a": Reason(ReasonCode.UNIDENTIFIED),
    } | dict.fromkeys(("gone", "known", "other", "third"), Reason(ReasonCode.NO_DATA, "no listens"))
    replace_partition(
        warehouse, table="artist_snapshots", source="test", day=DAY, rows=artists(["a"]), quarantined=[],
        load=LoadSummary(requested=7, received=1, missing=missing),
    )  # fmt: skip
    found = identity("known", "new", "hand", source="musicbrainz", target="musicbrainz")
    identities.save(warehouse, [found])
    assert unknown() == ["gone", "other"], "a refusal says nothing about an artist"
    vain = identity("gone", None, "not found", source="musicbrainz", target="musicbrainz")
    identities.save(warehouse, [vain])
    assert unknown() == ["other"], "two a day, and one was looked into today"
    assert unknown(timedelta(days=29)) == ["other", "third"]
    assert unknown(timedelta(days=31), most=9) == ["gone", "other", "third"]
