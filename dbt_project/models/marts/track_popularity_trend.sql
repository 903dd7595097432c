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

-- the longest change looks back 29 days
days as (

    select
        *,
        {{ day_number('snapshot_date') }} as day_number,
        lag(snapshot_date) over series as previous_seen_on,
        lag(popularity) over series as previous_popularity_in_reach,
        lead(popularity) over series as next_popularity
    from song_days
    where
        snapshot_date >= (select min(window_starts.starts_on) - 29 from window_starts)
        and snapshot_date <= {{ window_until() }}
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
        {{ value_at('popularity', offset) }} as popularity_at_{{ offset }}{% if not loop.last %},{% endif %}
        {% endfor %}
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
        popularity,
        popularity_null_reason,
        popularity_is_suspect,
        {% for days, least in averages %}
        {{ moving_average('popularity', days, least) }} as popularity_average_{{ days_suffix(days) }},
        cast(popularity_observed_{{ days_suffix(days) }} as integer)
            as popularity_observed_{{ days_suffix(days) }},
        {% endfor %}
        {% for span in spans %}
        {{ current_value('popularity') }} - popularity_past_{{ span }}
            as popularity_change_{{ days_suffix(span) }},
        popularity_past_offset_{{ span }} - popularity_current_offset
            as popularity_change_{{ days_suffix(span) }}_actual_days,
        {% endfor %}
        {{ formula_version() }} as formula_version
    from changed

)

select * from final
