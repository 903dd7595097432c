{#- Columns are written in loops, whose lines have no indentation that a linter could follow. -#}
{% set spans = [1, 7] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_playlist_lists')) }}

),

windowed_lists as materialized (

    select lists.*
    from {{ ref('int_playlist_lists') }} as lists
    inner join window_starts on lists.source = window_starts.source
    where
        lists.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and lists.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

-- how far back songs stand that may leave in the window: to the complete list before it, or else to the very first; and
-- at least the eight days that the longest change needs
reach as materialized (

    select
        source,
        playlist_id,
        min(snapshot_date) as starts_on,
        least(
            min(coalesce(previous_complete_on, first_observed_on)),
            min(snapshot_date) - {{ spans | last + 1 }}
        ) as reaches_from
    from windowed_lists
    group by source, playlist_id

),

-- of each list in reach, the first later one that is complete: who is on neither that nor one between them has left
followed as (

    select
        lists.*,
        reach.starts_on,
        min(lists.snapshot_date) filter (where lists.is_complete) over (
            partition by lists.source, lists.playlist_id
            order by lists.snapshot_date desc
            rows between unbounded preceding and 1 preceding
        ) as next_complete_on
    from {{ ref('int_playlist_lists') }} as lists
    inner join reach on lists.source = reach.source and lists.playlist_id = reach.playlist_id
    where
        lists.snapshot_date >= reach.reaches_from
        and lists.snapshot_date >= (select min(earliest.reaches_from) from reach as earliest)

),

lists as materialized (

    select
        followed.*,
        next_lists.playlist_name as next_playlist_name,
        next_lists.market as next_market,
        next_lists.previous_observed_on as next_previous_observed_on
    from followed
    left join {{ ref('int_playlist_lists') }} as next_lists
        on
            followed.source = next_lists.source
            and followed.playlist_id = next_lists.playlist_id
            and followed.next_complete_on = next_lists.snapshot_date

),

days as (

    select
        songs.*,
        {{ day_number('songs.snapshot_date') }} as day_number,
        lists.playlist_name,
        lists.market,
        lists.is_complete,
        lists.first_observed_on,
        lists.previous_observed_on,
        lists.previous_complete_on,
        lists.next_complete_on,
        lists.next_playlist_name,
        lists.next_market,
        lists.next_previous_observed_on,
        lists.starts_on,
        lead(songs.snapshot_date) over series as next_seen_on,
        lead(songs.popularity) over series as next_popularity
    from {{ ref('int_playlist_days') }} as songs
    inner join lists
        on
            songs.source = lists.source
            and songs.playlist_id = lists.playlist_id
            and songs.snapshot_date = lists.snapshot_date
    where
        songs.snapshot_date >= (select min(earliest.reaches_from) from reach as earliest)
    -- in the order of the windows below, so that the rows are sorted once
    window series as (
        partition by songs.source, songs.playlist_id, songs.song_id
        order by {{ day_number('songs.snapshot_date') }}
    )

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
    from days

),

looked_back as (

    select
        *,
        {% for offset in offsets_for(spans) %}
        {{ value_at('popularity', offset) }} as popularity_at_{{ offset }}{{ ',' if not loop.last }}
        {% endfor %}
    from valued
    window series as (partition by source, playlist_id, song_id order by day_number)

),

listed as (

    select
        *,
        {{ current_offset('popularity') }} as popularity_current_offset
    from looked_back
    where snapshot_date >= starts_on

),

ended as (

    select
        *,
        {% for span in spans %}
        {{ past_offset('popularity', span) }} as popularity_past_offset_{{ span }},
        {% endfor %}
        case
            when snapshot_date = first_observed_on then null
            when previous_seen_on is null then 'entered'
            when previous_seen_on < previous_complete_on then 're-entered'
            when position < previous_position then 'rose'
            when position > previous_position then 'fell'
            else 'stayed'
        end as movement
    from listed

),

changed as (

    select
        *,
        {% for span in spans %}
        {{ past_value('popularity', span) }} as popularity_past_{{ span }}{{ ',' if not loop.last }}
        {% endfor %}
    from ended

),

told as (

    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        playlist_name,
        market,
        is_complete,
        previous_observed_on,
        song_id_kind,
        title,
        artist_ids,
        artist_names,
        track_ids,
        release_date,
        release_date_precision,
        movement,
        case when movement is null then 'first_list' end as movement_null_reason,
        position,
        case when movement in ('rose', 'fell', 'stayed') then previous_position end as previous_position,
        previous_seen_on,
        first_seen_on,
        days_on_list,
        best_position,
        popularity,
        popularity_null_reason,
        popularity_is_suspect,
        {% for span in spans -%}
        {{ current_value('popularity') }} - popularity_past_{{ span }} as popularity_change_{{ days_suffix(span) }},
        popularity_past_offset_{{ span }} - popularity_current_offset
            as popularity_change_{{ days_suffix(span) }}_actual_days{{ ',' if not loop.last }}
        {% endfor -%}
    from changed

    union all

    select
        source,
        playlist_id,
        song_id,
        next_complete_on as snapshot_date,
        next_playlist_name as playlist_name,
        next_market as market,
        true as is_complete,
        next_previous_observed_on as previous_observed_on,
        song_id_kind,
        title,
        artist_ids,
        artist_names,
        track_ids,
        release_date,
        release_date_precision,
        'left' as movement,
        null as movement_null_reason,
        null as position, -- noqa: RF04
        position as previous_position,
        snapshot_date as previous_seen_on,
        first_seen_on,
        days_on_list,
        best_position,
        null as popularity,
        'not_on_list' as popularity_null_reason,
        false as popularity_is_suspect,
        {% for span in spans -%}
        null as popularity_change_{{ days_suffix(span) }},
        null as popularity_change_{{ days_suffix(span) }}_actual_days{{ ',' if not loop.last }}
        {% endfor -%}
    from days
    where next_complete_on >= starts_on and coalesce(next_seen_on > next_complete_on, true)

),

final as (

    select
        source,
        playlist_id,
        song_id,
        snapshot_date,
        playlist_name,
        market,
        song_id_kind,
        title,
        artist_ids,
        artist_names,
        track_ids,
        movement,
        {{ reason_sentence('movement_null_reason') }} as movement_null_reason,
        position,
        previous_position,
        previous_position - position as position_change,
        previous_observed_on,
        is_complete as list_is_complete,
        previous_seen_on,
        first_seen_on,
        days_on_list,
        best_position,
        case when release_date_precision = 'day' then snapshot_date - release_date end as days_since_release,
        popularity,
        {{ reason_sentence('popularity_null_reason') }} as popularity_null_reason,
        popularity_is_suspect,
        {% for span in spans -%}
        popularity_change_{{ days_suffix(span) }},
        popularity_change_{{ days_suffix(span) }}_actual_days,
        {% endfor -%}
        {{ formula_version() }} as formula_version
    from told

)

select * from final
