{{ config(materialized='view') }}

with

identities as (

    select * from {{ ref('stg_identities') }}
    where namespace = target_namespace

),

named as (

    select
        namespace,
        artist_id
    from identities

    union

    select
        namespace,
        target_id as artist_id
    from identities
    where target_id is not null

),

final as (

    select
        {{ source_of('namespace') }} as source, -- noqa: RF04
        artist_id
    from named

)

select * from final
