with

new_releases as (

    select * from {{ ref('stg_new_releases') }}

),

compared as (

    select
        *,
        lag(popularity) over series as previous_popularity,
        min(snapshot_date) over series as first_seen_on,
        count(*) over series as days_on_radar,
        min(snapshot_date) filter (where popularity is not null) over series as first_popularity_on
    from new_releases
    window series as (partition by source, album_id order by snapshot_date)

),

flagged as (

    select
        *,
        {{ is_suspect('popularity', 'previous_popularity') }} as popularity_is_suspect,
        max(popularity) filter (where snapshot_date = first_popularity_on) over series as first_popularity
    from compared
    window series as (partition by source, album_id order by snapshot_date)

),

final as (

    select
        source,
        album_id,
        snapshot_date,
        name,
        album_type,
        artist_ids,
        artist_names,
        release_date,
        release_date_precision,
        total_tracks,
        label,
        upc,
        popularity,
        popularity_is_suspect,
        first_popularity,
        first_seen_on,
        cast(days_on_radar as integer) as days_on_radar
    from flagged

)

select * from final
