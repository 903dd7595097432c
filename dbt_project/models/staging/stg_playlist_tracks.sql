with

playlist_tracks as (

    select * from {{ source('snapshots', 'playlist_tracks') }}

),

renamed as (

    select
        source,
        playlist_id,
        snapshot_date,
        cast(position as integer) as position,
        nullif(trim(playlist_name), '') as playlist_name,
        market,
        track_id,
        nullif(upper(regexp_replace(isrc, '[^A-Za-z0-9]', '', 'g')), '') as isrc,
        nullif(trim(name), '') as title,
        artist_ids,
        artist_names,
        album_id,
        album_name,
        album_type,
        total_tracks,
        cast(popularity as integer) as popularity,
        rank_value,
        duration_ms,
        explicit as is_explicit,
        release_date,
        release_date_precision,
        observed_at
    from playlist_tracks

)

select * from renamed
