{{ config(materialized='view', meta={'reads_all_loads': true}) }}

with

loads as (

    select * from {{ ref('stg_partition_loads') }}

),

final as (

    select
        source,
        table_name,
        snapshot_date,
        rows_requested,
        rows_received,
        rows_loaded,
        rows_missing,
        rows_quarantined,
        rows_superseded,
        is_empty_handed,
        is_refused
    from loads

)

select * from final
