with

audio_features as (

    select * from {{ source('snapshots', 'audio_features') }}

),

-- asked again, or imported again: the newest answer counts, whole
newest as (

    select
        *,
        rank() over (partition by source, track_id order by snapshot_date desc) as age_rank,
        min(snapshot_date) over (partition by source, track_id) as first_told_on
    from audio_features

),

renamed as (

    select
        source,
        track_id,
        snapshot_date,
        first_told_on,
        acousticness,
        danceability,
        energy,
        instrumentalness,
        nullif(cast(key as integer), -1) as musical_key,
        liveness,
        loudness,
        cast(mode as integer) as mode,
        speechiness,
        tempo,
        cast(time_signature as integer) as time_signature,
        valence,
        duration_ms,
        observed_at
    from newest
    where age_rank = 1

)

select * from renamed
