{{ config(materialized='view') }}

-- noqa: disable=LT02,AM09,RF02
with

final as (

    select
        joined.source,
        observed.snapshot_date,
        md5(
            string_agg(
                joined.artist_id || '>' || joined.canonical_id, ',' order by joined.artist_id collate "C"
            )
        ) as joined_artists
    from {{ ref('int_artist_profile_ids') }} as joined
    inner join {{ ref('int_artist_days') }} as observed
        on joined.source = observed.source and joined.canonical_id = observed.artist_id and observed.is_observed
    -- one look into the snapshots' key for each, hence the limit: no plan but the nested loop
    cross join lateral (
        select told.artist_id
        from {{ ref('stg_artist_snapshots') }} as told
        where
            told.snapshot_date = observed.snapshot_date
            and told.source = joined.source
            and told.artist_id = joined.artist_id
        limit 1
    ) as told
    group by joined.source, observed.snapshot_date

)

select * from final
