{{ config(materialized='view') }}

with

final as (

    select
        source,
        album_id,
        max(snapshot_date) as asked_on,
        cast(count(*) as integer) as listed_tracks,
        cast(max(disc_number) as integer) as listed_discs,
        case when count(*) = count(duration_ms) then cast(sum(duration_ms) as bigint) end as listed_duration_ms
    from {{ ref('stg_album_tracks') }}
    group by source, album_id

)

select * from final
