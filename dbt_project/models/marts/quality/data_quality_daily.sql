{{ config(materialized='table') }}

with

loads as (

    select * from {{ ref('int_load_days') }}

),

spans as (

    select
        source,
        table_name,
        min(snapshot_date) as first_day,
        max(snapshot_date) as newest_day,
        -- what is asked once is asked on days with something new, and on no others: such a table has no lost days
        table_name not in ('album_tracks', 'track_details', 'audio_features') as is_daily
    from loads
    group by source, table_name

),

days as (

    select
        spans.source,
        spans.table_name,
        spans.first_day + grid.day_offset as snapshot_date,
        spans.is_daily
    from spans
    cross join lateral generate_series(0, spans.newest_day - spans.first_day) as grid (day_offset)
    where spans.is_daily

    union all

    select
        loads.source,
        loads.table_name,
        loads.snapshot_date,
        spans.is_daily
    from loads
    inner join spans on loads.source = spans.source and loads.table_name = spans.table_name
    where not spans.is_daily

),

-- numbered by the loads up to each day, and from it on: days with one number are a load and those without beside it
loaded_days as (

    select
        days.*,
        loads.source is not null as is_loaded,
        loads.rows_requested,
        loads.rows_received,
        loads.rows_loaded,
        loads.rows_missing,
        loads.rows_quarantined,
        loads.rows_superseded,
        loads.is_empty_handed,
        loads.is_refused,
        count(loads.source) over (series order by days.snapshot_date) as loads_before,
        count(loads.source) over (series order by days.snapshot_date desc) as loads_after
    from days
    left join loads
        on
            days.source = loads.source
            and days.table_name = loads.table_name
            and days.snapshot_date = loads.snapshot_date
    window series as (partition by days.source, days.table_name)

),

neighbours as (

    select
        loaded_days.*,
        bool_or(loaded_days.is_refused) over (
            partition by loaded_days.source, loaded_days.table_name, loaded_days.loads_before
        ) as is_refused_before,
        bool_or(loaded_days.is_refused) over (
            partition by loaded_days.source, loaded_days.table_name, loaded_days.loads_after
        ) as is_refused_after
    from loaded_days

),

judged as (

    select
        neighbours.*,
        case
            -- today is not over
            when not neighbours.is_daily or neighbours.snapshot_date >= cast(now() at time zone 'UTC' as date) then null
            when neighbours.is_empty_handed then 'nothing_came'
            when neighbours.is_loaded then null
            -- where the upstream tells nothing before and after, it would have told nothing
            when not (neighbours.is_refused_before and neighbours.is_refused_after) then 'nothing_loaded'
        end as lost_code
    from neighbours

),

final as (

    select
        judged.source,
        judged.table_name,
        judged.snapshot_date,
        judged.is_loaded,
        judged.lost_code is not null as is_lost,
        {{ reason_sentence('judged.lost_code') }} as lost_reason,
        judged.rows_requested as requested,
        judged.rows_received as received,
        judged.rows_loaded as observed,
        judged.rows_missing as missing,
        case when judged.is_loaded then suspects.suspect_series end as suspect,
        judged.rows_quarantined as quarantined,
        judged.rows_superseded as superseded
    from judged
    left join {{ ref('int_suspect_days') }} as suspects
        on
            judged.source = suspects.source
            and judged.table_name = suspects.table_name
            and judged.snapshot_date = suspects.snapshot_date

)

select * from final
