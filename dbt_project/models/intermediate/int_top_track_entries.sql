{{ config(materialized='view') }}

with

top_tracks as (

    select * from {{ ref('stg_top_tracks') }}

),

identified as (

    select
        *,
        {{ song_id('primary_artist_id') }} as song_id
    from top_tracks

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
