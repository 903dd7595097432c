"""What is purged is gone from every place, stays gone, and the books add up."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from spotify_assets.artists import watchlist
from spotify_assets.contracts.tables import TABLES
from spotify_assets.erasure.purge import Purged, enforce_retention, purge_artist, purge_source, purge_user
from spotify_assets.ingest import plan
from spotify_assets.ingest.load import load
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.users import store
from spotify_assets.users.token_encryption import TokenEncryption
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import current_load
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.support.warehouse import tracked

A, B, C = "0TnOYISbd1XYRBk9myaseg", "1111111111111111111111", "2222222222222222222222"
DAYS = [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)]
NAMES = {A: "Gone Girl", B: "Bright Bird", C: "Calm Cloud"}


def person(ident: str) -> dict[str, Any]:
    return {"id": ident, "name": NAMES[ident], "type": "artist"}


def exchange(entity: str, day: date, body: Any, request: dict[str, Any], url: str, source: str) -> Exchange:
    return Exchange(
        source=source, entity=entity, method="GET", url=url, status=200, run_id="run", body=json.dumps(body),
        observed_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), request=request,
    )  # fmt: skip


def landed(day: date, source: str = "spotify") -> list[Exchange]:
    """A day on which A is asked for in a batch, alone, and is part of what others did."""
    noon = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
    ids = [B, A, C, "4" * 22]
    joined = ",".join(ids)
    batch, single = {"ids": ids}, {"ids": ["5" * 22]}
    full = [{**person(i), "popularity": 50, "followers": {"total": 7}, "genres": []} for i in (B, A, C)]
    odd = {**person(C), "id": "5" * 22, "popularity": "many"}

    def track(ident: str, title: str, *artists: str) -> dict[str, Any]:
        return {"id": ident, "name": title, "artists": [person(one) for one in artists], "popularity": 3}

    def album(ident: str, title: str, *artists: str) -> dict[str, Any]:
        return {
            "id": ident, "name": title, "artists": [person(one) for one in artists],
            "release_date": "2026-11-01", "release_date_precision": "day", "album_type": "album",
        }  # fmt: skip

    albums = [album("a1", "Alone", A), album("a2", "Together", A, B), album("a3", "Other", B),
              album("a4", "With Gone Girl", B, A)]  # fmt: skip
    others = [track("t2", "One", B), track("t3", "Two (feat. Gone Girl)", B, A), track("t4", "Three", B)]
    return [
        plan.note(plan.PLAN, source, "artists", noon, "run", [*ids, "5" * 22]),
        exchange("artists", day, {"artists": [*full, None]}, batch, f"/v1/artists?ids={joined}", source),
        exchange("artists", day, {"artists": [odd]}, single, "/v1/artists?ids=" + "5" * 22, source),
        plan.note(plan.PLAN, source, "top_tracks", noon, "run", [f"{A}/US", f"{B}/US"]),
        exchange("top_tracks", day, {"tracks": [track("t1", "Mine", A)]}, {"artist_id": A, "market": "US"},
                 f"/v1/artists/{A}/top-tracks?market=US", source),
        exchange("top_tracks", day,
                 {"tracks": others},
                 {"artist_id": B, "market": "US"}, f"/v1/artists/{B}/top-tracks?market=US", source),
        exchange("new_releases", day, {"albums": {"items": albums, "next": None}}, {"page": 1},
                 "/v1/browse/new-releases", source),
    ]  # fmt: skip


MARTS = """
select ops.claim_relations(
    '[["marts", "artist_popularity_trend"], ["marts", "track_popularity_trend"],
    ["marts", "new_release_radar"]]'
);
create table marts.artist_popularity_trend as
select source, artist_id, 'popularity' as metric, snapshot_date, name, popularity as value
from snapshots.artist_snapshots;
create table marts.track_popularity_trend as
select source, 'isrc:' || track_id as song_id, snapshot_date, name, artist_id, array[track_id] as track_ids
from snapshots.top_tracks;
create table marts.new_release_radar as
select source, album_id, snapshot_date, name, artist_ids, artist_names from snapshots.new_releases;
insert into forecasts.forecasts
select
    'artist', snapshot_date, source, 'popularity', artist_id, 14, snapshot_date + 14, artist_id, null,
    snapshot_date, 5, 'settling', 7, 6, 8, true, null, 1
