with

loads as (

    select * from {{ source('ops', 'current_partition_loads') }}

),

renamed as (

    select
        table_name,
        source,
        partition_date as snapshot_date,
        rows_loaded,
        missing,
        absent,
        rows_requested,
        rows_received,
        rows_missing,
        rows_quarantined,
        rows_superseded,
        is_empty_handed,
        is_refused
    from loads

)

select * from renamed
