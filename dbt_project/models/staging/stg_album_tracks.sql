with

album_tracks as (

    select * from {{ source('snapshots', 'album_tracks') }}

),

-- asked again, or imported again: the newest answer counts, whole
newest as (

    select
        *,
        rank() over (partition by source, album_id order by snapshot_date desc) as age_rank,
        min(snapshot_date) over (partition by source, album_id) as first_told_on
    from album_tracks

),

renamed as (

    select
        source,
        album_id,
        snapshot_date,
        first_told_on,
        cast(disc_number as integer) as disc_number,
        cast(track_number as integer) as track_number,
        track_id,
        nullif(trim(name), '') as title,
        artist_ids,
        artist_names,
        duration_ms,
        explicit as is_explicit,
        observed_at
    from newest
    where age_rank = 1

)

select * from renamed
