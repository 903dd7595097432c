{{ config(materialized='table') }}

{#- Fewest tracks that a correlation is given of. -#}
{% set least = 10 %}

-- noqa: disable=LT02,LT05
with recursive

sources as (

    select min(told.source) as source -- noqa: RF04
    from {{ ref('int_track_popularity') }} as told
    union all
    select
        (
            select min(told.source) from {{ ref('int_track_popularity') }} as told
            where told.source > sources.source
        ) as source -- noqa: RF04
    from sources
    where sources.source is not null

),

features as materialized (

    select
        source as features_source,
        track_id,
        feature,
        value
    from {{ ref('int_audio_features') }}

),

-- the newest popularity that counts, by one look into the index for each track, however many days there are
popularity as materialized (

    select
        sources.source,
        tracks.track_id,
        newest.snapshot_date,
        newest.popularity
    from (select distinct track_id from features) as tracks
    cross join sources
    cross join lateral (
        select
            told.snapshot_date,
            told.popularity
        from {{ ref('int_track_popularity') }} as told
        where
            told.source = sources.source
            and told.track_id = tracks.track_id
            and not told.popularity_is_suspect
        order by told.snapshot_date desc
        limit 1
    ) as newest

),

pairs as (

    select
        popularity.source,
        features.features_source,
        features.feature,
        features.value,
        popularity.snapshot_date,
        cast(popularity.popularity as double precision) as popularity
    from features
    inner join popularity on features.track_id = popularity.track_id
    where
        features.features_source = popularity.source
        or features.track_id ~ '^[0-9A-Za-z]{22}$'

),

-- equal values share the mean of their places
ranked as (

    select
        *,
        rank() over (partition by source, features_source, feature order by value)
        + (count(*) over (partition by source, features_source, feature, value) - 1) / 2.0 as value_rank,
        rank() over (partition by source, features_source, feature order by popularity)
        + (count(*) over (partition by source, features_source, feature, popularity) - 1) / 2.0 as popularity_rank
    from pairs

),

correlated as (

    select
        source,
        features_source,
        feature,
        cast(count(*) as integer) as tracks,
        min(snapshot_date) as popularity_from,
        max(snapshot_date) as popularity_until,
        min(value) = max(value) or min(popularity) = max(popularity) as is_constant,
        -- in an order of their own, for the last digits of sums depend on it, and rows that are built again lie elsewhere
        least(greatest(corr(value, popularity order by value, popularity), -1), 1) as pearson,
        least(greatest(
            corr(
                cast(value_rank as double precision), cast(popularity_rank as double precision)
                order by value_rank, popularity_rank
            ), -1
        ), 1) as spearman
    from ranked
    group by source, features_source, feature

),

judged as (

    select
        *,
        case
            when tracks < {{ least }} then 'insufficient_tracks'
            when is_constant then 'no_spread'
        end as null_reason
    from correlated

),

valued as (

    select
        source,
        features_source,
        feature,
        tracks,
        popularity_from,
        popularity_until,
        null_reason,
        case when null_reason is null then pearson end as pearson,
        case when null_reason is null then spearman end as spearman
    from judged

),

-- a source's own features where it has any, else those that cover most of its tracks
preferred as (

    select distinct on (source)
        source,
        features_source
    from valued
    group by source, features_source
    order by source asc, features_source <> source asc, max(tracks) desc, features_source asc

),

final as (

    select
        valued.source,
        valued.features_source,
        valued.feature,
        valued.features_source = preferred.features_source as is_preferred,
        valued.tracks,
        valued.popularity_from,
        valued.popularity_until,
        valued.pearson,
        {{ fisher_end('valued.pearson', '1.0 / greatest(valued.tracks - 3, 1)', '-') }} as pearson_low,
        {{ fisher_end('valued.pearson', '1.0 / greatest(valued.tracks - 3, 1)', '+') }} as pearson_high,
        valued.spearman,
        {{ fisher_end('valued.spearman', '(1 + valued.spearman ^ 2 / 2) / greatest(valued.tracks - 3, 1)', '-') }} as spearman_low,
        {{ fisher_end('valued.spearman', '(1 + valued.spearman ^ 2 / 2) / greatest(valued.tracks - 3, 1)', '+') }} as spearman_high,
        valued.null_reason as correlation_null_reason,
        {{ formula_version() }} as formula_version
    from valued
    inner join preferred on valued.source = preferred.source

)

select * from final
