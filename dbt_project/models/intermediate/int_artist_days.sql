with

aliases as materialized (

    select * from {{ ref('int_artist_aliases') }}

),

-- a merged artist's earlier days, under the id that continues the series and has no day of its own then
continued as materialized (

    select distinct on (earlier.source, aliases.canonical_id, earlier.snapshot_date)
        earlier.source,
        aliases.canonical_id as artist_id,
        earlier.snapshot_date,
        earlier.name,
        earlier.popularity,
        earlier.followers
    from aliases
    inner join {{ ref('stg_artist_snapshots') }} as earlier
        on aliases.source = earlier.source and aliases.artist_id = earlier.artist_id
    where not exists (
            select 1
            from {{ ref('stg_artist_snapshots') }} as own
            where
                own.source = earlier.source
                and own.artist_id = aliases.canonical_id
                and own.snapshot_date = earlier.snapshot_date
        )
    order by earlier.source, aliases.canonical_id, earlier.snapshot_date, earlier.artist_id

),

snapshots as not materialized (

    select
        source,
        artist_id,
        snapshot_date,
        name,
        popularity,
        followers
    from {{ ref('stg_artist_snapshots') }} as observed
    where
        snapshot_date <= {{ window_until() }}
        and not exists (
            select 1
            from aliases
            where aliases.source = observed.source and aliases.artist_id = observed.artist_id
        )

    union all

    select *
    from continued
    where snapshot_date <= {{ window_until() }}

),

-- materialized, or its lookups would run again for every snapshot
window_starts as materialized (

    {{ window_starts(ref('stg_artist_snapshots'), ref('int_artist_aliases')) }}

),

artists as (

    select
        snapshots.source,
        snapshots.artist_id,
        window_starts.starts_on,
        min(snapshots.snapshot_date) as first_observed_on,
        max(snapshots.snapshot_date) as last_observed_on,
        max(snapshots.snapshot_date) filter (
            where snapshots.snapshot_date < window_starts.starts_on
        ) as observed_before_window_on
    from snapshots
    inner join window_starts on snapshots.source = window_starts.source
    group by snapshots.source, snapshots.artist_id, window_starts.starts_on

),

-- an ended import stops at its own last day
newest_days as (

    select
        source,
        max(last_observed_on) as newest_on
    from artists
    group by source

),

calendar as (

    select
        artists.source,
        artists.artist_id,
        artists.observed_before_window_on,
        greatest(artists.first_observed_on, artists.starts_on) + calendar_days.day_offset as snapshot_date
    from artists
    inner join newest_days on artists.source = newest_days.source
    cross join
        lateral generate_series(
            0, newest_days.newest_on - greatest(artists.first_observed_on, artists.starts_on)
        ) as calendar_days (day_offset)

),

-- from each artist's last observation before the window on, however long ago that was
observations as (

    select
        snapshots.source,
        snapshots.artist_id,
        snapshots.snapshot_date,
        snapshots.name,
        snapshots.popularity,
        snapshots.followers,
        lag(snapshots.popularity) over series as previous_popularity,
        lag(snapshots.followers) over series as previous_followers
    from snapshots
    inner join artists
        on
            snapshots.source = artists.source
            and snapshots.artist_id = artists.artist_id
            and snapshots.snapshot_date >= coalesce(artists.observed_before_window_on, artists.starts_on)
    window series as (partition by snapshots.source, snapshots.artist_id order by snapshots.snapshot_date)

),

gridded as (

    select
        calendar.source,
        calendar.artist_id,
        calendar.snapshot_date,
        observations.snapshot_date is not null as is_observed,
        coalesce(
            max(observations.snapshot_date) over (
                partition by calendar.source, calendar.artist_id
                order by calendar.snapshot_date
                rows between unbounded preceding and 1 preceding
            ),
            calendar.observed_before_window_on
        ) as previous_observed_on,
        observations.name,
        observations.popularity,
        observations.followers,
        {{ is_suspect('observations.popularity', 'observations.previous_popularity') }}
            as popularity_is_suspect,
        {{ is_suspect('observations.followers', 'observations.previous_followers') }}
            as followers_is_suspect
    from calendar
    left join observations
        on
            calendar.source = observations.source
            and calendar.artist_id = observations.artist_id
            and calendar.snapshot_date = observations.snapshot_date

),

loads as (

    select * from {{ ref('stg_partition_loads') }}
    where table_name = 'artist_snapshots'

),

final as (

    select
        gridded.source,
        gridded.artist_id,
        gridded.snapshot_date,
        gridded.is_observed,
        gridded.previous_observed_on,
        case
            when gridded.is_observed then 0
            else gridded.snapshot_date - gridded.previous_observed_on
        end as days_since_observed,
        gridded.name,
        gridded.popularity,
        gridded.followers,
        {{ null_reason('popularity', 'gridded.is_observed', 'loads.missing ->> gridded.artist_id', 'gridded') }}
            as popularity_null_reason,
        {{ null_reason('followers', 'gridded.is_observed', 'loads.missing ->> gridded.artist_id', 'gridded') }}
            as followers_null_reason,
        gridded.popularity_is_suspect,
        gridded.followers_is_suspect
    from gridded
    left join loads on gridded.source = loads.source and gridded.snapshot_date = loads.snapshot_date

)

select * from final
