{{ config(materialized='view') }}

-- A release is what its first upload was when it was first listed. Each of the model's days knows it, so that readers
-- look it up by index; the row that begins a release is the one of the release's own id and first day.
with

release_days as (

    select * from {{ ref('int_release_days') }}

),

final as (

    select
        source,
        release_id,
        first_seen_on,
        name,
        album_type,
        release_artist_id as artist_id,
        artist_ids,
        artist_names,
        release_date,
        release_date_precision,
        released_on,
        total_tracks,
        upc
    from release_days
    where album_id = release_id and snapshot_date = first_seen_on

)

select * from final
