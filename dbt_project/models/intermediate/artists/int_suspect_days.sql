{% set metrics = ['popularity', 'followers', 'listeners'] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts_regrouped(
        [ref('int_artist_days'), ref('int_song_days'), ref('stg_new_releases')],
        ref('int_artist_days'),
        ref('int_merged_ids'),
        ref('int_artist_profile_joins'),
        "built.table_name = 'artist_snapshots'",
    ) }}

),

artists as (

    select
        observed.source,
        observed.snapshot_date,
        {% for metric in metrics -%}
        {{ 'or ' if not loop.first }}observed.{{ metric }}_is_suspect
        {% endfor -%}
        as is_suspect
    from {{ ref('int_artist_days') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.is_observed
        and observed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

songs as (

    select
        observed.source,
        observed.snapshot_date,
        -- looked up only where it could matter
        case
            when coalesce(observed.popularity, 0) = 0
                then {{ is_suspect('observed.popularity', '(
                    select earlier.popularity
                    from ' ~ ref('int_song_days') ~ ' as earlier
                    where
                        earlier.source = observed.source
                        and earlier.song_id = observed.song_id
                        and earlier.snapshot_date < observed.snapshot_date
                    order by earlier.snapshot_date desc
                    limit 1
                )') }}
            else false
        end as is_suspect
    from {{ ref('int_song_days') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.snapshot_date >= window_starts.starts_on
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

releases as (

    select
        observed.source,
        observed.snapshot_date,
        observed.popularity_is_suspect as is_suspect
    from {{ ref('int_release_days') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.snapshot_date >= window_starts.starts_on
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

counted as (

    {% for table_name, entries in [
        ('artist_snapshots', 'artists'), ('top_tracks', 'songs'), ('new_releases', 'releases')
    ] -%}
    select
        '{{ table_name }}' as table_name,
        source,
        snapshot_date,
        cast(count(*) filter (where is_suspect) as integer) as suspect_series
    from {{ entries }}
    group by source, snapshot_date
    {% if not loop.last %}
    union all

    {% endif -%}
    {% endfor %}
),

final as (

    select
        counted.source,
        counted.table_name,
        counted.snapshot_date,
        counted.suspect_series,
        joins.joined_artists
    from counted
    left join {{ ref('int_artist_profile_joins') }} as joins
        on
            counted.source = joins.source
            and counted.snapshot_date = joins.snapshot_date
            and counted.table_name = 'artist_snapshots'

)

select * from final
