{% set levels = ['popularity', 'followers', 'listeners'] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_artist_days'), ref('int_merged_ids')) }}

),

days as not materialized (

    select
        observed.*,
        window_starts.starts_on
    from {{ ref('int_artist_days') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

loads as (

    select loads.*
    from {{ ref('stg_partition_loads') }} as loads
    inner join window_starts on loads.source = window_starts.source
    where
        loads.table_name = 'artist_snapshots'
        and loads.snapshot_date >= window_starts.starts_on

),

-- a source has a metric from the first day on which it told it, or withheld what it does publish
beginnings as materialized (

    select
        source,
        metric,
        min(begins_on) as begins_on
    from (
        {% if this is not none and is_incremental() -%}
        select distinct
            built.source,
            built.metric,
            window_starts.starts_on as begins_on
        from {{ this }} as built
        inner join window_starts
            on built.source = window_starts.source and built.snapshot_date = window_starts.starts_on - 1

        union all

        {% endif -%}
        select
            told.source,
            told_metrics.metric,
            told_metrics.begins_on
        from (
            select
                source,
                {% for column in levels + ['plays'] -%}
                min(snapshot_date) filter (where {{ column }} is not null) as {{ column }}{{ ',' if not loop.last }}
                {% endfor -%}
            from days
            group by source
        ) as told
        cross join lateral (
            values
            {% for column in levels -%}
            ('{{ column }}', told.{{ column }}),
            {% endfor -%}
            ('daily_plays', told.plays)
        ) as told_metrics (metric, begins_on)
        where told_metrics.begins_on is not null

        union all

        select
            loads.source,
            case absent.key when 'plays' then 'daily_plays' else absent.key end as metric,
            loads.snapshot_date as begins_on
        from loads
        cross join lateral jsonb_each(loads.absent) as absent (key, value) -- noqa: RF04
        where absent.value ->> 'code' not in ({{ never_there_codes() }})
    ) as each_day
    group by source, metric

),

series_kinds as materialized (

    select
        beginnings.*,
        metrics.kind,
        metrics.unit
    from beginnings
    inner join {{ ref('metrics') }} as metrics on beginnings.metric = metrics.metric

),

-- the counts so far that daily plays need: of the window, and the three before it
counts as (

    select
        days.source,
        days.artist_id,
        days.snapshot_date,
        days.plays
    from days
    where days.plays is not null
    {% if this is not none and is_incremental() %}
    union all

    select
        counted.source,
        counted.artist_id,
        earlier.snapshot_date,
        earlier.plays
    from (
        select distinct
            days.source,
            days.artist_id,
            days.starts_on
        from days
        inner join series_kinds on days.source = series_kinds.source and series_kinds.metric = 'daily_plays'
    ) as counted
    cross join lateral (
        select
            past.snapshot_date,
            past.plays
        from {{ ref('int_artist_days') }} as past
        where
            past.source = counted.source
            and past.artist_id = counted.artist_id
            and past.snapshot_date < counted.starts_on
            and past.plays is not null
        order by past.snapshot_date desc
        limit 3
    ) as earlier
    {% endif %}
),

counts_before as (

    select
        *,
        lag(snapshot_date) over series as previous_on,
        lag(plays) over series as previous_plays,
        lag(snapshot_date, 2) over series as second_on,
        lag(plays, 2) over series as second_plays
    from counts
    window series as (partition by source, artist_id order by snapshot_date)

),

plays as materialized (

    select
        *,
        -- right after a fall: from before it, if the count is back there
        case
            when previous_plays < second_plays and plays >= second_plays
                then {{ plays_a_day('plays - second_plays', 'snapshot_date - second_on') }}
            when plays >= previous_plays
                then {{ plays_a_day('plays - previous_plays', 'snapshot_date - previous_on') }}
        end as daily_plays
    from counts_before

),

unpivoted as (

    {% for metric in levels -%}
    select
        days.source,
        days.artist_id,
        '{{ metric }}' as metric,
        days.snapshot_date,
        days.name,
        days.is_observed,
        days.previous_observed_on,
        cast(days.{{ metric }} as double precision) as value, -- noqa: RF04
        days.{{ metric }}_null_reason as value_null_reason,
        days.missing_reason,
        days.{{ metric }}_is_suspect as is_suspect
    from days

    union all

    {% endfor -%}
    select
        days.source,
        days.artist_id,
        'daily_plays' as metric,
        days.snapshot_date,
        days.name,
        days.is_observed,
        days.previous_observed_on,
        plays.daily_plays as value, -- noqa: RF04
        case
            when days.plays is null then days.plays_null_reason
            when plays.previous_on is null then 'no_earlier_plays'
            when plays.daily_plays is null then 'plays_fell'
        end as value_null_reason,
        days.missing_reason,
        coalesce(
            (plays.plays < plays.previous_plays and plays.daily_plays is null)
            or (days.is_observed and {{ is_suspect('plays.daily_plays', 'earlier_plays.daily_plays') }}),
            false
        ) as is_suspect
    from days
    left join plays
        on
            days.source = plays.source
            and days.artist_id = plays.artist_id
            and days.snapshot_date = plays.snapshot_date
    left join plays as earlier_plays
        on
            days.source = earlier_plays.source
            and days.artist_id = earlier_plays.artist_id
            and days.previous_observed_on = earlier_plays.snapshot_date
            and days.is_observed
    where
        days.source in (
            select series_kinds.source from series_kinds
            where series_kinds.metric = 'daily_plays'
        )

),

final as (

    select
        unpivoted.source,
        unpivoted.artist_id,
        unpivoted.metric,
        unpivoted.snapshot_date,
        unpivoted.name,
        series_kinds.kind,
        series_kinds.unit,
        unpivoted.is_observed,
        unpivoted.previous_observed_on,
        unpivoted.value,
        unpivoted.value_null_reason,
        unpivoted.missing_reason,
        unpivoted.is_suspect,
        case when not unpivoted.is_suspect then unpivoted.value end as counting_value
    from unpivoted
    inner join series_kinds
        on
            unpivoted.source = series_kinds.source
            and unpivoted.metric = series_kinds.metric
            and unpivoted.snapshot_date >= series_kinds.begins_on
    -- in the order of the primary key, whose index is then built from left to right and read without jumps
    order by unpivoted.source, unpivoted.artist_id, unpivoted.metric, unpivoted.snapshot_date

)

select * from final
