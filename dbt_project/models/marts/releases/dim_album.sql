{{ config(materialized='table') }}

with recursive

-- from album to album by the first columns of the key, whatever the number of days behind each
albums as (

    (
        select
            source,
            album_id
        from {{ ref('int_release_days') }}
        order by source, album_id
        limit 1
    )

    union all

    select
        later_album.source,
        later_album.album_id
    from albums
    cross join lateral (
        select
            listed.source,
            listed.album_id
        from {{ ref('int_release_days') }} as listed
        where (listed.source, listed.album_id) > (albums.source, albums.album_id)
        order by listed.source, listed.album_id
        limit 1
    ) as later_album

),

-- and one look into the key for the first day of each, and one for the newest
released as (

    select
        newest.*,
        (
            select min(listed.snapshot_date)
            from {{ ref('int_release_days') }} as listed
            where listed.source = albums.source and listed.album_id = albums.album_id
        ) as first_listed_on
    from albums
    cross join lateral (
        select listed.*
        from {{ ref('int_release_days') }} as listed
        where listed.source = albums.source and listed.album_id = albums.album_id
        order by listed.snapshot_date desc
        limit 1
    ) as newest

),

final as (

    select
        coalesce(released.source, listings.source) as source, -- noqa: RF04
        coalesce(released.album_id, listings.album_id) as album_id,
        released.release_id,
        released.name,
        released.album_type,
        released.artist_ids,
        released.artist_names,
        released.release_date,
        released.release_date_precision,
        released.label,
        released.upc,
        coalesce(released.total_tracks, listings.listed_tracks) as total_tracks,
        listings.listed_tracks,
        listings.listed_discs,
        listings.listed_duration_ms,
        released.album_id is not null as is_new_release,
        least(released.first_listed_on, listings.asked_on) as first_seen_on,
        greatest(released.snapshot_date, listings.asked_on) as last_seen_on
    from released
    full outer join {{ ref('int_album_listings') }} as listings
        on released.source = listings.source and released.album_id = listings.album_id

)

select * from final
