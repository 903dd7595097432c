{{
    config(
        post_hook="{{ forget_regrouped(ref('int_artist_days'), ref('int_merged_ids'), ref('int_artist_profile_joins')) }}"
    )
}}

{% set least_artists = 5 %}
{% set growth_days = 28 %}

with

window_starts as materialized (

    {{ window_starts_regrouped(
        [ref('int_artist_days')], ref('int_artist_days'), ref('int_merged_ids'), ref('int_artist_profile_joins')
    ) }}

),

days as (

    select observed.*
    from {{ ref('int_artist_days') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.is_observed
        and observed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

days_before as (

    select *
    from {{ ref('int_artist_days') }}
    where
        followers is not null
        and snapshot_date >= (select min(earliest.starts_on) - {{ growth_days }} from window_starts as earliest)

),

valued as (

    select
        days.source,
        days.artist_id,
        days.snapshot_date,
        case when not days.popularity_is_suspect then days.popularity end as popularity,
        case when not days.followers_is_suspect then days.followers end as followers,
        -- as known by now: the next observation may have repeated a suspect 0
        case
            when not days_before.followers_is_suspect then days_before.followers
            when
                days_before.followers = 0
                and (
                    select later.followers
                    from {{ ref('int_artist_days') }} as later
                    where
                        later.source = days_before.source
                        and later.artist_id = days_before.artist_id
                        and later.snapshot_date > days_before.snapshot_date
                        and later.snapshot_date <= days.snapshot_date
                        and later.is_observed
                    order by later.snapshot_date
                    limit 1
                ) = 0
                then 0
        end as followers_before
    from days
    left join days_before
        on
            days.source = days_before.source
            and days.artist_id = days_before.artist_id
            -- the index is asked for this one day
            and days.snapshot_date - {{ growth_days }} = days_before.snapshot_date

),

-- what the artist's latest observation that told genres told
artist_genres as (

    select
        valued.*,
        told.genre
    from valued
    inner join {{ ref('dim_artist') }} as profiles
        on
            valued.source = profiles.source
            and valued.artist_id = profiles.artist_id
            and valued.snapshot_date >= profiles.valid_from
            and valued.snapshot_date <= coalesce(profiles.valid_to, valued.snapshot_date)
    cross join lateral unnest(profiles.genres) as told (genre)

),

genre_days as (

    select
        source,
        genre,
        snapshot_date,
        count(*) as artists_observed,
        count(popularity) as popularity_artists,
        percentile_cont(0.5) within group (order by popularity) as median_popularity,
        count(*) filter (where followers is not null and followers_before is not null) as follower_growth_artists,
        sum(followers) filter (where followers_before is not null) as followers,
        sum(followers_before) filter (where followers is not null) as followers_before
    from artist_genres
    group by source, genre, snapshot_date

),

reasoned as (

    select
        *,
        case
            when artists_observed < {{ least_artists }} then 'insufficient_artists'
            when popularity_artists < {{ least_artists }} then 'insufficient_observations'
        end as median_popularity_null_reason,
        case
            when artists_observed < {{ least_artists }} then 'insufficient_artists'
            when follower_growth_artists < {{ least_artists }} then 'insufficient_observations'
        end as follower_growth_null_reason
    from genre_days

),

final as (

    select
        reasoned.source,
        reasoned.genre,
        reasoned.snapshot_date,
        cast(reasoned.artists_observed as integer) as artists_observed,
        cast(reasoned.popularity_artists as integer) as popularity_artists,
        case
            when reasoned.median_popularity_null_reason is null then reasoned.median_popularity
        end as median_popularity,
        reasoned.median_popularity_null_reason,
        cast(reasoned.follower_growth_artists as integer) as follower_growth_artists,
        case
            when reasoned.follower_growth_null_reason is null
                then cast(reasoned.followers - reasoned.followers_before as bigint)
        end as follower_growth_28_days,
        case
            when reasoned.follower_growth_null_reason is null
                then
                    100.0 * cast(reasoned.followers - reasoned.followers_before as double precision)
                    / nullif(cast(reasoned.followers_before as double precision), 0)
        end as follower_growth_28_days_percent,
        coalesce(
            reasoned.follower_growth_null_reason, case when reasoned.followers_before = 0 then 'no_followers_before' end
        ) as follower_growth_null_reason,
        joins.joined_artists,
        {{ formula_version() }} as formula_version
    from reasoned
    left join {{ ref('int_artist_profile_joins') }} as joins
        on reasoned.source = joins.source and reasoned.snapshot_date = joins.snapshot_date

)

select * from final
