{{ config(materialized='table') }}

with

tracks as (

    select * from {{ ref('int_audio_release_tracks') }}

),

measured as (

    select
        tracks.source,
        features.source as features_source,
        tracks.artist_id,
        tracks.artist_name,
        tracks.release_id,
        features.feature,
        features.value
    from tracks
    inner join {{ ref('int_audio_features') }} as features
        on tracks.track_id = features.track_id and {{ is_same_track('features', 'tracks') }}

),

-- in an order of their own, for the last digits of sums depend on it, and rows that are built again lie elsewhere
everybody as (

    select
        source,
        features_source,
        feature,
        cast(count(*) as integer) as tracks,
        avg(value order by value) as mean,
        stddev_samp(value order by value) as standard_deviation
    from measured
    group by source, features_source, feature

),

artists as (

    select
        source,
        features_source,
        artist_id,
        feature,
        max(artist_name) as artist_name,
        cast(count(distinct release_id) as integer) as releases,
        cast(count(*) as integer) as tracks,
        avg(value order by value) as mean,
        stddev_samp(value order by value) as standard_deviation
    from measured
    group by source, features_source, artist_id, feature

),

-- a source's own features where it has any, else those that cover most of its tracks
preferred as (

    select distinct on (source)
        source,
        features_source
    from everybody
    group by source, features_source
    order by source asc, features_source <> source asc, max(tracks) desc, features_source asc

),

final as (

    select
        artists.source,
        artists.features_source,
        artists.artist_id,
        artists.feature,
        artists.artist_name,
        artists.features_source = preferred.features_source as is_preferred,
        artists.releases,
        artists.tracks,
        artists.mean,
        artists.standard_deviation,
        everybody.mean as mean_of_all,
        everybody.tracks as tracks_of_all,
        artists.mean - everybody.mean as difference_to_all,
        (artists.mean - everybody.mean) / nullif(everybody.standard_deviation, 0) as difference_in_deviations,
        {{ formula_version() }} as formula_version
    from artists
    inner join everybody
        on
            artists.source = everybody.source
            and artists.features_source = everybody.features_source
            and artists.feature = everybody.feature
    inner join preferred on artists.source = preferred.source

)

select * from final
