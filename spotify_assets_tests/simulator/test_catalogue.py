"""The invented world: the same everywhere, alive, and odd in the ways on record."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotify_assets.simulator.catalogue.ids import ALBUM, ARTIST, TRACK, IdCodec, Parts, is_id
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.world.names import artist_name
from spotify_assets.simulator.world.releases import isrc, upc

DAY = date(2026, 11, 20)
DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))

FINGERPRINT = """
import hashlib, json
from datetime import date
from spotify_assets.simulator.catalogue.lists import Catalogue
catalogue = Catalogue(artists=60)
day = date(2026, 11, 20)
seen = [[catalogue.artist(one, day), catalogue.top_tracks(one, day)] for one in catalogue.artist_ids()]
seen.append([catalogue.album_id(*entry) for entry in catalogue.new_releases(day)])
print(hashlib.sha256(json.dumps(seen).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def world() -> Catalogue:
    return Catalogue(artists=1000)


def fingerprint_of_another_process(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    return done.stdout.strip()


def test_same_world_in_every_process() -> None:
    assert len(fingerprint_of_another_process("1")) == 64
    assert fingerprint_of_another_process("1") == fingerprint_of_another_process("2")


def test_order_of_asking_does_not_matter() -> None:
    def seen(days: list[date]) -> dict[date, str]:
        fresh = Catalogue(artists=30)
        return {
            day: hashlib.sha256(
                json.dumps(
                    [[fresh.artist(one, day), fresh.top_tracks(one, day)] for one in fresh.artist_ids()]
                ).encode()
            ).hexdigest()
            for day in days
        }

    days = [DAY - timedelta(days=back) for back in (0, 400, 3, 77)]
    assert seen(days) == seen(days[::-1])


def test_other_seed_is_another_world_and_size_only_adds() -> None:
    assert set(Catalogue(seed=1, artists=50).artist_ids()).isdisjoint(
        Catalogue(seed=2, artists=50).artist_ids()
    )
    small, large = Catalogue(artists=50, quirks=False), Catalogue(artists=500, quirks=False)
    for one in small.artist_ids()[:49]:
        assert small.artist(one, DAY) == large.artist(one, DAY)


def test_names_are_unique_far_beyond_the_largest_world() -> None:
    names = [artist_name(2026, index) for index in range(40_000)]
    assert len(set(names)) == len(names)


@given(
    kind=st.sampled_from([ARTIST, ALBUM, TRACK]),
    parts=st.builds(
        Parts,
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**16 - 1),
        st.integers(0, 255),
        st.integers(0, 2**16 - 1),
    ),
)
def test_ids_carry_what_they_stand_for(kind: int, parts: Parts) -> None:
    codec = IdCodec(7)
    text = codec.encode(kind, *parts)
    assert is_id(text)
    assert codec.decode(kind, text) == parts
    assert codec.decode(kind + 1, text) is None
    assert IdCodec(8).decode(kind, text) is None


@given(text=st.from_regex(r"\A[0-9A-Za-z]{22}\Z"))
def test_a_foreign_id_is_no_id(text: str) -> None:
    assert IdCodec(7).decode(ARTIST, text) is None


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 999), day=DAYS)
def test_values_keep_their_ranges(world: Catalogue, index: int, day: date) -> None:
    artist = world.artist(world.artist_id(index), day)
    if artist is not None:
        assert type(artist["popularity"]) is int
        assert 0 <= artist["popularity"] <= 100
        assert artist["followers"]["total"] is None or artist["followers"]["total"] >= 0
    tracks = world.top_tracks(world.artist_id(index), day) or []
    assert len(tracks) <= 10
    assert len({track["external_ids"]["isrc"] for track in tracks}) == len(tracks)
    for track in tracks:
        assert 0 <= track["popularity"] <= 100
        assert re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", track["external_ids"]["isrc"])
        assert track["album"]["release_date"][:4] in {"0000", *map(str, range(1998, day.year + 1))}


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, 999), day=DAYS)
def test_release_date_is_as_long_as_its_precision(world: Catalogue, index: int, day: date) -> None:
    length = {"day": 10, "month": 7, "year": 4}
    for release, _, _ in world.artist_albums(index, day.toordinal()):
        assert len(release.date_text) == length[release.precision]
        assert release.day <= day.toordinal()


def test_nothing_exists_before_it_is_released(world: Catalogue) -> None:
    for release, _ in world.new_releases(DAY)[:10]:
        day = date.fromordinal(release.day)
        album, track = world.album_id(release), world.track_id(release, 0, 1)
        assert world.album(album, day - timedelta(days=1)) is None
        assert world.track(track, day - timedelta(days=1)) is None
        served = world.album(album, day)
        assert served is not None
        assert served["total_tracks"] == len(served["tracks"]["items"]) == len(release.songs)
        first = world.track(track, day)
        assert first is not None
        assert first["popularity"] == 0  # a new release starts at 0


def test_viral_starts_are_true_and_visible(world: Catalogue) -> None:
    starts = world.viral_starts(DAY - timedelta(days=364), DAY)
    assert 80 < len(starts) < 300
    seen = 0
    for viral in starts:
        life = world.life(world.index_of(viral.artist_id) or 0)
        before = life.smooth(viral.start.toordinal() - 1)
        peak = max(life.smooth(viral.start.toordinal() + days) for days in range(8))
        assert peak > before
        seen += peak - before >= 5
    assert seen >= 0.9 * len(starts)


