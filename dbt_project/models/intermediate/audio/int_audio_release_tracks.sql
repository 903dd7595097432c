{{ config(materialized='view') }}

with

-- tracks of albums that were on the list of new releases
listed as (

    select distinct
        releases.source,
        releases.release_artist_id as artist_id,
        releases.release_id,
        tracks.track_id
    from (
        select distinct
            source,
            album_id,
            release_id,
            release_artist_id
        from {{ ref('int_release_days') }}
    ) as releases
    inner join {{ ref('int_release_tracks') }} as tracks
        on releases.source = tracks.source and releases.album_id = tracks.album_id
    where releases.release_artist_id is not null

),

details as (

    select * from {{ ref('stg_track_details') }}

),

-- imported tracks come without a list: new is what had come out within a year before it was told
told_as_new as (

    select
        source,
        artist_ids[1] as artist_id,
        coalesce(album_id, track_id) as release_id,
        track_id
    from details
    where
        artist_ids[1] is not null
        and release_date_precision = 'day'
        and first_told_on - release_date between 0 and 365

),

new_tracks as (

    select * from listed
    union
    -- the list of new releases knows better of which release an album is
    select * from told_as_new
    where
        not exists (
            select 1
            from listed
            where listed.source = told_as_new.source and listed.track_id = told_as_new.track_id
        )

),

-- one recording of an artist counts once, however often it was uploaded
recordings as (

    select
        new_tracks.source,
        new_tracks.artist_id,
        new_tracks.release_id,
        new_tracks.track_id,
        row_number() over (
            partition by
                new_tracks.source,
                new_tracks.artist_id,
                coalesce('isrc:' || details.isrc, 'track:' || new_tracks.track_id)
            order by new_tracks.track_id, new_tracks.release_id
        ) as upload_number
    from new_tracks
    left join details on new_tracks.source = details.source and new_tracks.track_id = details.track_id

),

names as (

    select distinct on (source, artist_id)
        source,
        artist_id,
        name
    from (
        select
            source,
            artist_ids[1] as artist_id,
            artist_names[1] as name, -- noqa: RF04
            first_seen_on as told_on
        from {{ ref('int_releases') }}
        union all
        select
            source,
            artist_ids[1] as artist_id,
            artist_names[1] as name, -- noqa: RF04
            snapshot_date as told_on
        from details
    ) as told
    where name is not null
    order by source asc, artist_id asc, told_on desc, name asc

),

final as (

    select
        recordings.source,
        recordings.artist_id,
        names.name as artist_name,
        recordings.release_id,
        recordings.track_id
    from recordings
    left join names on recordings.source = names.source and recordings.artist_id = names.artist_id
    where recordings.upload_number = 1

)

select * from final
