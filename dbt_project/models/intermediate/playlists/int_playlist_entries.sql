{{ config(materialized='view') }}

with

playlist_tracks as (

    select
        *,
        {{ artist_key_of_playlist() }} as artist_key
    from {{ ref('stg_playlist_tracks') }}

),

identified as (

    select
        playlist_tracks.*,
        {{ song_id('artist_key', 'titles.song_id') }} as song_id
    from playlist_tracks
    left join {{ ref('int_song_titles') }} as titles
        on
            playlist_tracks.source = titles.source
            and {{ entry_key('playlist_tracks.artist_key', 'playlist_tracks.title', 'playlist_tracks.duration_ms') }}
            = titles.entry_key

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
