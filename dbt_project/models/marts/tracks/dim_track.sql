{{ config(materialized='table') }}

-- noqa: disable=LT02
with

songs as (

    select
        changes.source,
        changes.song_id,
        min(changes.snapshot_date) as first_seen_on,
        array_agg(distinct track.track_id) filter (where track.track_id is not null) as track_ids
    from {{ ref('int_song_changes') }} as changes
    left join lateral unnest(changes.track_ids) as track (track_id) on true
    group by changes.source, changes.song_id

),

final as (

    select
        songs.source,
        songs.song_id,
        newest.song_id_kind,
        newest.title,
        coalesce(joined.canonical_id, newest.artist_id) as artist_id,
        case when newest.song_id_kind = 'isrc' then substr(songs.song_id, length('isrc:') + 1) end as isrc,
        songs.track_ids,
        songs.first_seen_on,
        newest.snapshot_date as last_seen_on
    from songs
    -- one look into the key for each, hence the limit
    cross join lateral (
        select listed.*
        from {{ ref('int_song_days') }} as listed
        where listed.source = songs.source and listed.song_id = songs.song_id
        order by listed.snapshot_date desc
        limit 1
    ) as newest
    left join {{ ref('int_artist_profile_ids') }} as joined
        on songs.source = joined.source and newest.artist_id = joined.artist_id

)

select * from final
