with

window_starts as materialized (

    select
        source,
        min(starts_on) as starts_on
    from (
        {{ window_starts(ref('stg_album_tracks')) }}
        union all
        {{ window_starts(ref('stg_track_details')) }}
    ) as of_each
    group by source

),

told as (

    select
        source,
        album_id,
        track_id,
        first_told_on as snapshot_date,
        cast(null as text) as isrc
    from {{ ref('stg_album_tracks') }}
    where
        track_id is not null
        and first_told_on >= (select min(earliest.starts_on) from window_starts as earliest)

    union all

    select
        source,
        album_id,
        track_id,
        first_told_on as snapshot_date,
        isrc
    from {{ ref('stg_track_details') }}
    where
        album_id is not null
        and first_told_on >= (select min(earliest.starts_on) from window_starts as earliest)

),

final as (

    select
        told.source,
        told.album_id,
        told.track_id,
        told.snapshot_date,
        max(told.isrc) as isrc
    from told
    inner join window_starts on told.source = window_starts.source
    where told.snapshot_date >= window_starts.starts_on
    group by told.source, told.album_id, told.track_id, told.snapshot_date

)

select * from final
