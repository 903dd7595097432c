-- depends_on: {{ ref('stg_partition_loads') }}
{% set lists = ['stg_top_tracks', 'stg_playlist_tracks', 'stg_track_details'] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    select
        source,
        min(starts_on) as starts_on
    from (
        {% for relation in lists -%}
        {{ window_starts(ref(relation), every_source=ref('stg_partition_loads')) }}
        {% if not loop.last -%}
        union all
        {% endif -%}
        {% endfor -%}
    ) as of_each
    group by source

),

-- whose popularity anybody will ask for: without it, each list would be kept twice
features as materialized (

    select
        source,
        track_id,
        first_told_on
    from {{ ref('stg_audio_features') }}

),

observed as (

    {% for relation in lists -%}
    select
        listed.source,
        listed.track_id,
        listed.snapshot_date,
        listed.popularity
    from {{ ref(relation) }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.track_id is not null
        and listed.popularity is not null
        and listed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which months are left out
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor -%}

),

days as (

    select
        observed.source,
        observed.track_id,
        observed.snapshot_date,
        max(observed.popularity) as popularity
    from observed
    where
        exists (
            select 1
            from features
            where
                features.track_id = observed.track_id
                and features.first_told_on <= observed.snapshot_date
                and {{ is_same_track('features', 'observed') }}
        )
    group by observed.source, observed.track_id, observed.snapshot_date

),

compared as (

    select
        days.*,
        window_starts.starts_on,
        lag(days.popularity) over series as previous_popularity_in_reach,
        row_number() over series = 1 as is_first_in_reach
    from days
    inner join window_starts on days.source = window_starts.source
    window series as (partition by days.source, days.track_id order by days.snapshot_date)

),

preceded as (

    select
        compared.*,
        case
            {% if this is not none and is_incremental() -%}
            when compared.is_first_in_reach and compared.popularity = 0
                then (
                    select earlier.popularity
                    from {{ this }} as earlier
                    where
                        earlier.source = compared.source
                        and earlier.track_id = compared.track_id
                        and earlier.snapshot_date < compared.starts_on
                    order by earlier.snapshot_date desc
                    limit 1
                )
            {% endif -%}
            when not compared.is_first_in_reach then compared.previous_popularity_in_reach
        end as previous_popularity
    from compared

),

final as (

    select
        source,
        track_id,
        snapshot_date,
        popularity,
        {{ is_suspect('popularity', 'previous_popularity') }} as popularity_is_suspect
    from preceded

)

select * from final
