{{ config(materialized='view') }}

with

playlist_tracks as (

    select
        *,
        coalesce(artist_ids[1], {{ first_credited('artist_names') }}) as artist_key
    from {{ ref('stg_playlist_tracks') }}

),

identified as (

    select
        *,
        {{ song_id('artist_key') }} as song_id
    from playlist_tracks

),

final as (

    select
        source,
        playlist_id,
        snapshot_date,
        position,
        song_id,
        playlist_name,
        market,
        track_id,
        title,
        artist_ids,
        artist_names,
        popularity,
        release_date,
        release_date_precision
    from identified

)

select * from final
