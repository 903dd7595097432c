{#-
Made anew on every run, whatever its window: from the days that signal alone, which the partial index of the trend finds
(one day of a series in a hundred), and from the days around them by its primary key. So it is right in whatever order
days were built, and a long history costs hardly more than a short one.
-#}
{{ config(materialized='table') }}

{#- A breakout is on where 2 of 3 consecutive observed days signal, and over after 3 of them that do not. -#}
{% set observed_days = 3 %}
{#- An anomaly score needs 20 of the 28 days before, so no two days of a breakout are further apart. -#}
{% set most_days_apart = 28 %}
{#- Fewer artists are no cohort; as for momentum. -#}
{% set least_artists = 20 %}

with

newest_days as materialized (

    {{ newest_days(ref('artist_popularity_trend')) }}

),

-- by the index [source, snapshot_date], then by the primary key
series_begins as (

    select
        newest.source,
        newest.metric,
        array_agg(began.snapshot_date order by began.snapshot_date) as began_on
    from newest_days
    inner join {{ ref('artist_popularity_trend') }} as newest
        on newest_days.source = newest.source and newest_days.snapshot_date = newest.snapshot_date
    inner join lateral (
        select min(series.snapshot_date) as snapshot_date
        from {{ ref('artist_popularity_trend') }} as series
        where
            series.source = newest.source
            and series.artist_id = newest.artist_id
            and series.metric = newest.metric
    ) as began on true
    -- of whom the metric is told at all
    where newest.highest_value is not null
    group by newest.source, newest.metric

),

signal_days as (

    select
        source,
        artist_id,
        metric,
        snapshot_date,
        kind,
        count(*) over (partition by source, metric, snapshot_date) as signals
    from {{ ref('artist_popularity_trend') }}
    where is_breakout_signal

),

counted_signals as (

    select
        signal_days.*,
        width_bucket(signal_days.snapshot_date, series_begins.began_on) as artists
    from signal_days
    inner join series_begins
        on signal_days.source = series_begins.source and signal_days.metric = series_begins.metric

),

-- a day on which a good part of all artists jump is the upstream's doing: what it held back comes out
own_signals as materialized (

    select *
    from counted_signals
    where
        artists < {{ least_artists }}
        or 100.0 * signals <= {{ threshold('breakout_common_share') }} * artists

),

level_days as (

    select distinct
        source,
        artist_id,
        snapshot_date
    from own_signals
    where kind = 'level'

),

-- an index moves with every release: it needs a level that moves too, where the source tells one
index_signals as (

    select
        trend.source,
        trend.artist_id,
        trend.metric,
        trend.snapshot_date,
        true as is_corroborated
    from level_days
    inner join {{ ref('metrics') }} as metrics on metrics.kind = 'index'
    inner join {{ ref('artist_popularity_trend') }} as trend
        on
            level_days.source = trend.source
            and level_days.artist_id = trend.artist_id
            and metrics.metric = trend.metric
            and level_days.snapshot_date = trend.snapshot_date
    where trend.is_observed and trend.anomaly_score >= {{ threshold('breakout_corroborated_score') }}

    union all

    select
        own_signals.source,
        own_signals.artist_id,
        own_signals.metric,
        own_signals.snapshot_date,
        false as is_corroborated
    from own_signals
    where
        own_signals.kind = 'index'
        and not exists (
            select 1
            from {{ ref('metrics') }} as metrics
            inner join {{ ref('artist_popularity_trend') }} as trend on metrics.metric = trend.metric
            where
                metrics.kind = 'level'
                and trend.source = own_signals.source
                and trend.artist_id = own_signals.artist_id
                -- told of late, with a score or not yet: a level that a source stopped telling says nothing any more
                and trend.snapshot_date > own_signals.snapshot_date - {{ most_days_apart }}
                and trend.snapshot_date <= own_signals.snapshot_date
                and trend.value is not null
        )

),

signals as (

    select
        source,
        artist_id,
        metric,
        snapshot_date,
        true as is_corroborated
    from own_signals
    where kind = 'level'

    union all

    select
        source,
        artist_id,
        metric,
        snapshot_date,
        is_corroborated
    from index_signals

),

followed as (

    select
        *,
        lag(snapshot_date) over (partition by source, artist_id, metric order by snapshot_date) as previous_on
    from signals

),

spaced as (

    select
        followed.*,
        case
            when followed.snapshot_date - followed.previous_on = 1 then 0
            when followed.snapshot_date - followed.previous_on <= {{ most_days_apart }}
                then (
                    select count(*)
                    from {{ ref('artist_popularity_trend') }} as between_them
                    where
                        between_them.source = followed.source
                        and between_them.artist_id = followed.artist_id
                        and between_them.metric = followed.metric
                        and between_them.snapshot_date > followed.previous_on
                        and between_them.snapshot_date < followed.snapshot_date
                        and between_them.is_observed
                )
        end as quiet_days
    from followed

),

-- runs of signals of which no two have enough days without between them to end a breakout
runs as (

    select
        *,
        count(*) filter (where coalesce(quiet_days >= {{ observed_days }}, true)) over (
            partition by source, artist_id, metric order by snapshot_date
        ) as run
    from spaced

),

openings as (

    select
        source,
        artist_id,
        metric,
        run,
        -- the first two that are within the consecutive days
        min(previous_on) filter (where quiet_days <= {{ observed_days - 2 }}) as started_on,
        min(snapshot_date) filter (where quiet_days <= {{ observed_days - 2 }}) as detected_on,
        max(snapshot_date) as last_signal_on
    from runs
    group by source, artist_id, metric, run

),

breakouts as (

    select
        openings.source,
        openings.artist_id,
        openings.metric,
        openings.started_on,
        openings.detected_on,
        openings.last_signal_on,
        count(*) as signal_days,
        bool_or(runs.is_corroborated) as is_corroborated
    from openings
    inner join runs
        on
            openings.source = runs.source
            and openings.artist_id = runs.artist_id
            and openings.metric = runs.metric
            and openings.run = runs.run
            and openings.started_on <= runs.snapshot_date
    group by
        openings.source,
        openings.artist_id,
        openings.metric,
        openings.started_on,
        openings.detected_on,
        openings.last_signal_on

),

final as (

    select
        breakouts.source,
        breakouts.artist_id,
        breakouts.metric,
        breakouts.started_on,
        breakouts.detected_on,
        case when not state.is_ongoing then breakouts.last_signal_on end as ended_on,
        state.is_ongoing,
        breakouts.last_signal_on - breakouts.started_on + 1 as days, -- noqa: RF04
        cast(breakouts.signal_days as integer) as signal_days,
        detection.name,
        opening.kind,
        opening.usual_value,
        opening.value as start_value,
        peak.value as peak_value,
        peak.snapshot_date as peak_on,
        peak.value - opening.usual_value as gain,
        case
            when opening.kind = 'level' then 100.0 * (peak.value - opening.usual_value) / nullif(opening.usual_value, 0)
        end as gain_percent,
        course.peak_anomaly_score,
        course.peak_momentum,
        course.confirmed_on,
        breakouts.is_corroborated,
        {{ formula_version() }} as formula_version
    from breakouts
    inner join newest_days on breakouts.source = newest_days.source
    inner join {{ ref('artist_popularity_trend') }} as opening
        on
            breakouts.source = opening.source
            and breakouts.artist_id = opening.artist_id
            and breakouts.metric = opening.metric
            and breakouts.started_on = opening.snapshot_date
    inner join {{ ref('artist_popularity_trend') }} as detection
        on
            breakouts.source = detection.source
            and breakouts.artist_id = detection.artist_id
            and breakouts.metric = detection.metric
            and breakouts.detected_on = detection.snapshot_date
    inner join lateral (
        select
            count(*) < {{ observed_days }}
            and newest_days.snapshot_date - breakouts.last_signal_on <= {{ most_days_apart }} as is_ongoing
        from {{ ref('artist_popularity_trend') }} as later
        where
            later.source = breakouts.source
            and later.artist_id = breakouts.artist_id
            and later.metric = breakouts.metric
            and later.snapshot_date > breakouts.last_signal_on
            and later.snapshot_date <= breakouts.last_signal_on + {{ most_days_apart }}
            and later.is_observed
    ) as state on true
    inner join lateral (
        select
            max(during.anomaly_score) as peak_anomaly_score,
            max(during.momentum) as peak_momentum,
            min(during.snapshot_date) filter (
                where during.momentum >= {{ threshold('breakout_confirming_momentum') }}
            ) as confirmed_on
        from {{ ref('artist_popularity_trend') }} as during
        where
            during.source = breakouts.source
            and during.artist_id = breakouts.artist_id
            and during.metric = breakouts.metric
            and during.snapshot_date between breakouts.started_on and breakouts.last_signal_on
    ) as course on true
    inner join lateral (
        select
            during.value,
            during.snapshot_date
        from {{ ref('artist_popularity_trend') }} as during
        where
            during.source = breakouts.source
            and during.artist_id = breakouts.artist_id
            and during.metric = breakouts.metric
            and during.snapshot_date between breakouts.started_on and breakouts.last_signal_on
            and during.value is not null
            and not during.is_suspect
        order by during.value desc, during.snapshot_date asc
        limit 1
    ) as peak on true

)

select * from final
order by source, artist_id, metric, started_on
