-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_playlist_entries')) }}

),

entries as (

    select listed.*
    from {{ ref('int_playlist_entries') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

lists as (

    select
        source,
        playlist_id,
        snapshot_date,
        (array_agg(playlist_name order by position) filter (where playlist_name is not null))[1] as playlist_name,
        (array_agg(market order by position) filter (where market is not null))[1] as market,
        max(position) as last_position,
        -- positions begin at 1 and none occurs twice
        count(song_id) = max(position) as is_complete
    from entries
    group by source, playlist_id, snapshot_date

),

-- what the day before the window knew, one look into the primary key per playlist
before_window as materialized (

    {% if this is not none and is_incremental() -%}
    select
        playlists.source,
        playlists.playlist_id,
        latest.snapshot_date,
        latest.is_complete,
        latest.first_observed_on,
        latest.previous_complete_on
    from (
        select distinct
            lists.source,
            lists.playlist_id,
            window_starts.starts_on
        from lists
        inner join window_starts on lists.source = window_starts.source
    ) as playlists
    cross join lateral (
        select
            built.snapshot_date,
            built.is_complete,
            built.first_observed_on,
            built.previous_complete_on
        from {{ this }} as built
        where
            built.source = playlists.source
            and built.playlist_id = playlists.playlist_id
            and built.snapshot_date < playlists.starts_on
        order by built.snapshot_date desc
        limit 1
    ) as latest
    {%- else -%}
    select
        source,
        playlist_id,
        snapshot_date,
        is_complete,
        snapshot_date as first_observed_on,
        snapshot_date as previous_complete_on
    from lists
    where false
    {%- endif %}

),

final as (

    select
        lists.source,
        lists.playlist_id,
        lists.snapshot_date,
        lists.playlist_name,
        lists.market,
        lists.last_position,
        lists.is_complete,
        coalesce(before_window.first_observed_on, min(lists.snapshot_date) over series) as first_observed_on,
        coalesce(lag(lists.snapshot_date) over series, before_window.snapshot_date) as previous_observed_on,
        coalesce(
            max(lists.snapshot_date) filter (where lists.is_complete) over (
                series rows between unbounded preceding and 1 preceding
            ),
            case when before_window.is_complete then before_window.snapshot_date end,
            before_window.previous_complete_on
        ) as previous_complete_on
    from lists
    left join before_window
        on lists.source = before_window.source and lists.playlist_id = before_window.playlist_id
    window series as (partition by lists.source, lists.playlist_id order by lists.snapshot_date)

)

select * from final
