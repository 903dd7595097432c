with

snapshots as (

    select * from {{ source('snapshots', 'artist_snapshots') }}

),

renamed as (

    select
        source,
        artist_id,
        snapshot_date,
        requested_id,
        name,
        cast(popularity as integer) as popularity,
        followers,
        listeners,
        plays,
        genres,
        image_url,
        observed_at
    from snapshots

)

select * from renamed
