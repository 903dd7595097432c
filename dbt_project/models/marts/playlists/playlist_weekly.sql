with

window_starts as materialized (

    {{ window_starts(ref('int_playlist_lists')) }}

),

-- weeks are built whole, so that every day of a week is in its row, whichever days are run
week_starts as materialized (

    select
        source,
        cast(date_trunc('week', starts_on) as date) as starts_on
    from window_starts

),

-- from the week before on, for what a song's place was then
lists as (

    select
        lists.*,
        cast(date_trunc('week', lists.snapshot_date) as date) as week_starts_on
    from {{ ref('int_playlist_lists') }} as lists
    inner join week_starts on lists.source = week_starts.source
    where
        lists.snapshot_date >= week_starts.starts_on - 7
        -- said once more as one value, by which the index leaves out what was built before
        and lists.snapshot_date >= (select min(earliest.starts_on) - 7 from week_starts as earliest)

),

weeks as (

    select
        source,
        playlist_id,
        week_starts_on,
        (array_agg(playlist_name order by snapshot_date desc) filter (where playlist_name is not null))[1]
            as playlist_name,
        (array_agg(market order by snapshot_date desc) filter (where market is not null))[1] as market,
        cast(count(*) as integer) as days_observed,
        max(last_position) as last_position
    from lists
    group by source, playlist_id, week_starts_on

),

days as (

    select
        songs.*,
        cast(date_trunc('week', songs.snapshot_date) as date) as week_starts_on
    from {{ ref('int_playlist_days') }} as songs
    inner join week_starts on songs.source = week_starts.source
    where
        songs.snapshot_date >= week_starts.starts_on - 7
        and songs.snapshot_date >= (select min(earliest.starts_on) - 7 from week_starts as earliest)

),

-- what counts by the end of the week; of a song's days, the last one speaks for it
ordered as (

    select
        *,
        lead(popularity) over series as next_popularity,
        lead(snapshot_date) over series is null as is_last
    from days
    window series as (partition by source, playlist_id, song_id, week_starts_on order by snapshot_date)

),

valued as (

    select
        *,
        {{ counting_value('popularity', 'popularity_is_suspect', 'coalesce(next_popularity = 0, false)') }}
            as popularity_counting
    from ordered

),

songs as (

    select
        source,
        playlist_id,
        song_id,
        week_starts_on,
        max(song_id_kind) as song_id_kind,
        max(title) filter (where is_last) as title,
        max(artist_ids) filter (where is_last) as artist_ids,
        max(artist_names) filter (where is_last) as artist_names,
        max(track_ids) filter (where is_last) as track_ids,
        cast(count(*) as integer) as days_on_list,
        min(position) as best_position,
        sum(position) as positions,
        sum(popularity_counting) as popularities,
        cast(count(popularity_counting) as integer) as popularity_observed_days
    from valued
    group by source, playlist_id, song_id, week_starts_on

),

-- a day off the list counts as one place below the longest list of the week
placed as (

    select
        songs.*,
        weeks.playlist_name,
        weeks.market,
        weeks.days_observed,
        songs.positions + (weeks.days_observed - songs.days_on_list) * (weeks.last_position + 1) as places
    from songs
    inner join weeks
        on
            songs.source = weeks.source
            and songs.playlist_id = weeks.playlist_id
            and songs.week_starts_on = weeks.week_starts_on

),

ranked as (

    select
        *,
        cast(
            rank() over (partition by source, playlist_id, week_starts_on order by places) as integer
        ) as week_rank
    from placed

),

compared as (

    select
        *,
        lag(week_starts_on) over series as previous_week_starts_on,
        lag(week_rank) over series as previous_week_rank
    from ranked
    window series as (partition by source, playlist_id, song_id order by week_starts_on)

),

windowed as (

    select
        compared.*,
        case
            when compared.previous_week_starts_on = compared.week_starts_on - 7 then compared.previous_week_rank
        end as previous_rank
    from compared
    inner join week_starts on compared.source = week_starts.source
    where compared.week_starts_on >= week_starts.starts_on

),

final as (

    select
        source,
        playlist_id,
        song_id,
        week_starts_on + 6 as snapshot_date,
        week_starts_on,
        to_char(week_starts_on, 'IYYY-"W"IW') as iso_week,
        playlist_name,
        market,
        song_id_kind,
        title,
        artist_ids,
        artist_names,
        track_ids,
        days_observed,
        days_on_list,
        week_rank,
        previous_rank as previous_week_rank,
        previous_rank - week_rank as week_rank_change,
        best_position,
        cast(positions as double precision) / days_on_list as mean_position,
        cast(places as double precision) / days_observed as mean_place,
        cast(popularities as double precision) / nullif(popularity_observed_days, 0) as average_popularity,
        popularity_observed_days,
        {{ formula_version() }} as formula_version
    from windowed

)

select * from final
