with

window_starts as materialized (

    {{ window_starts(ref('stg_top_tracks')) }}

),

top_tracks as (

    select observed.*
    from {{ ref('stg_top_tracks') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where observed.snapshot_date between window_starts.starts_on and {{ window_until() }}

),

normalised as (

    select
        *,
        nullif(coalesce(nullif({{ normalised_title('title') }}, ''), title), '') as plain_title
    from top_tracks

),

identified as (

    select
        *,
        case
            when isrc is not null then 'isrc:' || isrc
            when plain_title is not null
                then
                    'title:' || md5(
                        concat_ws('|', primary_artist_id, plain_title, round(duration_ms / 5000.0))
                    )
            when track_id is not null then 'track:' || track_id
        end as song_id
    from normalised

),

-- of a song's entries on a day, the one that speaks for it comes first
ordered as (

    select
        *,
        row_number() over (
            partition by source, song_id, snapshot_date
            order by popularity desc nulls last, position asc, track_id asc, market asc, artist_id asc
        ) as entry_number
    from identified
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
        max(popularity) as popularity
    from ordered
    group by source, song_id, snapshot_date

),

loads as (

    select * from {{ ref('stg_partition_loads') }}
    where table_name = 'top_tracks'

),

final as (

    select
        songs.*,
        {{ null_reason('popularity', relation='songs') }} as popularity_null_reason
    from songs
    left join loads on songs.source = loads.source and songs.snapshot_date = loads.snapshot_date

)

select * from final
