-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_playlist_entries')) }}

),

entries as (

    select listed.*
    from {{ ref('int_playlist_entries') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)
        and listed.song_id is not null

),

-- of a song's entries on one list, the best placed speaks for it
ordered as (

    select
        *,
        row_number() over (
            partition by source, playlist_id, song_id, snapshot_date
            order by position
        ) as entry_number,
        max(popularity) over (partition by source, playlist_id, song_id, snapshot_date) as best_popularity,
        array_agg(track_id) filter (where track_id is not null) over (
            partition by source, playlist_id, song_id, snapshot_date
        ) as listed_track_ids
    from entries

),

songs as (

    select
        *,
        case
            when cardinality(listed_track_ids) > 1
                then array(
                    select distinct ids.track_id
                    from unnest(listed_track_ids) as ids (track_id)
                    order by ids.track_id
                )
            else listed_track_ids
        end as track_ids
    from ordered
    where entry_number = 1

),

-- each song's latest day before the window, whose running figures go on: one look into the primary key per song
before_window as (

    {% if this is not none and is_incremental() -%}
    select
        listed.source,
        listed.playlist_id,
        listed.song_id,
        latest.*
    from (
        select distinct
            songs.source,
            songs.playlist_id,
            songs.song_id,
            window_starts.starts_on
        from songs
        inner join window_starts on songs.source = window_starts.source
    ) as listed
    cross join lateral (
        select
            built.snapshot_date,
            built.position,
            built.popularity,
            built.first_seen_on,
            built.days_on_list,
            built.best_position
        from {{ this }} as built
        where
            built.source = listed.source
            and built.playlist_id = listed.playlist_id
            and built.song_id = listed.song_id
            and built.snapshot_date < listed.starts_on
        order by built.snapshot_date desc
        limit 1
    ) as latest
    {%- else -%}
    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        position,
        best_popularity as popularity,
        snapshot_date as first_seen_on,
        1 as days_on_list,
        position as best_position
    from songs
    where false
    {%- endif %}

),

-- as rows among the others, not joined: how many there are is not known when the query is planned
known as (

    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        position,
        best_popularity as popularity,
        title,
        artist_ids,
        artist_names,
        track_ids,
        release_date,
        release_date_precision,
        snapshot_date as first_seen_on,
        1 as days_on_list,
        position as best_position,
        false as is_before_window
    from songs

    union all

    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        position,
        popularity,
        null as title,
        null as artist_ids,
        null as artist_names,
        null as track_ids,
        null as release_date,
        null as release_date_precision,
        first_seen_on,
        days_on_list,
        best_position,
        true as is_before_window
    from before_window

),

counted as (

    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        split_part(song_id, ':', 1) as song_id_kind,
        title,
        artist_ids,
        artist_names,
        track_ids,
        release_date,
        release_date_precision,
        position,
        min(first_seen_on) over series as first_seen_on,
        cast(sum(days_on_list) over series as integer) as days_on_list,
        min(best_position) over series as best_position,
        lag(snapshot_date) over series as previous_seen_on,
        lag(position) over series as previous_position,
        popularity,
        lag(popularity) over series as previous_popularity,
        is_before_window
    from known
    window series as (partition by source, playlist_id, song_id order by snapshot_date)

),

final as (

    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        song_id_kind,
        title,
        artist_ids,
        artist_names,
        track_ids,
        release_date,
        release_date_precision,
        position,
        first_seen_on,
        days_on_list,
        best_position,
        previous_seen_on,
        previous_position,
        popularity,
        previous_popularity,
        {{ null_code('popularity', absent=ledger_absent('playlist_tracks', 'counted')) }} as popularity_null_reason,
        {{ is_suspect('popularity', 'previous_popularity') }} as popularity_is_suspect
    from counted
    where not is_before_window

)

select * from final
