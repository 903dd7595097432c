{#- Columns are written in loops, whose lines have no indentation that a linter could follow. -#}
{% set averages = [(7, 5), (28, 20)] %}
{% set spans = [1, 7, 28] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_song_days')) }}

),

-- inlined, so that both uses below can go by index
song_days as not materialized (

    select * from {{ ref('int_song_days') }}

),

-- momentum looks back 34 days, the longest change 29
days as (

    select
        *,
        {{ day_number('snapshot_date') }} as day_number,
        lag(snapshot_date) over series as previous_seen_on,
        lag(popularity) over series as previous_popularity_in_reach,
        lead(popularity) over series as next_popularity
    from song_days
    where
        snapshot_date >= (select min(window_starts.starts_on) - 34 from window_starts)
    window series as (partition by source, song_id order by snapshot_date)

),

-- the song's observation before that, however long ago; looked up only where it could matter
preceded as materialized (

    select
        days.*,
        case
            when days.previous_seen_on is not null then days.previous_popularity_in_reach
            when coalesce(days.popularity, 0) = 0
                then (
                    select earlier.popularity
                    from song_days as earlier
                    where
                        earlier.source = days.source
                        and earlier.song_id = days.song_id
                        and earlier.snapshot_date < days.snapshot_date
                    order by earlier.snapshot_date desc
                    limit 1
                )
        end as previous_popularity
    from days

),

flagged as (

    select
        *,
        {{ is_suspect('popularity', 'previous_popularity') }} as popularity_is_suspect
    from preceded

),

valued as (

    select
        *,
        {{ counting_value('popularity', 'popularity_is_suspect', 'coalesce(next_popularity = 0, false)') }}
            as popularity_counting,
        -- every row is an observation, so only the row's own value can be pending
        case
            when popularity_is_suspect and popularity = 0 and next_popularity = 0 then day_number
        end as popularity_pending_day
    from flagged

),

looked_back as (

    select
        *,
        {% for days, least in averages %}
        {{ counted_in_window('popularity', days) }} as popularity_observed_{{ days_suffix(days) }},
        {{ sum_in_window('popularity', days) }} as popularity_sum_{{ days_suffix(days) }},
        {% endfor %}
        {% for offset in offsets_for(spans) %}
        {{ value_at('popularity', offset) }} as popularity_at_{{ offset }},
        {% endfor %}
        count(popularity_counting) over (
            series range between 34 preceding and 7 preceding
        ) as popularity_observed_before,
        sum(popularity_counting) over (
            series range between 34 preceding and 7 preceding
        ) as popularity_sum_before,
        -- a pending 0 is the row's own, so all of these count on the row's day
        array_agg(popularity_counting) filter (where popularity_counting is not null) over (
            series range between 28 preceding and 1 preceding
        ) as popularity_values_before
    from valued
    window series as (partition by source, song_id order by day_number)

),

windowed as (

    select
        looked_back.*,
        {{ current_offset('popularity') }} as popularity_current_offset
    from looked_back
    inner join window_starts on looked_back.source = window_starts.source
    where looked_back.snapshot_date >= window_starts.starts_on

),

ended as (

    select
        *,
        {% for span in spans %}
        {{ past_offset('popularity', span) }} as popularity_past_offset_{{ span }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from windowed

),

changed as (

    select
        *,
        {% for span in spans %}
        {{ past_value('popularity', span) }} as popularity_past_{{ span }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from ended

),

averaged as (

    select
        *,
        {% for days, least in averages %}
        {{ moving_average('popularity', days, least) }} as popularity_average_{{ days_suffix(days) }},
        {% endfor %}
        -- subtracted before it is divided, so that equal changes are equal numbers at whatever level
        case
            when popularity_observed_7_days >= 5 and popularity_observed_before >= 20
                then
                    cast(
                        popularity_sum_7_days * popularity_observed_before
                        - popularity_sum_before * popularity_observed_7_days as double precision
                    ) / (popularity_observed_7_days * popularity_observed_before)
        end as popularity_momentum_change,
        {{ counts_among('popularity_at_0', 'source, snapshot_date') }}
    from changed

),

banded as (

    select
        averaged.*,
        band.band as popularity_band
    from averaged
    left join lateral (
        select bands.band
        from {{ ref('bands') }} as bands
        where bands.kind = 'index' and bands.at_least <= averaged.popularity_average_7_days
        order by bands.at_least desc
        limit 1
    ) as band on true

),

-- made once each, however few days the planner expects: it would make them again for each of those
medians as materialized (

    select
        source,
        snapshot_date,
        popularity_band,
        count(*) as peers,
        percentile_cont(0.5) within group (order by popularity_momentum_change) as median_change
    from banded
    where popularity_momentum_change is not null
    group by source, snapshot_date, popularity_band

),

spreads as materialized (

    select
        banded.source,
        banded.snapshot_date,
        banded.popularity_band,
        medians.peers,
        {{ robust_spread('banded.popularity_momentum_change', 'medians.median_change', sorted=true) }} as spread
    from banded
    inner join medians
        on
            banded.source = medians.source
            and banded.snapshot_date = medians.snapshot_date
            and banded.popularity_band = medians.popularity_band
    where banded.popularity_momentum_change is not null
    group by banded.source, banded.snapshot_date, banded.popularity_band, medians.peers

),

scaled as (

    select
        banded.*,
        coalesce(spreads.peers, 0) as popularity_peers,
        spreads.spread,
        usual.usual_value as popularity_usual_value,
        (banded.popularity_at_0 - usual.usual_value) / usual.scale as popularity_anomaly_score
    from banded
    left join spreads
        on
            banded.source = spreads.source
            and banded.snapshot_date = spreads.snapshot_date
            and banded.popularity_band = spreads.popularity_band
    left join lateral (
        select
            middle.usual_value,
            greatest({{ robust_spread('past.value', 'middle.usual_value') }}, 1) as scale -- noqa: RF04
        from (
            select percentile_cont(0.5) within group (order by counted.value) as usual_value
            from unnest(banded.popularity_values_before) as counted (value)
        ) as middle
        cross join unnest(banded.popularity_values_before) as past (value)
        group by middle.usual_value
    ) as usual on cardinality(banded.popularity_values_before) >= 20

),

final as (

    select
        source,
        song_id,
        snapshot_date,
        song_id_kind,
        title,
        artist_id,
        track_ids,
        markets,
        best_position,
        released_on,
        snapshot_date - released_on as days_since_release,
        popularity,
        {{ reason_sentence('popularity_null_reason') }} as popularity_null_reason,
        popularity_is_suspect,
        {% for days, least in averages %}
        popularity_average_{{ days_suffix(days) }},
        cast(popularity_observed_{{ days_suffix(days) }} as integer)
            as popularity_observed_{{ days_suffix(days) }},
        {% endfor %}
        {% for span in spans %}
        {{ current_value('popularity') }} - popularity_past_{{ span }}
            as popularity_change_{{ days_suffix(span) }},
        popularity_past_offset_{{ span }} - popularity_current_offset
            as popularity_change_{{ days_suffix(span) }}_actual_days,
        {% endfor %}
        cast(popularity_at_0_known - popularity_at_0_not_higher + 1 as integer) as popularity_rank,
        {{ percentile_of('popularity_at_0') }} as popularity_percentile,
        popularity_momentum_change,
        popularity_band,
        cast(popularity_peers as integer) as popularity_peers,
        case
            when popularity_momentum_change is not null and popularity_peers >= 20 and spread > 0
                then popularity_momentum_change / spread
        end as popularity_momentum,
        case
            when popularity_momentum_change is null then 'insufficient_observations'
            when popularity_peers < 20 then 'insufficient_peers'
            when spread = 0 then 'no_spread'
        end as popularity_momentum_null_reason,
        popularity_usual_value,
        popularity_anomaly_score,
        coalesce(
            abs(popularity_anomaly_score) >= {{ threshold('anomaly_score') }},
            false
        ) as popularity_is_anomaly,
        {{ formula_version() }} as formula_version
    from scaled

)

select * from final