def test_trends_differ_over_ninety_days(world: Catalogue) -> None:
    first = (DAY - timedelta(days=90)).toordinal()
    moves = [
        world.life(index).smooth(DAY.toordinal()) - world.life(index).smooth(first) for index in range(1000)
    ]
    assert sum(move > 5 for move in moves) > 50
    assert sum(move < -5 for move in moves) > 50
    assert sum(abs(move) < 3 for move in moves) > 300


def test_most_days_change_little(world: Catalogue) -> None:
    pairs = [
        (world.artist_values(index, day)[0], world.artist_values(index, day + 1)[0])
        for index in range(200)
        for day in range(DAY.toordinal() - 30, DAY.toordinal())
    ]
    assert 0.6 < sum(one == two for one, two in pairs) / len(pairs) < 0.95


def test_followers_grow(world: Catalogue) -> None:
    life = world.life(3)
    counted = [life.followers(day) for day in range(DAY.toordinal() - 400, DAY.toordinal(), 20)]
    values = [value for value in counted if value]
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_releases_prefer_fridays(world: Catalogue) -> None:
    weekdays = Counter(
        date.fromordinal(release.day).weekday()
        for release, _ in world.released_between(DAY.toordinal() - 365, DAY.toordinal())
    )
    assert weekdays[4] > 0.7 * weekdays.total()


def test_oddities_on_record_happen(world: Catalogue) -> None:
    days = range(DAY.toordinal() - 120, DAY.toordinal())
    lives = [world.life(index) for index in range(1000)]
    assert any(life.absent(day) for life in lives for day in days)
    dipped = [(life, day) for life in lives for day in days if life.dips(day)]
    assert dipped
    life, day = dipped[0]
    assert life.popularity(day) == 0
    merged = [life for life in lives if life.merged_on is not None]
    assert merged
    merge_day = date.fromordinal(merged[0].merged_on or 0)
    answer = world.artist(world.artist_id(merged[0].index), merge_day)
    assert answer is None or answer["id"] != world.artist_id(merged[0].index)
    removed = [life for life in lives if life.removed_on is not None and not life.absent(life.removed_on)]
    gone = world.artist(world.artist_id(removed[0].index), date.fromordinal(removed[0].removed_on or 0))
    assert gone is not None
    assert (gone["name"], gone["images"], gone["popularity"]) == ("", [], 0)
    assert {None, 0} <= {life.followers(day) for life in lives for day in days if not life.removed(day)}
    dates = {release.date_text for life in lives for release in life.discography.until(DAY.toordinal())}
    assert "0000" in dates
    assert {4, 7, 10} == set(map(len, dates))
    assert any(world.world.genres_empty(day) for day in range(DAY.toordinal() - 1000, DAY.toordinal()))


def test_reuploads_keep_the_recording(world: Catalogue) -> None:
    release = next(
        release
        for index in range(1000)
        for release in world.life(index).discography.until(DAY.toordinal())
        if release.copied is not None and release.copied <= DAY.toordinal()
    )
    first = world.track(world.track_id(release, 0, 1), DAY)
    again = world.track(world.track_id(release, 1, 1), DAY)
    assert first is not None
    assert again is not None
    assert first["id"] != again["id"]
    assert first["external_ids"] == again["external_ids"]
    assert world.track(world.track_id(release, 1, 1), date.fromordinal((release.copied or 0) - 1)) is None


def test_new_releases_are_about_a_hundred_and_sometimes_freeze_or_repeat(world: Catalogue) -> None:
    days = [DAY - timedelta(days=back) for back in range(200)]
    lists = [[world.album_id(*entry) for entry in world.new_releases(day)] for day in days]
    assert {len(entries) for entries in lists} == {100}
    doubled = [entries for entries in lists if len(set(entries)) < len(entries)]
    assert 5 < len(doubled) < 60
    assert any(entries[19] == entries[20] for entries in doubled)
    frozen = {world.world.list_day(day.toordinal()) for day in days}
    assert len(frozen) < len(days) - 10


def test_top_tracks_are_not_sorted_by_popularity(world: Catalogue) -> None:
    lists = [[entry[3] for entry in world.top_list(index, DAY.toordinal(), "US")] for index in range(100)]
    assert any(values != sorted(values, reverse=True) for values in lists)
    assert all(not values or values[0] >= max(values) - 3 for values in lists)


def test_codes_are_unique_and_valid(world: Catalogue) -> None:
    songs = {
        (index, song)
        for index in range(150)
        for release in world.life(index).discography.until(DAY.toordinal())
        for song in release.songs
    }
    assert len({isrc(*entry) for entry in songs}) == len(songs)
    code = upc(12, 345)
    assert len(code) == 13
    assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code)) % 10 == 0


def test_without_quirks_nothing_errs() -> None:
    calm = Catalogue(artists=300, quirks=False)
    for back in range(60):
        day = DAY - timedelta(days=back)
        for one in calm.artist_ids():
            artist = calm.artist(one, day)
            assert artist is not None
            assert artist["id"] == one
            assert artist["name"]
            assert artist["images"]
            assert artist["followers"]["total"] > 0
