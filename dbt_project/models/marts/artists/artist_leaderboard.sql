{#-
Made anew on every run from the newest day of each source, so that reading it costs the artists alone, not their days.
-#}
{{ config(materialized='table') }}

{#- Columns are written in loops, whose lines have no indentation that a linter could follow. -#}
{% set metrics = ['popularity', 'followers', 'listeners', 'daily_plays'] %}
{% set told = {
    'popularity': ['change_7_days', 'change_28_days'],
    'followers': ['change_7_days', 'change_7_days_percent', 'change_28_days', 'change_28_days_percent'],
    'listeners': ['change_7_days', 'change_7_days_percent', 'change_28_days', 'change_28_days_percent'],
    'daily_plays': ['change_7_days', 'change_7_days_percent', 'change_28_days', 'change_28_days_percent'],
} %}
{% set beside_the_others = [
    'rank', 'rank_change_7_days', 'rank_change_28_days', 'percentile', 'momentum', 'growth_class'
] %}

{% set for_people = "'FM999,999,999,999,999,990'" %}

-- noqa: disable=LT02
with

newest_days as materialized (

    {{ newest_days(ref('artist_popularity_trend')) }}

),

-- by the index [source, snapshot_date]
newest as materialized (

    select trend.*
    from newest_days
    inner join {{ ref('artist_popularity_trend') }} as trend
        on newest_days.source = trend.source and newest_days.snapshot_date = trend.snapshot_date

),

-- levels by their size, so an artist with more has more to gain: their change counts in percent
trends as (

    select
        source,
        artist_id,
        metric,
        percentile as level_percentile,
        case when kind = 'index' then change_7_days else change_7_days_percent end as recent_change
    from newest

),

among_others as (

    select
        *,
        {{ counts_among('recent_change', 'source, metric') }}
    from trends

),

percentiles as (

    select
        source,
        artist_id,
        metric,
        level_percentile,
        {{ percentile_of('recent_change') }} as trend_percentile
    from among_others

),

components as (

    select
        percentiles.source,
        percentiles.artist_id,
        percentiles.metric,
        score_weights.component,
        score_weights.weight,
        case score_weights.component
            when 'level' then percentiles.level_percentile
            when 'trend' then percentiles.trend_percentile
        end as percentile
    from percentiles
    inner join {{ ref('score_weights') }} as score_weights on percentiles.metric = score_weights.metric

),

scores as (

    select
        source,
        artist_id,
        -- in a fixed order, so that the same numbers come out alike to the last digit
        sum(weight * percentile order by metric, component)
        / nullif(sum(weight order by metric, component) filter (where percentile is not null), 0) as score,
        count(percentile) as score_components
    from components
    group by source, artist_id

),

series as (

    select
        source,
        artist_id,
        snapshot_date,
        min(days_since_observed) as days_since_observed,
        {% for metric in metrics %}
        max(value) filter (where metric = '{{ metric }}') as {{ metric }},
        {% for column in told[metric] + beside_the_others %}
        max({{ column }}) filter (where metric = '{{ metric }}') as {{ metric }}_{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}{{ ',' if not loop.last }}
        {% endfor %}
    from newest
    group by source, artist_id, snapshot_date

),

-- the name as observed last: by the primary key, as far back as the artist was not observed
names as (

    select
        series.source,
        series.artist_id,
        named.name
    from series
    inner join lateral (
        select trend.name
        from {{ ref('artist_popularity_trend') }} as trend
        inner join {{ ref('metrics') }} as metrics on trend.metric = metrics.metric
        where
            trend.source = series.source
            and trend.artist_id = series.artist_id
            and trend.snapshot_date = series.snapshot_date - series.days_since_observed
        order by trend.metric
        limit 1
    ) as named on true

),

latest_milestones as (

    select distinct on (source, artist_id)
        source,
        artist_id,
        metric,
        milestone,
        value, -- noqa: RF04
        threshold,
        reached_on
    from {{ ref('artist_milestones') }}
    -- of one day's, thresholds before records, and of thresholds the highest
    order by source asc, artist_id asc, reached_on desc, milestone desc, threshold desc, metric asc

),

ongoing_breakouts as (

    select
        source,
        artist_id,
        array_agg(metric order by started_on, metric) as metrics,
        min(started_on) as started_on
    from {{ ref('artist_breakouts') }}
    where is_ongoing
    group by source, artist_id

),

final as (

    select
        series.source,
        series.artist_id,
        names.name,
        series.snapshot_date,
        series.days_since_observed,
        scores.score,
        case
            when scores.score is not null
                then cast(
                    rank() over (partition by series.source order by scores.score desc nulls last) as integer
                )
        end as score_rank,
        cast(scores.score_components as integer) as score_components,
        {% for metric in metrics %}
        series.{{ metric }},
        {% for column in told[metric] + beside_the_others %}
        series.{{ metric }}_{{ column }},
        {% endfor %}
        {% endfor %}
        case latest_milestones.milestone
            when 'threshold'
                then latest_milestones.metric || ' ' || to_char(latest_milestones.threshold, {{ for_people }})
            when 'record'
                then 'highest ' || latest_milestones.metric || ' ' || to_char(latest_milestones.value, {{ for_people }})
        end as latest_milestone,
        latest_milestones.reached_on as latest_milestone_on,
        ongoing_breakouts.started_on is not null as is_breaking_out,
        ongoing_breakouts.metrics as breakout_metrics,
        ongoing_breakouts.started_on as breakout_started_on,
        {{ formula_version() }} as formula_version
    from series
    inner join scores
        on series.source = scores.source and series.artist_id = scores.artist_id
    left join names
        on series.source = names.source and series.artist_id = names.artist_id
    left join latest_milestones
        on series.source = latest_milestones.source and series.artist_id = latest_milestones.artist_id
    left join ongoing_breakouts
        on series.source = ongoing_breakouts.source and series.artist_id = ongoing_breakouts.artist_id

)

select * from final
order by source, score_rank nulls last, artist_id
