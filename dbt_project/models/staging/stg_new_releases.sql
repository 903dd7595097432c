with

new_releases as (

    select * from {{ source('snapshots', 'new_releases') }}

),

renamed as (

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
        release_date_text,
        total_tracks,
        cast(popularity as integer) as popularity,
        label,
        upc,
        image_url,
        observed_at
    from new_releases

)

select * from renamed
