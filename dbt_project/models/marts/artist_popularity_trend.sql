{#- Columns are written in loops, whose lines have no indentation that a linter could follow. -#}
{% set metrics = ['popularity', 'followers'] %}
{% set averages = [(7, 5), (28, 20)] %}
{% set spans = [1, 7, 28, 90] %}
{% set rank_spans = [7, 28] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_artist_days'), ref('int_merged_ids')) }}

),

days as (

    select
        *,
        {{ day_number('snapshot_date') }} as day_number,
        {{ day_number('snapshot_date') }} - days_since_observed as last_observed_day
    from {{ ref('int_artist_days') }}
    where
        -- the longest change looks back 91 days
        snapshot_date >= (select min(window_starts.starts_on) - 91 from window_starts)
        and snapshot_date <= {{ window_until() }}

),

-- a 0 makes a suspect 0 at the observation before it count
zeros as (

    select
        source,
        artist_id,
        previous_observed_on as snapshot_date,
        {% for metric in metrics %}
        coalesce({{ metric }} = 0, false) as {{ metric }}_is_zero{% if not loop.last %},{% endif %}
        {% endfor %}
    from days
    where is_observed and (popularity = 0 or followers = 0)

),

valued as (

    select
        days.*,
        {% for metric in metrics %}
        {{ counting_value(
            'days.' ~ metric,
            'days.' ~ metric ~ '_is_suspect',
            'coalesce(zeros.' ~ metric ~ '_is_zero, false)',
        ) }} as {{ metric }}_counting{% if not loop.last %},{% endif %}
        {% endfor %}
    from days
    left join zeros
        on
            days.source = zeros.source
            and days.artist_id = zeros.artist_id
            and days.snapshot_date = zeros.snapshot_date

),

latest_suspects as (

    select
        *,
        {% for metric in metrics %}
        max(day_number) filter (where {{ metric }}_is_suspect and {{ metric }}_counting = 0) over (
            partition by source, artist_id order by day_number
        ) as {{ metric }}_latest_suspect_day{% if not loop.last %},{% endif %}
        {% endfor %}
    from valued

),

settled as (

    select
        *,
        {% for metric in metrics %}
        case
            when {{ metric }}_latest_suspect_day = last_observed_day then last_observed_day
        end as {{ metric }}_pending_day{% if not loop.last %},{% endif %}
        {% endfor %}
    from latest_suspects

),

looked_back as (

    select
        *,
        {% for metric in metrics %}
        {% for days, least in averages %}
        {{ counted_in_window(metric, days) }} as {{ metric }}_observed_{{ days_suffix(days) }},
        {{ sum_in_window(metric, days) }} as {{ metric }}_sum_{{ days_suffix(days) }},
        {% endfor %}
        {% set last_metric = loop.last %}
        {% for offset in offsets_for(spans) %}
        {{ value_at(metric, offset) }}
            as {{ metric }}_at_{{ offset }}{% if not (last_metric and loop.last) %},{% endif %}
        {% endfor %}
        {% endfor %}
    from settled
    window series as (partition by source, artist_id order by day_number)

),

windowed as (

    select
        looked_back.*,
        {% for metric in metrics %}
        {{ current_offset(metric) }} as {{ metric }}_current_offset{% if not loop.last %},{% endif %}
        {% endfor %}
    from looked_back
    inner join window_starts on looked_back.source = window_starts.source
    where looked_back.snapshot_date >= window_starts.starts_on

),

ended as (

    select
        *,
        {% for metric in metrics %}
        {% set last_metric = loop.last %}
        {% for span in spans %}
        {{ past_offset(metric, span) }}
            as {{ metric }}_past_offset_{{ span }}{% if not (last_metric and loop.last) %},{% endif %}
        {% endfor %}
        {% endfor %}
    from windowed

),

changed as (

    select
        *,
        {% for metric in metrics %}
        {% set last_metric = loop.last %}
        {% for span in spans %}
        {{ past_value(metric, span) }}
            as {{ metric }}_past_{{ span }}{% if not (last_metric and loop.last) %},{% endif %}
        {% endfor %}
        {% endfor %}
    from ended

),

final as (

    select
        source,
        artist_id,
        snapshot_date,
        name,
        is_observed,
        days_since_observed,
        {% for metric in metrics %}
        {{ metric }},
        {{ metric }}_null_reason,
        {{ metric }}_is_suspect,
        {% for days, least in averages %}
        {{ moving_average(metric, days, least) }} as {{ metric }}_average_{{ days_suffix(days) }},
        cast({{ metric }}_observed_{{ days_suffix(days) }} as integer)
            as {{ metric }}_observed_{{ days_suffix(days) }},
        {% endfor %}
        {% for span in spans %}
        {{ current_value(metric) }} - {{ metric }}_past_{{ span }}
            as {{ metric }}_change_{{ days_suffix(span) }},
        {% if metric == 'followers' %}
        100.0 * cast({{ current_value(metric) }} - {{ metric }}_past_{{ span }} as double precision)
        / nullif({{ metric }}_past_{{ span }}, 0)
            as {{ metric }}_change_{{ days_suffix(span) }}_percent,
        {% endif %}
        {{ metric }}_past_offset_{{ span }} - {{ metric }}_current_offset
            as {{ metric }}_change_{{ days_suffix(span) }}_actual_days,
        {% endfor %}
        case
            when {{ metric }}_at_0 is not null
                then cast(
                    rank() over (
                        partition by source, snapshot_date order by {{ metric }}_at_0 desc nulls last
                    ) as integer
                )
        end as {{ metric }}_rank,
        {% for span in rank_spans %}
        {{ rank_change(metric, span) }} as {{ metric }}_rank_change_{{ days_suffix(span) }},
        {% endfor %}
        {% endfor %}
        {{ formula_version() }} as formula_version
    from changed

)

select * from final
