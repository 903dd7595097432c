{{ config(materialized='view') }}

with

top_tracks as (

    select * from {{ ref('stg_top_tracks') }}

),

identified as (

    select
        top_tracks.*,
        {{ song_id('top_tracks.primary_artist_id', 'titles.song_id') }} as song_id
    from top_tracks
    left join {{ ref('int_song_titles') }} as titles
        on
            top_tracks.source = titles.source
            and {{ entry_key('top_tracks.primary_artist_id', 'top_tracks.title', 'top_tracks.duration_ms') }}
            = titles.entry_key

),

final as (

    select
        source,
        market,
        artist_id,
        snapshot_date,
        position,
        song_id,
        track_id,
        title,
        primary_artist_id,
        popularity,
        case when release_date_precision = 'day' then release_date end as released_on
    from identified

)

select * from final
