with

top_tracks as (

    select * from {{ source('snapshots', 'top_tracks') }}

),

cleaned as (

    select
        source,
        market,
        artist_id,
        snapshot_date,
        cast(position as integer) as position,
        track_id,
        -- ISRCs come with and without hyphens, in either case
        nullif(upper(regexp_replace(isrc, '[^A-Za-z0-9]', '', 'g')), '') as isrc,
        nullif(trim(name), '') as title,
        coalesce(primary_artist_id, artist_id) as primary_artist_id,
        album_id,
        album_name,
        cast(popularity as integer) as popularity,
        rank_value,
        duration_ms,
        explicit as is_explicit,
        release_date,
        release_date_precision,
        observed_at
    from top_tracks

)

select * from cleaned
