with

window_starts as materialized (

    {{ window_starts(ref('int_top_track_entries')) }}

),

entries as (

    select listed.*
    from {{ ref('int_top_track_entries') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

-- of a song's entries on a day, the one that speaks for it comes first
ordered as (

    select
        *,
        row_number() over (
            partition by source, song_id, snapshot_date
            order by popularity desc nulls last, position asc, track_id asc, market asc, artist_id asc
        ) as entry_number
    from entries
    where song_id is not null

),

songs as (

    select
        source,
        song_id,
        snapshot_date,
        split_part(song_id, ':', 1) as song_id_kind,
        max(title) filter (where entry_number = 1) as title,
        max(primary_artist_id) filter (where entry_number = 1) as artist_id,
        array_agg(distinct track_id order by track_id) filter (where track_id is not null) as track_ids,
        array_agg(distinct market order by market) as markets,
        min(position) as best_position,
        min(released_on) as released_on,
        max(popularity) as popularity
    from ordered
    group by source, song_id, snapshot_date

),

final as (

    select
        *,
        {{ null_code('popularity', absent=ledger_absent('top_tracks', 'songs')) }} as popularity_null_reason
    from songs

)

select * from final
