{{ config(materialized='table') }}

with

calendar as (

    select span.first_day + grid.day_offset as snapshot_date
    from {{ ref('int_observed_span') }} as span -- noqa: RF04
    cross join lateral generate_series(0, span.newest_day - span.first_day) as grid (day_offset)

),

final as (

    select
        snapshot_date,
        cast(extract(year from snapshot_date) as integer) as calendar_year,
        cast(extract(quarter from snapshot_date) as integer) as quarter_number,
        cast(date_trunc('quarter', cast(snapshot_date as timestamp)) as date) as quarter_start,
        cast(extract(month from snapshot_date) as integer) as month_number,
        to_char(snapshot_date, 'FMMonth') as month_name,
        cast(date_trunc('month', cast(snapshot_date as timestamp)) as date) as month_start,
        cast(extract(isoyear from snapshot_date) as integer) as iso_year,
        cast(extract(week from snapshot_date) as integer) as iso_week,
        cast(date_trunc('week', cast(snapshot_date as timestamp)) as date) as week_start,
        cast(extract(isodow from snapshot_date) as integer) as weekday_number,
        to_char(snapshot_date, 'FMDay') as weekday_name,
        extract(isodow from snapshot_date) > 5 as is_weekend
    from calendar

)

select * from final
