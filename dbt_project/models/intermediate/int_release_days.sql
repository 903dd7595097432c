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

loads as (

    select * from {{ ref('stg_partition_loads') }}
    where table_name = 'new_releases'

),

final as (

    select
        flagged.source,
        flagged.album_id,
        flagged.snapshot_date,
        flagged.name,
        flagged.album_type,
        flagged.artist_ids,
        flagged.artist_names,
        flagged.release_date,
        flagged.release_date_precision,
        flagged.total_tracks,
        flagged.label,
        flagged.upc,
        flagged.popularity,
        {{ null_reason('popularity', relation='flagged') }} as popularity_null_reason,
        flagged.popularity_is_suspect,
        flagged.first_popularity,
        flagged.first_seen_on,
        cast(flagged.days_on_radar as integer) as days_on_radar
    from flagged
    left join loads on flagged.source = loads.source and flagged.snapshot_date = loads.snapshot_date

)

select * from final
