with

window_starts as materialized (

    {{ window_starts(ref('int_song_days')) }}

),

song_days as (

    select
        listed.source,
        listed.song_id,
        listed.snapshot_date,
        listed.track_ids,
        window_starts.starts_on
    from {{ ref('int_song_days') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

first_days as (

    select
        song_days.source,
        song_days.song_id,
        song_days.starts_on,
        track.track_id,
        min(song_days.snapshot_date) as snapshot_date
    from song_days
    left join lateral unnest(song_days.track_ids) as track (track_id) on true
    group by song_days.source, song_days.song_id, song_days.starts_on, track.track_id

),

-- a song may be listed without any track id: then it is the song itself that is new, or not
new_ids as (

    select
        *,
        min(snapshot_date) over (partition by source, song_id) as song_first_day
    from first_days
    {% if this is not none and is_incremental() -%}
    where
        not exists (
            select 1
            from {{ this }} as built
            where
                built.source = first_days.source
                and built.song_id = first_days.song_id
                and built.snapshot_date < first_days.starts_on
                and (first_days.track_id is null or first_days.track_id = any(built.track_ids))
        )
    {%- endif %}

),

final as (

    select
        source,
        song_id,
        snapshot_date,
        array_agg(track_id order by track_id collate "C") filter (where track_id is not null) as track_ids
    from new_ids
    where track_id is not null or snapshot_date = song_first_day
    group by source, song_id, snapshot_date

)

select * from final
