-- Daily charts and playlists, and what is asked once about each new album: its tracks, their details, their audio
-- features. The latter are dated too, by the day on which they were asked; whoever reads them takes the newest of an id.

create table snapshots.playlist_tracks (
    snapshot_date date not null,
    source text not null,
    playlist_id text not null,
    position smallint not null,
    playlist_name text,
    market text,
    track_id text,
    isrc text,
    name text,
    artist_ids text [],
    artist_names text [],
    album_id text,
    album_name text,
    album_type text,
    total_tracks integer,
    popularity smallint,
    rank_value integer,
    duration_ms integer,
    explicit boolean,
    release_date date,
    release_date_precision text,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, playlist_id, position)
) partition by range (snapshot_date);

create table snapshots.album_tracks (
    snapshot_date date not null,
    source text not null,
    album_id text not null,
    disc_number smallint not null,
    track_number smallint not null,
    track_id text,
    name text,
    artist_ids text [],
    artist_names text [],
    duration_ms integer,
    explicit boolean,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, album_id, disc_number, track_number)
) partition by range (snapshot_date);

create table snapshots.track_details (
    snapshot_date date not null,
    source text not null,
    track_id text not null,
    isrc text,
    name text,
    artist_ids text [],
    artist_names text [],
    album_id text,
    album_name text,
    album_type text,
    popularity smallint,
    rank_value integer,
    duration_ms integer,
    explicit boolean,
    release_date date,
    release_date_precision text,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, track_id)
) partition by range (snapshot_date);

create table snapshots.audio_features (
    snapshot_date date not null,
    source text not null,
    track_id text not null,
    acousticness double precision,
    danceability double precision,
    energy double precision,
    instrumentalness double precision,
    "key" smallint,
    liveness double precision,
    loudness double precision,
    mode smallint,
    speechiness double precision,
    tempo double precision,
    time_signature smallint,
    valence double precision,
    duration_ms integer,
    observed_at timestamptz not null,
    primary key (snapshot_date, source, track_id)
) partition by range (snapshot_date);

-- Whether an album or a track was asked about already: by its id, over all days.
create index on snapshots.album_tracks (source, album_id);
create index on snapshots.track_details (source, track_id);
create index on snapshots.audio_features (source, track_id);