from snapshots.artist_snapshots;
insert into forecasts.forecasts
select
    'song', snapshot_date, source, 'popularity', 'isrc:' || track_id, 14, snapshot_date + 14, artist_id,
    array[track_id], snapshot_date, 5, 'last_value', 5, null, null, false, 'backtest_too_short', 1
from snapshots.top_tracks;
insert into forecasts.backtests
select
    entity, forecast_on, source, metric, entity_id, horizon_days, artist_id, track_ids, method, 20, 1, 2, 0.8,
    2, 1
from forecasts.forecasts;
"""


def execute(warehouse: Warehouse, statement: str, values: Any = None) -> list[Any]:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall() if cursor.description else []
        connection.commit()
    return rows


def fill(warehouse: Warehouse, landing: Landing, *sources: str) -> None:
    for source in sources or ("spotify",):
        for day in DAYS:
            for number, one in enumerate(landed(day, source)):
                landing.put(source, one.entity, day, f"part-{number}", [one])
        watchlist.add_many(warehouse, source, [(A, "Gone Girl"), (B, None), (C, None)])
    load_all(warehouse, landing)
    execute(warehouse, MARTS)


def load_all(warehouse: Warehouse, landing: Landing, days: Sequence[date] = tuple(DAYS)) -> None:
    with warehouse.holding() as kept:
        for table in TABLES:
            for day in days:
                load(table, day, landing, kept, "run")


def everything(warehouse: Warehouse, landing: Landing, home: Path) -> str:
    """All rows of all tables, everything landed, and all log files."""
    tables = execute(
        warehouse,
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace where c.relkind = 'r' "
        "and n.nspname not in ('pg_catalog', 'information_schema')",
    )
    rows = [row for (table,) in tables for (row,) in execute(warehouse, f"select t::text from {table} as t")]
    root = Path(landing.root)
    parts = [repr(landing.read_part(str(path))) for path in root.rglob("*.gz")]
    return "\n".join([*rows, *parts, *(str(path) for path in root.rglob("*")), *(
        path.read_text() for path in home.rglob("*.log"))])  # fmt: skip


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(str(tmp_path / "lake"))


def books_add_up(warehouse: Warehouse) -> None:
    for table in TABLES:
        for source, day in execute(
            warehouse, "select distinct source, partition_date from ops.partition_loads"
        ):
            entry = current_load(warehouse, table, source, day)
            if entry is None:
                continue
            assert entry.loaded == read_partition(warehouse, table, day, source).num_rows
            assert entry.received == entry.loaded + entry.quarantined
            assert entry.missing_count == len(entry.missing)
            ((held,),) = execute(
                warehouse,
                "select count(*) from ops.quarantine where table_name = %s and source = %s and "
                "partition_date = %s",
                (table, source, day),
            )
            assert entry.quarantined == held
            if table == "artist_snapshots":
                assert entry.requested == entry.received + entry.missing_count


def places(purged: Purged) -> dict[str, tuple[int, int, int]]:
    return {place.name: (place.found, place.removed, place.left) for place in purged.places}


def test_an_artist_is_gone_everywhere_and_others_stay(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    (home / "logs").mkdir()
    (home / "logs" / "run.log").write_text(f"asked\nmissing {A}\nGone Girl is late\ndone\n")
    looked = purge_artist(warehouse, landing, home, A, dry_run=True)
    assert looked.found > 30
    assert looked.left == 0
    before = everything(warehouse, landing, home)
    assert A in before

    purged = purge_artist(warehouse, landing, home, A)
    assert purged.left == 0
    assert {name: place[0] for name, place in places(purged).items()} == {
        p.name: p.found for p in looked.places
    }
    after = everything(warehouse, landing, home)
    assert A not in after
    assert "Gone Girl" not in after, "nor by name"
    books_add_up(warehouse)
    found = read_partition(warehouse, "artist_snapshots", DAYS[0])
    assert found.column("artist_id").to_pylist() == [B, C]
    top = read_partition(warehouse, "top_tracks", DAYS[0])
    assert top.select(["position", "name"]).to_pylist() == [
        {"position": 1, "name": "One"}, {"position": 2, "name": None}, {"position": 3, "name": "Three"}
    ]  # fmt: skip
    releases = read_partition(warehouse, "new_releases", DAYS[0]).select(
        ["album_id", "artist_ids", "artist_names"]
    )
    assert [row["album_id"] for row in releases.to_pylist()] == ["a2", "a3"]
    assert releases.to_pylist()[0]["artist_names"] == ["Bright Bird"]
    radar = execute(
        warehouse,
        "select distinct album_id, artist_ids, artist_names from marts.new_release_radar order by 1",
    )
    assert radar == [("a2", [B], ["Bright Bird"]), ("a3", [B], ["Bright Bird"])]
    assert execute(warehouse, "select distinct name from marts.track_popularity_trend order by 1") == [
        ("One",),
        ("Three",),
    ]
    assert [one.artist_id for one in tracked(warehouse, "spotify")] == [B, C]
    assert (home / "logs" / "run.log").read_text().splitlines()[0] == "asked"


def test_loading_old_days_again_does_not_bring_it_back(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    purge_artist(warehouse, landing, home, A)
    standing = [read_partition(warehouse, table, day) for table in TABLES for day in DAYS]
    load_all(warehouse, landing)
    assert [read_partition(warehouse, table, day) for table in TABLES for day in DAYS] == standing
    assert A not in everything(warehouse, landing, home)
    books_add_up(warehouse)
    assert purge_artist(warehouse, landing, home, A).found == 0


def test_an_artist_is_gone_from_plans_and_notes_whatever_form_its_keys_have(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    noon = datetime(2026, 11, 18, 11, tzinfo=UTC)
    spent = Reason(ReasonCode.BUDGET_SPENT)
    releases = [f"artist:{one}/{kind}" for one in (A, B) for kind in ("album", "single")]
    landing.put("spotify", "new_releases", DAYS[0], "plan", [
        plan.note(plan.PLAN, "spotify", "new_releases", noon, "run", releases),
        plan.note("UNASKED", "spotify", "new_releases", noon, "run", releases, spent),
    ])  # fmt: skip
    elsewhere = [f"spotify:{A}", f"spotify:{B}"]
    unknown = Reason(ReasonCode.UNIDENTIFIED, f"{A}: no id")
    for method in ("UNASKED", "UNIDENTIFIED"):
        landing.put("listenbrainz", "artists", DAYS[0], method, [
            plan.note(plan.PLAN, "listenbrainz", "artists", noon, "run", []),
            plan.note(method, "listenbrainz", "artists", noon, "run", elsewhere, unknown),
        ])  # fmt: skip
    load_all(warehouse, landing)
    ledger = {
        "new_releases": {key: {"code": "failed", "detail": f"all calls are used ({A})"} for key in releases},
        "artist_snapshots": {key: {"code": "unidentified"} for key in elsewhere},
    }
    for table, missing in ledger.items():
        execute(
            warehouse,
            "insert into ops.partition_loads (table_name, source, partition_date, run_id, rows_requested, "
            "rows_received, rows_loaded, rows_quarantined, rows_missing, missing, content_hash) "
            "values (%s, 'deezer', %s, 'run', %s, 0, 0, 0, %s, %s, '')",
            (table, DAYS[0], len(missing), len(missing), json.dumps(missing)),
        )
    assert A in everything(warehouse, landing, home)

    found = places(purge_artist(warehouse, landing, home, A, dry_run=True))
    purged = purge_artist(warehouse, landing, home, A)
    assert purged.left == 0
    assert {name: place[0] for name, place in places(purged).items()} == {
        name: place[0] for name, place in found.items()
    }
    assert A not in everything(warehouse, landing, home)
    assert execute(
        warehouse, "select rows_requested, rows_missing, missing from ops.partition_loads "
        "where source = 'deezer' order by table_name"
    ) == [
        (1, 1, {f"spotify:{B}": {"code": "unidentified"}}),
        (2, 2, {key: {"code": "failed", "detail": "all calls are used (purged)"} for key in releases[2:]}),
    ]  # fmt: skip
    ((keys,),) = [
        (one.request["keys"],)
        for one in landing.read("listenbrainz", "artists", DAYS[0])
        if one.method == "UNIDENTIFIED"
    ]
    assert keys == [f"spotify:{B}"]
    books_add_up(warehouse)


def test_an_id_that_may_be_a_number_is_found_in_the_ledger_too(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    execute(
        warehouse,
        "insert into ops.partition_loads (table_name, source, partition_date, run_id, rows_requested, "
        "rows_received, rows_loaded, rows_quarantined, rows_missing, missing, content_hash) "
        "values ('new_releases', 'deezer', %s, 'run', 3, 0, 0, 0, 3, %s, '')",
        (
            DAYS[0],
            json.dumps({key: {"code": "cooldown"} for key in ["artist:27", "artist:275", "editorial:0"]}),
        ),
    )
    purged = purge_artist(warehouse, landing, home, "27")
    assert places(purged)["ops.partition_loads"] == (1, 1, 0)
    assert execute(warehouse, "select rows_missing, missing from ops.partition_loads") == [
        (2, {key: {"code": "cooldown"} for key in ["artist:275", "editorial:0"]})
    ]


def test_an_artist_of_whom_only_rows_are_left_is_removed_too(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    for path in Path(landing.root).rglob("*.gz"):
        path.unlink()
    purged = purge_artist(warehouse, landing, home, A)
    assert purged.left == 0
    assert A not in everything(warehouse, landing, home)
    books_add_up(warehouse)


def test_an_artist_of_one_source_stays_in_another(warehouse: Warehouse, landing: Landing, home: Path) -> None:
    fill(warehouse, landing, "spotify", "simulated")
    assert purge_artist(warehouse, landing, home, A, source="spotify").left == 0
    assert read_partition(warehouse, "artist_snapshots", DAYS[0], "simulated").num_rows == 3
    assert read_partition(warehouse, "artist_snapshots", DAYS[0], "spotify").num_rows == 2
    assert A not in repr([landing.read("spotify", "artists", day) for day in DAYS])
    assert A in repr(landing.read("simulated", "artists", DAYS[0]))


def test_ids_of_the_same_artist_elsewhere_go_and_namesakes_are_named(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    mbid = "8f6bd1e4-fbe1-4f50-aa9b-94c450ec0f11"
    execute(
        warehouse,
        "insert into ops.identities (source, artist_id, target, target_id, method, confidence, "
        "resolved_at) values ('spotify', %(a)s, 'musicbrainz', %(m)s, 'musicbrainz', 1, now()), "
        "('spotify', %(a)s, 'deezer', '27', 'name', 0.3, now())",
        {"a": A, "m": mbid},
    )
    body = [{"artist_mbid": mbid, "total_user_count": 5}]
    landing.put("listenbrainz", "artists", DAYS[0], "x", [
        exchange("artists", DAYS[0], body, {"ids": [mbid]}, "/1/popularity/artist", "listenbrainz")
    ])  # fmt: skip
    purged = purge_artist(warehouse, landing, home, A)
    assert purged.left == 0
    assert mbid not in everything(warehouse, landing, home)
    assert any("27 (deezer)" in note for note in purged.notes)


def test_a_source_is_gone_and_the_others_and_the_cooldown_stay(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing, "spotify", "simulated")
    execute(warehouse, "insert into ops.cooldowns values ('spotify', 'x', now(), true, 'asked for', now())")
    execute(warehouse, "insert into ops.capabilities values ('spotify', 'x', 'n', true, 'r', now(), now())")
    purged = purge_source(warehouse, landing, home, "spotify")
    assert purged.left == 0
    assert set(places(purged)) >= {
        "landing (raw responses)", "snapshots.top_tracks", "ops.quarantine", "ops.watchlist",
        "ops.partition_loads",
        "marts.new_release_radar", "ops.capabilities",
    }  # fmt: skip
    assert not (Path(landing.root) / "spotify").exists()
    for table in (
        "snapshots.artist_snapshots",
        "marts.track_popularity_trend",
        "ops.partition_loads",
        "ops.quarantine",
    ):
        assert execute(warehouse, f"select distinct source from {table}") == [("simulated",)]
    assert execute(warehouse, "select count(*) from ops.cooldowns") == [(1,)], "a cooldown is no content"
    with pytest.raises(ValueError, match="cannot name a source"):
        purge_source(warehouse, landing, home, "../spotify")


def test_what_is_too_old_goes_and_the_rest_stays(warehouse: Warehouse, landing: Landing, home: Path) -> None:
    fill(warehouse, landing, "spotify", "simulated")
    assert enforce_retention(warehouse, landing, home, None, today=DAYS[2]) == []
    (purged,) = enforce_retention(warehouse, landing, home, 2, today=DAYS[2])
    assert purged.left == 0
    for table in ("snapshots.artist_snapshots", "snapshots.new_releases", "marts.artist_popularity_trend"):
        assert execute(
            warehouse, f"select distinct snapshot_date from {table} where source = 'spotify' order by 1"
        ) == [(DAYS[1],), (DAYS[2],)]
        assert execute(
            warehouse, f"select count(distinct snapshot_date) from {table} where source = 'simulated'"
        ) == [(3,)]
    assert landing.days("spotify", "artists") == DAYS[1:]
    assert len(tracked(warehouse, "spotify")) == 3
    books_add_up(warehouse)
    load_all(warehouse, landing, DAYS[1:])


def test_a_users_data_is_gone_and_others_stay(warehouse: Warehouse, landing: Landing, home: Path) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    for user in ("anna", "berta"):
        store.sign_in(
            warehouse, TokenEncryption(home), source="spotify", user_id=user, display_name=user.title(),
            scopes=(),
            authorised_at=now, expires_at=now.replace(year=2027), refresh_token=SecretStr("t"),
        )  # fmt: skip
        for day in DAYS:
            one = exchange(
                "plays", day, {"items": []}, {"user_id": user}, "/v1/me/player/recently-played", "spotify"
            )
            landing.put("spotify", "plays", day, user, [one])
    execute(warehouse, """select ops.claim_relations('[["snapshots", "plays"]]')""")
    execute(warehouse, "create table snapshots.plays (user_id text, source text, played_at timestamptz)")
    execute(
        warehouse,
        "insert into snapshots.plays select u, 'spotify', d from unnest(array['anna', 'berta']) as u, "
        "unnest(%s::date[]) as d",
        (DAYS,),
    )
    older = purge_user(warehouse, landing, "anna", before=DAYS[1])
    assert places(older) == {
        "landing (raw responses)": (1, 1, 0),
        "snapshots.plays": (1, 1, 0),
        "Dagster's events": (0, 0, 0),
    }
    assert len(store.users(warehouse)) == 2, "the sign-in stays"
    assert purge_user(warehouse, landing, "anna").left == 0
    assert [user.user_id for user in store.users(warehouse)] == ["berta"]
    assert execute(warehouse, "select distinct user_id, count(*) from snapshots.plays group by 1") == [
        ("berta", 3)
    ]
    assert "anna" not in everything(warehouse, landing, home)


def event(*records: dict[str, str], missing: str = "") -> str:
    metadata: dict[str, Any] = {
        "preview": dg.MetadataValue.table([dg.TableRecord(dict(record)) for record in records]),
        "missing_entries": dg.MetadataValue.md(missing),
        "rows": 3,
    }
    return dg.serialize_value(dg.AssetMaterialization("a", metadata=metadata))


def old_event(warehouse: Warehouse, text: str) -> None:
    execute(
        warehouse, "create table if not exists dagster.event_logs (id bigserial, event text, partition text)"
    )
    execute(
        warehouse, "insert into dagster.event_logs (event, partition) values (%s, %s)", (text, "2026-11-18")
    )


def listings(warehouse: Warehouse) -> list[tuple[int, str]]:
    """Rows of the preview and what is listed as missing, of each event."""
    found = []
    for (text,) in execute(warehouse, "select event from dagster.event_logs order by id"):
        metadata = dg.deserialize_value(text, dg.AssetMaterialization).metadata
        preview, missing = metadata["preview"], metadata["missing_entries"]
        assert isinstance(preview, dg.TableMetadataValue)
        assert isinstance(missing, dg.MarkdownMetadataValue)
        assert metadata["rows"].value == 3
        found.append((len(preview.records), missing.md_str or ""))
    return found


def test_what_an_earlier_version_let_dagster_show_of_it_goes_and_the_event_stays(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    record = {"artist_names": "", "source": "spotify"}
    old_event(warehouse, event({"name": "Gone Girl", **record}, missing=f"- spotify: {A} (left out)"))
    old_event(warehouse, event({"name": "Bright Bird", **record}, missing=f"- spotify: {B} ({A} is odd)"))
    old_event(
        warehouse, event({"name": "Calm Cloud", "source": "simulated"}, missing=f"- simulated: {C} (no)")
    )
    assert places(purge_artist(warehouse, landing, home, A, dry_run=True))["Dagster's events"] == (2, 0, 2)
    assert places(purge_artist(warehouse, landing, home, A))["Dagster's events"] == (2, 2, 0)
    others = (1, f"- simulated: {C} (no)")
    assert listings(warehouse) == [(0, "purged"), (1, "purged"), others]
    purge_source(warehouse, landing, home, "spotify")
    assert listings(warehouse) == [(0, "purged"), (0, "purged"), others]


@pytest.mark.parametrize("key", ["27", "27/US", "artist:27", "deezer:27", "artist:27/album"])
def test_what_an_earlier_version_let_dagster_show_of_a_number_goes(
    warehouse: Warehouse, landing: Landing, home: Path, key: str
) -> None:
    old_event(warehouse, event({"missing": key}, {"missing": "9"}, missing=f"- deezer: {key} (at 10:27)"))
    old_event(warehouse, event({"missing": "9"}, missing="- deezer: 9 (at 10:27)"))
    assert places(purge_artist(warehouse, landing, home, "27"))["Dagster's events"] == (1, 1, 0)
    assert listings(warehouse) == [(0, "purged"), (1, "- deezer: 9 (at 10:27)")]


def test_an_id_in_the_words_of_an_old_event_goes(warehouse: Warehouse, landing: Landing, home: Path) -> None:
    old_event(warehouse, json.dumps({"user_message": f"artist {A}: no answer", "level": 20}))
    assert places(purge_artist(warehouse, landing, home, A))["Dagster's events"] == (1, 1, 0)
    ((left,),) = execute(warehouse, "select event from dagster.event_logs")
    assert json.loads(left) == {"user_message": "artist purged: no answer", "level": 20}


def test_a_response_that_is_not_about_it_is_not_touched(
    warehouse: Warehouse, landing: Landing, home: Path
) -> None:
    fill(warehouse, landing)
    other = dataclasses.replace(
        landed(DAYS[0])[2], body='{ "artists" : [ {"id":"%s", "x":1.0e2} ] }' % ("5" * 22)
    )
    landing.put("spotify", "artists", DAYS[0], "other", [other])
    (path,) = Path(landing.root).rglob("other.jsonl.gz")
    before = path.stat().st_mtime_ns
    purge_artist(warehouse, landing, home, A)
    assert path.stat().st_mtime_ns == before
