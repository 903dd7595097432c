{{ config(materialized='view') }}

with

final as (

    select
        aliases.source,
        aliases.artist_id,
        aliases.canonical_id
    from {{ ref('int_artist_aliases') }} as aliases
    -- who was seen beside the other keeps its days under its own id
    where
        not exists (
            select 1
            from {{ ref('int_artist_days') }} as observed
            where observed.source = aliases.source and observed.artist_id = aliases.artist_id
        )

)

select * from final
