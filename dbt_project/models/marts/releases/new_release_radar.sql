with

window_starts as materialized (

    {{ window_starts(ref('int_release_days')) }}

),

releases as (

    select listed.*
    from {{ ref('int_release_days') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where listed.snapshot_date >= window_starts.starts_on

),

artist_days as (

    select observed.*
    from {{ ref('int_artist_days') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.snapshot_date >= window_starts.starts_on
        and observed.is_observed

),

release_artists as (

    select
        releases.source,
        releases.album_id,
        releases.snapshot_date,
        artist.artist_id
    from releases
    cross join lateral unnest(releases.artist_ids) as artist (artist_id)

),

observed_artists as (

    select
        release_artists.source,
        release_artists.album_id,
        release_artists.snapshot_date,
        max(artist_days.popularity) filter (
            where not artist_days.popularity_is_suspect
        ) as best_artist_popularity,
        max(artist_days.followers) filter (where not artist_days.followers_is_suspect) as best_artist_followers
    from release_artists
    inner join artist_days
        on
            release_artists.source = artist_days.source
            and release_artists.artist_id = artist_days.artist_id
            and release_artists.snapshot_date = artist_days.snapshot_date
    group by release_artists.source, release_artists.album_id, release_artists.snapshot_date

),

final as (

    select
        releases.source,
        releases.album_id,
        releases.snapshot_date,
        releases.release_id,
        releases.name,
        releases.album_type,
        releases.artist_ids,
        releases.artist_names,
        releases.release_date,
        releases.release_date_precision,
        case
            when releases.release_date_precision = 'day' then releases.snapshot_date - releases.release_date
        end as days_since_release,
        releases.total_tracks,
        releases.label,
        releases.upc,
        releases.first_seen_on,
        releases.days_on_radar,
        releases.popularity,
        {{ reason_sentence('releases.popularity_null_reason') }} as popularity_null_reason,
        releases.popularity_is_suspect,
        case
            when not releases.popularity_is_suspect then releases.popularity - releases.first_popularity
        end as popularity_change_since_first_seen,
        observed_artists.best_artist_popularity,
        observed_artists.best_artist_followers,
        observed_artists.album_id is not null as is_watched_artist,
        {{ formula_version() }} as formula_version
    from releases
    left join observed_artists
        on
            releases.source = observed_artists.source
            and releases.album_id = observed_artists.album_id
            and releases.snapshot_date = observed_artists.snapshot_date

)

select * from final
