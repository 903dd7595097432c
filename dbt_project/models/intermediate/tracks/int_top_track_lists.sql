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
        and listed.position <= 10

),

-- of a song's entries on one list, the best placed speaks for it
ordered as (

    select
        *,
        row_number() over (
            partition by source, market, artist_id, snapshot_date, song_id
            order by position
        ) as entry_number
    from entries

),

final as (

    select
        source,
        market,
        artist_id,
        snapshot_date,
        count(song_id) = 10 as is_complete,
        coalesce(
            array_agg(song_id order by position) filter (where entry_number = 1 and song_id is not null),
            cast(array[] as text[])
        ) as song_ids,
        coalesce(
            array_agg(title order by position) filter (where entry_number = 1 and song_id is not null),
            cast(array[] as text[])
        ) as titles,
        coalesce(
            array_agg(position order by position) filter (where entry_number = 1 and song_id is not null),
            cast(array[] as integer[])
        ) as positions,
        array_agg(distinct track_id order by track_id) filter (where track_id is not null) as track_ids
    from ordered
    group by source, market, artist_id, snapshot_date

)

select * from final
