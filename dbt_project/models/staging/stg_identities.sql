with

identities as (

    select * from {{ source('ops', 'identities') }}

),

renamed as (

    select
        source as namespace,
        artist_id,
        target as target_namespace,
        target_id,
        method as found_by,
        confidence,
        resolved_at
    from identities

)

select * from renamed
