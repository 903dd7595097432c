{{ config(materialized='view') }}

with

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

final as (

    select
        source,
        artist_id,
        canonical_id
    from aliases

)

select * from final
