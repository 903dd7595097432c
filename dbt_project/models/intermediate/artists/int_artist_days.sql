-- noqa: disable=LT02,AM09,RF03
with

aliases as materialized (

    select * from {{ ref('int_artist_aliases') }}

),

-- every day of whoever is said to be one artist
said_to_be_one as materialized (

    select
        ids.source,
        ids.canonical_id,
        ids.artist_id,
        observed.snapshot_date
    from (
        select
            source,
            canonical_id,
            artist_id
        from aliases
        union
        select
            source,
            canonical_id,
            canonical_id as artist_id
        from aliases
    ) as ids
    inner join {{ ref('stg_artist_snapshots') }} as observed
        on ids.source = observed.source and ids.artist_id = observed.artist_id

),

-- who was ever seen beside another of them on one day is an artist of its own, whatever was said
seen_apart as materialized (

    select distinct
        one.source,
        one.artist_id
    from said_to_be_one as one
    inner join said_to_be_one as other
        on
            one.source = other.source
            and one.canonical_id = other.canonical_id
            and one.snapshot_date = other.snapshot_date
            and one.artist_id <> other.artist_id

),

joined as materialized (

    select *
    from aliases
    where
        not exists (
            select 1
            from seen_apart
            where seen_apart.source = aliases.source and seen_apart.artist_id = aliases.artist_id
        )

),

-- a merged artist's earlier days, under the id that continues the series
snapshots as not materialized (

    select
        observed.source,
        coalesce(joined.canonical_id, observed.artist_id) as artist_id,
        observed.snapshot_date,
        true as is_observed,
        observed.requested_id,
        observed.name,
        observed.popularity,
        observed.followers,
        observed.listeners,
        observed.plays
    from {{ ref('stg_artist_snapshots') }} as observed
    left join joined on observed.source = joined.source and observed.artist_id = joined.artist_id

),

-- materialized, or its lookups would run again for every snapshot
window_starts as materialized (

    {{ window_starts('snapshots', ref('int_merged_ids')) }}

),

{% if this is not none and is_incremental() -%}
-- the grid is dense, so the day before the window knows everybody's latest observation
observed_before as materialized (

    select
        built.source,
        coalesce(joined.canonical_id, built.artist_id) as artist_id,
        max(built.snapshot_date - built.days_since_observed) as snapshot_date
    from {{ this }} as built
    inner join window_starts
        on built.source = window_starts.source and built.snapshot_date = window_starts.starts_on - 1
    left join joined on built.source = joined.source and built.artist_id = joined.artist_id
    group by built.source, coalesce(joined.canonical_id, built.artist_id)

),

-- one look into the snapshots' key for each of them, hence the limit: no plan but the nested loop
latest_before as (

    select
        ids.source,
        ids.artist_id,
        ids.snapshot_date,
        observed.requested_id,
        observed.name,
        observed.popularity,
        observed.followers,
        observed.listeners,
        observed.plays
    from (
        select
            source,
            artist_id,
            artist_id as observed_id,
            snapshot_date
        from observed_before
        union all
        select
            observed_before.source,
            observed_before.artist_id,
            joined.artist_id as observed_id,
            observed_before.snapshot_date
        from observed_before
        inner join joined
            on observed_before.source = joined.source and observed_before.artist_id = joined.canonical_id
    ) as ids
    cross join lateral (
        select *
        from {{ ref('stg_artist_snapshots') }}
        where
            snapshot_date = ids.snapshot_date
            and source = ids.source
            and artist_id = ids.observed_id
        limit 1
    ) as observed

),

{% endif -%}
in_window as (

    select
        snapshots.source,
        snapshots.artist_id,
        snapshots.snapshot_date,
        snapshots.requested_id,
        snapshots.name,
        snapshots.popularity,
        snapshots.followers,
        snapshots.listeners,
        snapshots.plays
    from snapshots
    inner join window_starts on snapshots.source = window_starts.source
    where
        snapshots.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which months are left out
        and snapshots.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

-- an ended import stops at its own last day
newest_days as (

    select
        source,
        max(snapshot_date) as newest_on
    from in_window
    group by source

),

observations as (

    select
        *,
        lag(snapshot_date) over series as previous_observed_on,
        lead(snapshot_date) over series as next_observed_on,
        lag(popularity) over series as previous_popularity,
        lag(followers) over series as previous_followers,
        lag(listeners) over series as previous_listeners
    from (
        {% if this is not none and is_incremental() -%}
        select * from latest_before
        union all
        {% endif -%}
        select * from in_window
    ) as observed
    window series as (partition by source, artist_id order by snapshot_date)

),

-- each observation stands for its own day and gives a row to each day until the next
gridded as (

    select
        observations.source,
        observations.artist_id,
        observations.snapshot_date + grid.day_offset as snapshot_date,
        grid.day_offset = 0 as is_observed,
        case when grid.day_offset = 0 then observations.previous_observed_on else observations.snapshot_date end
            as previous_observed_on,
        grid.day_offset as days_since_observed,
        observations.requested_id,
        case when grid.day_offset = 0 then observations.name end as name, -- noqa: RF04
        {% for metric in ['popularity', 'followers', 'listeners', 'plays'] -%}
        case when grid.day_offset = 0 then observations.{{ metric }} end as {{ metric }},
        {% endfor -%}
        {% for metric in ['popularity', 'followers', 'listeners'] -%}
        grid.day_offset = 0 and {{ is_suspect('observations.' ~ metric, 'observations.previous_' ~ metric) }}
            as {{ metric }}_is_suspect{{ ',' if not loop.last }}
        {% endfor -%}
    from observations
    inner join window_starts on observations.source = window_starts.source
    inner join newest_days on observations.source = newest_days.source
    cross join
        lateral generate_series(
            greatest(window_starts.starts_on - observations.snapshot_date, 0),
            coalesce(observations.next_observed_on - 1, newest_days.newest_on) - observations.snapshot_date
        ) as grid (day_offset)

),

loads as materialized (

    select * from {{ ref('stg_partition_loads') }}
    where
        table_name = 'artist_snapshots'
        and snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

final as (

    select
        gridded.source,
        gridded.artist_id,
        gridded.snapshot_date,
        gridded.is_observed,
        gridded.previous_observed_on,
        gridded.days_since_observed,
        gridded.name,
        {% for metric in ['popularity', 'followers', 'listeners', 'plays'] -%}
        gridded.{{ metric }},
        {{ null_code(metric, 'gridded.is_observed', relation='gridded') }} as {{ metric }}_null_reason,
        {% endfor -%}
        -- the ledger names what was asked for: of a merged artist perhaps the id it had before
        case
            when not gridded.is_observed
                then coalesce(loads.missing -> gridded.artist_id, loads.missing -> gridded.requested_id)
        end as missing_reason,
        gridded.popularity_is_suspect,
        gridded.followers_is_suspect,
        gridded.listeners_is_suspect
    from gridded
    left join loads on gridded.source = loads.source and gridded.snapshot_date = loads.snapshot_date

)

select * from final
