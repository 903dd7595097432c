{{ config(materialized='view') }}

with

loads as (

    select * from {{ ref('stg_partition_loads') }}

),

final as (

    select
        loads.source,
        loads.table_name,
        loads.snapshot_date,
        loads.rows_requested,
        loads.rows_received,
        loads.rows_loaded,
        loads.rows_missing,
        loads.rows_quarantined,
        loads.rows_superseded,
        -- nothing was lost by what the upstream refuses, nor by what could not be asked for
        loads.rows_loaded + loads.rows_quarantined = 0
        and exists (
            select 1
            from jsonb_each_text(loads.missing) as entry (missing_key, reason)
            where
                not starts_with(entry.reason, 'this app may not see it')
                and not starts_with(entry.reason, 'its id at')
        ) as is_empty_handed
    from loads

)

select * from final
