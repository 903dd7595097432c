{{ config(materialized='view') }}

with

loads as (

    select * from {{ ref('stg_partition_loads') }}

),

judged as (

    select
        loads.*,
        -- nothing was lost by what the upstream refuses, nor by what could not be asked for
        loads.rows_loaded + loads.rows_quarantined = 0
        and exists (
            select 1
            from jsonb_each(loads.missing) as entry (missing_key, reason)
            where entry.reason ->> 'code' not in ({{ no_loss_codes() }})
        ) as is_empty_handed
    from loads

),

final as (

    select
        judged.source,
        judged.table_name,
        judged.snapshot_date,
        judged.rows_requested,
        judged.rows_received,
        judged.rows_loaded,
        judged.rows_missing,
        judged.rows_quarantined,
        judged.rows_superseded,
        judged.is_empty_handed,
        judged.rows_loaded + judged.rows_quarantined = 0
        and judged.missing <> '{}'
        and not judged.is_empty_handed as is_refused
    from judged

)

select * from final
