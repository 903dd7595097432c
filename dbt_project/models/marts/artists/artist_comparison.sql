{#- A view: it costs nothing to keep, and a question about some artists reads their rows alone, by the primary key. -#}
{{ config(materialized='view') }}

with

newest_days as (

    {{ newest_days(ref('artist_popularity_trend')) }}

),

spans as (

    select
        newest_days.source,
        span.span_days,
        newest_days.snapshot_date - span.span_days + 1 as starts_on
    from newest_days
    cross join (values (28), (90), (365)) as span (span_days)

),

days as (

    select
        trend.source,
        trend.artist_id,
        trend.metric,
        spans.span_days,
        trend.snapshot_date,
        trend.snapshot_date - spans.starts_on as days_since_start,
        trend.name,
        trend.kind,
        trend.unit,
        trend.value,
        trend.average_7_days,
        trend.rank,
        trend.percentile,
        min(trend.snapshot_date) filter (where trend.average_7_days is not null) over series as base_on,
        -- of arrays the least is the one whose first item is: the earliest day, with the average that it has
        min(array[cast(trend.snapshot_date - spans.starts_on as double precision), trend.average_7_days]) filter (
            where trend.average_7_days is not null
        ) over series as base
    from spans
    inner join {{ ref('artist_popularity_trend') }} as trend
        on spans.source = trend.source and spans.starts_on <= trend.snapshot_date
    window series as (partition by trend.source, trend.artist_id, trend.metric, spans.span_days)

),

final as (

    select
        source,
        artist_id,
        metric,
        span_days,
        snapshot_date,
        days_since_start,
        name,
        kind,
        unit,
        value, -- noqa: RF04
        average_7_days,
        base_on,
        base[2] as base_value,
        average_7_days - base[2] as change_since_base,
        100.0 * average_7_days / nullif(base[2], 0) as index_100,
        rank, -- noqa: RF04
        percentile
    from days

)

select * from final
