-- Dated observations, one table per kind of thing observed. A row says what was seen on that UTC day
-- and is written only together with the whole (table, source, day) it belongs to.
create schema if not exists snapshots;

create table snapshots.artist_snapshots (
    snapshot_date date not null,
    source text not null,
    artist_id text not null,
    requested_id text not null,
    name text,
    popularity smallint,
    followers bigint,
    listeners bigint,
    plays bigint,
    genres text [],
    image_url text,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, artist_id)
) partition by range (snapshot_date);

create table snapshots.top_tracks (
    snapshot_date date not null,
    source text not null,
    market text not null,
    artist_id text not null,
    position smallint not null,
    track_id text,
    isrc text,
    name text,
    primary_artist_id text,
    album_id text,
    album_name text,
    popularity smallint,
    rank_value integer,
    duration_ms integer,
    explicit boolean,
    release_date date,
    release_date_precision text,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, market, artist_id, position)
) partition by range (snapshot_date);

create table snapshots.new_releases (
    snapshot_date date not null,
    source text not null,
    album_id text not null,
    name text,
    album_type text,
    artist_ids text [] not null,
    artist_names text [] not null,
    release_date date,
    release_date_precision text,
    release_date_text text,
    total_tracks integer,
    popularity smallint,
    label text,
    upc text,
    image_url text,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, album_id)
) partition by range (snapshot_date);
