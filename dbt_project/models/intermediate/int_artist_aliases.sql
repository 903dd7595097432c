{{ config(materialized='view') }}

with recursive

identities as (

    select * from {{ ref('stg_identities') }}

),

aliases as (

    select
        artist_id,
        target_id as canonical_id,
        -- a namespace's ids are those of the source that observes by them
        case namespace
            when 'musicbrainz' then 'listenbrainz'
            when 'simulated-musicbrainz' then 'simulated-listenbrainz'
            else namespace
        end as source -- noqa: RF04
    from identities
    where
        namespace = target_namespace
        and target_id <> artist_id
        and confidence = 1

),

-- an artist may be merged again; ids that lead back to themselves end the chain
chains as (

    select
        source,
        artist_id,
        canonical_id,
        1 as hops
    from aliases

    union all

    select
        chains.source,
        chains.artist_id,
        aliases.canonical_id,
        chains.hops + 1 as hops
    from chains
    inner join aliases on chains.source = aliases.source and chains.canonical_id = aliases.artist_id
    where aliases.canonical_id <> chains.artist_id and chains.hops < 20

),

final as (

    select distinct on (source, artist_id)
        source,
        artist_id,
        canonical_id
    from chains
    order by source asc, artist_id asc, hops desc

)

select * from final
