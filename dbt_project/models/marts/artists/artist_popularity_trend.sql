{#- Days that signal a breakout and milestones are few among many; what is made of them finds them by these indexes. -#}
{{
    config(
        post_hook=[
            "create index if not exists artist_popularity_trend_breakout_signals on {{ this }}
            (source, artist_id, metric, snapshot_date) where is_breakout_signal",
            "create index if not exists artist_popularity_trend_milestones on {{ this }}
            (source, artist_id, metric, snapshot_date) where is_milestone"
        ]
    )
}}
{#- Columns are written in loops, whose lines have no indentation that a linter could follow. -#}
{% set averages = {'7_days': (6, 0), '28_days': (27, 0), 'before_7_days': (34, 7), 'before_28_days': (90, 28)} %}
{% set spans = [1, 7, 28, 90] %}
{% set rank_spans = [7, 28] %}
{% set cohort = 'source, metric, snapshot_date' %}
{% set peers = cohort ~ ', band_number' %}

-- noqa: disable=LT02,ST07
with

window_starts as materialized (

    {{ window_starts(ref('int_artist_series'), ref('int_merged_ids')) }}

),

days as (

    select
        *,
        {{ day_number('snapshot_date') }} as day_number,
        case when is_observed then snapshot_date else previous_observed_on end as last_observed_on
    from {{ ref('int_artist_series') }}
    where
        -- the longest change looks back 91 days
        snapshot_date >= (select min(window_starts.starts_on) - 91 from window_starts)

),

-- a 0 makes a suspect 0 at the observation before it count
zeros as (

    select
        source,
        artist_id,
        metric,
        previous_observed_on as snapshot_date
    from days
    where is_observed and value = 0

),

valued as (

    select
        days.*,
        {{ counting_value('days.value', 'days.is_suspect', 'zeros.snapshot_date is not null') }} as counting
    from days
    left join zeros
        on
            days.source = zeros.source
            and days.artist_id = zeros.artist_id
            and days.metric = zeros.metric
            and days.snapshot_date = zeros.snapshot_date

),

latest_suspects as (

    select
        *,
        max(snapshot_date) filter (where is_suspect and counting = 0) over (
            partition by source, artist_id, metric order by day_number
        ) as latest_suspect_on
    from valued

),

settled as (

    select
        *,
        -- where the latest observation is a suspect 0 that was repeated only later
        case when latest_suspect_on = last_observed_on then {{ day_number('last_observed_on') }} end as pending_day
    from latest_suspects

),

looked_back as (

    select
        *,
        {% for name, (first, last) in averages.items() %}
        {{ counted_between(first, last) }} as observed_{{ name }},
        {{ sum_between(first, last) }} as sum_{{ name }},
        {% endfor %}
        {% for offset in offsets_for(spans) %}
        {{ value_back(offset) }} as value_at_{{ offset }}{{ ',' if not loop.last }}
        {% endfor %}
    from settled
    window series as (partition by source, artist_id, metric order by day_number)

),

-- apart from what looks back further, for each of its rows gathers 28 values
surrounded as (

    select
        *,
        {{ values_between(28, 1) }} as values_before
    from looked_back
    where snapshot_date >= (select min(window_starts.starts_on) - 28 from window_starts)
    window series as (partition by source, artist_id, metric order by day_number)

),

averaged as (

    select
        surrounded.*,
        {{ mean_of('7_days', 5) }} as average_7_days,
        {{ mean_of('28_days', 20) }} as average_28_days,
        {{ mean_less_mean('7_days', 5, 'before_7_days', 20) }} as momentum_change,
        {{ mean_less_mean('28_days', 20, 'before_28_days', 45) }} as growth_change,
        {{ current_offset('value') }} as value_current_offset
    from surrounded
    inner join window_starts on surrounded.source = window_starts.source
    where surrounded.snapshot_date >= window_starts.starts_on

),

-- the day before the window knows everybody's highest value
carried as (

    {% if this is not none and is_incremental() -%}
    select
        built.source,
        built.artist_id,
        built.metric,
        built.highest_value,
        built.highest_on
    from {{ this }} as built
    inner join window_starts
        on built.source = window_starts.source and built.snapshot_date = window_starts.starts_on - 1
    {%- else -%}
    select
        cast(null as text) as source, -- noqa: RF04
        cast(null as text) as artist_id,
        cast(null as text) as metric,
        cast(null as double precision) as highest_value,
        cast(null as date) as highest_on
    where false
    {%- endif %}

),

risen as (

    select
        averaged.*,
        carried.highest_on as carried_highest_on,
        greatest(carried.highest_value, max(averaged.value) filter (where not averaged.is_suspect) over series)
            as highest_value,
        greatest(
            carried.highest_value,
            max(averaged.value) filter (where not averaged.is_suspect) over (
                series rows between unbounded preceding and 1 preceding
            )
        ) as previous_highest_value
    from averaged
    left join carried using (source, artist_id, metric)
    window series as (partition by source, artist_id, metric order by averaged.day_number)

),

-- the first observation is a high, but none that was reached: there is none before it
topped as (

    select
        *,
        highest_value > coalesce(previous_highest_value, -1) as is_new_high
    from risen

),

recorded as (

    select
        *,
        coalesce(max(snapshot_date) filter (where is_new_high) over series, carried_highest_on) as highest_on,
        coalesce(
            max(snapshot_date) filter (where is_new_high) over (
                series rows between unbounded preceding and 1 preceding
            ),
            carried_highest_on
        ) as previous_highest_on
    from topped
    window series as (partition by source, artist_id, metric order by day_number)

),

ended as (

    select
        *,
        {% for span in spans %}
        {{ past_offset('value', span) }} as value_past_offset_{{ span }},
        {% endfor %}
        coalesce(
            is_new_high -- noqa: RF03
            and previous_highest_value is not null -- noqa: RF03
            and (
                {{ milestones_reached('highest_value') }} > {{ milestones_reached('previous_highest_value') }}
                or {{ is_record('recorded', ref('int_artist_series')) }}
            ),
            false
        ) as is_milestone
    from recorded

),

bands as (

    select
        kind,
        array_agg(at_least order by band_number) as edges,
        array_agg(band order by band_number) as names -- noqa: RF04
    from {{ ref('bands') }}
    group by kind

),

least_rises as (

    select
        substr(name, length('breakout_rise_') + 1) as metric,
        value as least_rise
    from {{ ref('thresholds') }}
    where starts_with(name, 'breakout_rise_')

),

-- a series beside its own past; used several times below
measured as materialized (

    select
        ended.source,
        ended.artist_id,
        ended.metric,
        ended.snapshot_date,
        ended.name,
        ended.kind,
        ended.unit,
        ended.is_observed,
        ended.snapshot_date - ended.last_observed_on as days_since_observed,
        ended.value,
        {{ reason_sentence('ended.value_null_reason', 'ended.missing_reason') }} as value_null_reason,
        ended.is_suspect,
        ended.value_at_0,
        {% for span in rank_spans %}
        ended.value_at_{{ span }},
        {% endfor %}
        ended.average_7_days,
        ended.observed_7_days,
        ended.average_28_days,
        ended.observed_28_days,
        {% for span in spans %}
        -- in hundredths, for equal changes to be equal numbers
        {% set change = "round(100 * (" ~ current_value('value') ~ " - " ~ past_value('value', span) ~ ")) / 100" %}
        {{ change }} as change_{{ days_suffix(span) }},
        case when ended.kind = 'level' then 100 * ({{ change }}) / nullif({{ past_value('value', span) }}, 0) end
            as change_{{ days_suffix(span) }}_percent,
        ended.value_past_offset_{{ span }} - ended.value_current_offset
            as change_{{ days_suffix(span) }}_actual_days,
        {% endfor %}
        width_bucket(ended.average_7_days, bands.edges) as band_number,
        bands.names[width_bucket(ended.average_7_days, bands.edges)] as band,
        ended.momentum_change,
        ended.growth_change,
        medians.usual_value,
        (ended.value_at_0 - medians.usual_value) / greatest(usual.spread, 1) as anomaly_score,
        case ended.kind
            when 'index' then ended.value_at_0 - medians.usual_value
            -- whatever comes after nothing is a rise
            else coalesce(
                100 * (ended.value_at_0 - medians.usual_value) / nullif(medians.usual_value, 0), 'infinity'
            )
        end >= least_rises.least_rise as is_risen,
        ended.highest_value,
        ended.highest_on,
        ended.is_milestone
    from ended
    inner join bands on ended.kind = bands.kind
    left join least_rises on ended.metric = least_rises.metric
    left join lateral (
        select percentile_cont(0.5) within group (order by earlier.value) as usual_value
        from unnest(ended.values_before) as earlier (value) -- noqa: RF04
        having count(*) >= 20
    ) as medians on true
    left join lateral (
        select {{ robust_spread('earlier.value', 'medians.usual_value') }} as spread
        from unnest(ended.values_before) as earlier (value) -- noqa: RF04
        where medians.usual_value is not null
    ) as usual on true

),

-- made once each, however few days the planner expects: it would make them again for each of those
band_medians as materialized (

    select
        {{ peers }},
        count(momentum_change) as momentum_peers,
        percentile_cont(0.5) within group (order by momentum_change) as momentum_median,
        count(growth_change) as growth_peers,
        percentile_cont(0.5) within group (order by growth_change) as growth_median
    from measured
    where band_number is not null
    group by {{ peers }}

),

band_spreads as materialized (

    select
        {{ peers }},
        band_medians.momentum_peers,
        band_medians.growth_peers,
        {{ robust_spread('measured.momentum_change', 'band_medians.momentum_median', sorted=true) }} as momentum_spread,
        {{ robust_spread('measured.growth_change', 'band_medians.growth_median', sorted=true) }} as growth_spread
    from measured
    inner join band_medians using ({{ peers }})
    group by {{ peers }}, band_medians.momentum_peers, band_medians.growth_peers

),

-- beside the others of the day
compared as (

    select
        measured.*,
        band_spreads.momentum_peers,
        band_spreads.momentum_spread,
        band_spreads.growth_peers,
        band_spreads.growth_spread,
        {% for span in rank_spans %}
        {{ rank_change('value', span, cohort) }} as rank_change_{{ days_suffix(span) }},
        {% endfor %}
        {{ counts_among('value_at_0', cohort) }},
        {{ counts_among('change_28_days', peers) }}
    from measured
    left join band_spreads using ({{ peers }})

),

reasoned as (

    select
        *,
        {{ peers_null_reason('momentum') }} as momentum_null_reason,
        {{ peers_null_reason('growth') }} as growth_null_reason
    from compared

),

scored as (

    select
        *,
        {{ in_spreads('momentum') }} as momentum,
        {{ in_spreads('growth') }} as growth
    from reasoned

),

final as (

    select
        source,
        artist_id,
        metric,
        snapshot_date,
        name,
        kind,
        unit,
        is_observed,
        days_since_observed,
        value,
        value_null_reason,
        is_suspect,
        average_7_days,
        cast(observed_7_days as integer) as observed_7_days,
        average_28_days,
        cast(observed_28_days as integer) as observed_28_days,
        {% for span in spans %}
        change_{{ days_suffix(span) }},
        change_{{ days_suffix(span) }}_percent,
        change_{{ days_suffix(span) }}_actual_days,
        {% endfor %}
        cast(value_at_0_known - value_at_0_not_higher + 1 as integer) as rank, -- noqa: RF04
        {% for span in rank_spans %}
        rank_change_{{ days_suffix(span) }},
        {% endfor %}
        {{ percentile_of('value_at_0') }} as percentile,
        band,
        cast(case when band is not null then momentum_peers end as integer) as peers,
        momentum_change,
        momentum,
        momentum_null_reason,
        growth_change,
        growth,
        case
            when growth >= 8 then 'explosive'
            when growth >= 2 then 'high'
            when growth > 1 then 'moderate'
            when growth >= 0 then 'steady'
            when growth < 0 then 'declining'
        end as growth_class,
        growth_null_reason,
        usual_value,
        anomaly_score,
        coalesce(abs(anomaly_score) >= {{ threshold('anomaly_score') }}, false) as is_anomaly,
        case when band is not null and change_28_days_known >= 20 then {{ percentile_of('change_28_days') }} end
            as change_28_days_band_percentile,
        coalesce(
            is_observed and is_risen and anomaly_score >= {{ threshold('breakout_anomaly_score') }}, false
        ) as is_breakout_signal,
        highest_value,
        highest_on,
        is_milestone,
        {{ formula_version() }} as formula_version
    from scored

)

select * from final
