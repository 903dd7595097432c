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
        observed.followers
    from {{ ref('stg_artist_snapshots') }} as observed
    left join joined on observed.source = joined.source and observed.artist_id = joined.artist_id
    where observed.snapshot_date <= {{ window_until() }}

),

-- materialized, or its lookups would run again for every snapshot
window_starts as materialized (

    {{ window_starts('snapshots', ref('int_merged_ids')) }}

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
        snapshots.requested_id,
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

reasoned as (

    select
        gridded.*,
        loads.absent,
        -- the ledger names what was asked for: of a merged artist perhaps the id it had before
        coalesce(
            loads.missing ->> gridded.artist_id, loads.missing ->> asked_before.requested_id
        ) as missing_reason
    from gridded
    left join loads on gridded.source = loads.source and gridded.snapshot_date = loads.snapshot_date
    left join observations as asked_before
        on
            gridded.source = asked_before.source
            and gridded.artist_id = asked_before.artist_id
            and gridded.previous_observed_on = asked_before.snapshot_date
            and not gridded.is_observed

),

final as (

    select
        source,
        artist_id,
        snapshot_date,
        is_observed,
        previous_observed_on,
        case when is_observed then 0 else snapshot_date - previous_observed_on end as days_since_observed,
        name,
        popularity,
        followers,
        {{ null_reason('popularity', 'is_observed', 'missing_reason', absent='absent') }} as popularity_null_reason,
        {{ null_reason('followers', 'is_observed', 'missing_reason', absent='absent') }} as followers_null_reason,
        popularity_is_suspect,
        followers_is_suspect
    from reasoned

)

select * from final
