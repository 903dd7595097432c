{{ config(materialized='view') }}

with recursive

identities as (

    select * from {{ ref('stg_identities') }}

),

aliases as (

    select
        {{ source_of('namespace') }} as source, -- noqa: RF04
        artist_id,
        target_id
    from identities
    where
        namespace = target_namespace
        and target_id <> artist_id
        and confidence = 1

),

-- an artist may be merged again, and again
chains as (

    select
        source,
        artist_id,
        target_id as canonical_id,
        array[artist_id, target_id] as way
    from aliases

    union all

    select
        chains.source,
        chains.artist_id,
        aliases.target_id as canonical_id,
        chains.way || aliases.target_id as way
    from chains
    inner join aliases on chains.source = aliases.source and chains.canonical_id = aliases.artist_id
    where not aliases.target_id = any(chains.way)

),

-- ids that lead back to themselves have no last one and say nothing
final as (

    select
        source,
        artist_id,
        canonical_id
    from chains
    where
        not exists (
            select 1
            from aliases
            where aliases.source = chains.source and aliases.artist_id = chains.canonical_id
        )

)

select * from final
