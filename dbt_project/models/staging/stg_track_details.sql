with

track_details as (

    select * from {{ source('snapshots', 'track_details') }}

),

-- asked again, or imported again: the newest answer counts, whole
newest as (

    select
        *,
        rank() over (partition by source, track_id order by snapshot_date desc) as age_rank,
        min(snapshot_date) over (partition by source, track_id) as first_told_on
    from track_details

),

renamed as (

    select
        source,
        track_id,
        snapshot_date,
        first_told_on,
        nullif(upper(regexp_replace(isrc, '[^A-Za-z0-9]', '', 'g')), '') as isrc,
        nullif(trim(name), '') as title,
        artist_ids,
        artist_names,
        album_id,
        album_name,
        album_type,
        cast(popularity as integer) as popularity,
        rank_value,
        duration_ms,
        explicit as is_explicit,
        release_date,
        release_date_precision,
        observed_at
    from newest
    where age_rank = 1

)

select * from renamed
