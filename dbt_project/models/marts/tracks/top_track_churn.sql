{#- Days back to the other end of the comparison, the first that has a complete list. -#}
{% set offsets = [7, 8, 6] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_top_track_lists')) }}

),

lists as (

    select
        *,
        {{ day_number('snapshot_date') }} as day_number
    from {{ ref('int_top_track_lists') }}
    where
        -- as one value, by which the index finds the eight days before the window
        snapshot_date >= (select min(window_starts.starts_on) - 8 from window_starts)

),

looked_back as (

    select
        *,
        {% for offset in offsets %}
        coalesce(
            bool_or(is_complete) over (series range between {{ offset }} preceding and {{ offset }} preceding), false
        ) as is_complete_{{ offset }},
        {% for column in ['song_ids', 'titles', 'positions', 'track_ids'] %}
        max({{ column }}) over (
            series range between {{ offset }} preceding and {{ offset }} preceding
        ) as {{ column }}_{{ offset }},
        {% endfor %}
        {% endfor %}
        count(*) over (series range between 8 preceding and 6 preceding) as past_lists
    from lists
    window series as (partition by source, market, artist_id order by day_number)

),

windowed as (

    select
        looked_back.*,
        case
            {% for offset in offsets -%}
            when looked_back.is_complete_{{ offset }} then {{ offset }}
            {% endfor -%}
        end as past_offset
    from looked_back
    inner join window_starts on looked_back.source = window_starts.source
    where looked_back.snapshot_date >= window_starts.starts_on

),

ended as (

    select
        windowed.source,
        windowed.market,
        windowed.artist_id,
        windowed.snapshot_date,
        windowed.song_ids,
        windowed.titles,
        windowed.positions,
        windowed.track_ids,
        windowed.is_complete,
        windowed.past_lists,
        windowed.past_offset,
        {% for column in ['song_ids', 'titles', 'positions', 'track_ids'] %}
        case windowed.past_offset
            {% for offset in offsets -%}
            when {{ offset }} then windowed.{{ column }}_{{ offset }}
            {% endfor -%}
        end as past_{{ column }},
        {% endfor %}
        windowed.is_complete and windowed.past_offset is not null as is_comparable
    from windowed

),

compared as (

    select
        ended.*,
        moves.*,
        case
            when ended.is_comparable then null
            when not ended.is_complete then 'list_incomplete'
            when ended.past_lists > 0 then 'past_list_incomplete'
            else 'no_past_list'
        end as churn_null_code,
        {% for column in ['entered_song_ids', 'entered_titles', 'left_song_ids', 'left_titles'] %}
        case when ended.is_comparable then coalesce(moves.{{ column }}_or_none, cast(array[] as text[])) end
            as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from ended
    left join lateral (
        select
            count(*) filter (where past.song_id is null) as songs_entered,
            count(*) filter (where present.song_id is null) as songs_left,
            count(*) filter (where past.song_id = present.song_id) as songs_stayed,
            count(*) filter (where present.position < past.position) as songs_climbed,
            count(*) filter (where present.position > past.position) as songs_fallen,
            sum(abs(past.position - present.position)) as positions_moved,
            array_agg(present.song_id order by present.position) filter (where past.song_id is null)
                as entered_song_ids_or_none,
            array_agg(present.title order by present.position) filter (where past.song_id is null)
                as entered_titles_or_none,
            array_agg(past.song_id order by past.position) filter (where present.song_id is null)
                as left_song_ids_or_none,
            array_agg(past.title order by past.position) filter (where present.song_id is null)
                as left_titles_or_none
        from unnest(ended.song_ids, ended.titles, ended.positions) as present (song_id, title, position)
        full join unnest(ended.past_song_ids, ended.past_titles, ended.past_positions)
            as past (song_id, title, position)
            on present.song_id = past.song_id
    ) as moves on ended.is_comparable

),

final as (

    select
        source,
        market,
        artist_id,
        snapshot_date,
        is_complete,
        cardinality(song_ids) as songs,
        case when is_comparable then snapshot_date - past_offset end as compared_with,
        case when is_comparable then past_offset end as actual_days,
        1 - cast(songs_stayed as double precision) / (songs_entered + songs_left + songs_stayed) as churn,
        {{ reason_sentence('churn_null_code') }} as churn_null_reason,
        cast(songs_entered as integer) as songs_entered,
        cast(songs_left as integer) as songs_left,
        cast(songs_stayed as integer) as songs_stayed,
        cast(songs_climbed as integer) as songs_climbed,
        cast(songs_fallen as integer) as songs_fallen,
        cast(positions_moved as double precision) / nullif(songs_stayed, 0) as mean_absolute_position_change,
        entered_song_ids,
        entered_titles,
        left_song_ids,
        left_titles,
        array(
            select distinct listed.track_id
            from unnest(track_ids || past_track_ids) as listed (track_id)
            order by listed.track_id
        ) as track_ids,
        {{ formula_version() }} as formula_version
    from compared

)

select * from final
