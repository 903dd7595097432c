{#- Days after the release at which its popularity is taken: nearest first. -#}
{% set ages = [7, 6, 8] %}

-- A row changes until eight days after its week: that day is its snapshot_date, so a day's run replaces the weeks that
-- the day may change and leaves the others.
-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_release_days')) }}

),

-- each source's newest day, and the first day that weeks have not been judged by
spans as materialized (

    select
        window_starts.source,
        greatest(
            (
                select max(listed.snapshot_date) from {{ ref('int_release_days') }} as listed
                where listed.source = window_starts.source
            ),
            (
                select max(curves.snapshot_date) from {{ ref('int_release_curves') }} as curves
                where curves.source = window_starts.source
            )
        ) as newest_on,
        {% if this is not none and is_incremental() -%}
        least(window_starts.starts_on, (
            select built.known_until + 1 from {{ this }} as built
            where built.source = window_starts.source
            order by built.snapshot_date desc
            limit 1
        )) as starts_on
        {%- else -%}
        window_starts.starts_on
        {%- endif %}
    from window_starts

),

releases as materialized (

    select
        releases.*,
        cast(date_trunc('week', releases.released_on) as date) as week_starts_on,
        cast(date_trunc('week', releases.released_on) as date) + 14 as judged_on,
        spans.newest_on
    from {{ ref('int_releases') }} as releases
    inner join spans on releases.source = spans.source
    where
        releases.released_on <= spans.newest_on
        and cast(date_trunc('week', releases.released_on) as date) + 14 >= spans.starts_on
        -- said once more as one value, by which the index leaves out older releases
        and releases.released_on >= (select min(earliest.starts_on) from spans as earliest) - 14
        -- who was listed later could not be seen after a week
        and releases.first_seen_on <= releases.released_on + {{ ages | max }}

),

known as materialized (

    select
        *,
        least(newest_on, judged_on) as known_until
    from releases

),

countable as not materialized (

    {{ countable_curves(ref('int_release_curves')) }}

),

-- tracks before the album, then the day nearest to the seventh
after_week as materialized (

    select distinct on (known.source, known.release_id)
        known.source,
        known.release_id,
        curves.popularity,
        curves.basis,
        curves.seen_in,
        curves.snapshot_date,
        curves.days_since_release
    from known
    inner join countable as curves
        on
            known.source = curves.source
            and known.release_id = curves.release_id
            and curves.snapshot_date >= known.released_on + {{ ages | min }}
            and curves.snapshot_date <= known.released_on + {{ ages | max }}
            and known.known_until >= curves.counts_from
    where known.newest_on >= known.released_on + 7
    order by
        known.source asc, known.release_id asc, curves.basis desc,
        abs(curves.days_since_release - 7) asc, curves.days_since_release asc

),

artists as materialized (

    select
        known.source,
        known.release_id,
        max(observed.popularity) as popularity
    from known
    cross join lateral unnest(known.artist_ids) as artist (artist_id)
    inner join {{ ref('int_artist_days') }} as observed
        on
            known.source = observed.source
            and artist.artist_id = observed.artist_id
            and known.released_on = observed.snapshot_date
    where observed.is_observed and not observed.popularity_is_suspect
    group by known.source, known.release_id

),

valued as (

    select
        known.*,
        after_week.popularity,
        after_week.basis,
        after_week.seen_in,
        after_week.snapshot_date as popularity_on,
        after_week.days_since_release,
        artists.popularity as artist_popularity
    from known
    left join after_week on known.source = after_week.source and known.release_id = after_week.release_id
    left join artists on known.source = artists.source and known.release_id = artists.release_id

),

final as (

    select
        source,
        week_starts_on,
        release_id,
        judged_on as snapshot_date,
        to_char(week_starts_on, 'IYYY-"W"IW') as iso_week,
        name,
        album_type,
        artist_id,
        artist_ids,
        artist_names,
        released_on as release_date,
        case
            when popularity is not null
                then cast(
                    rank() over (partition by source, week_starts_on order by popularity desc nulls last) as integer
                )
        end as popularity_rank,
        popularity,
        basis as popularity_basis,
        seen_in as popularity_seen_in,
        popularity_on,
        days_since_release as popularity_actual_days,
        case
            when popularity is not null then null
            when newest_on < released_on + 7 then 'not_yet_7_days_on'
            else 'no_popularity_7_days_on'
        end as popularity_null_reason,
        case
            when artist_popularity is not null
                then cast(
                    rank() over (partition by source, week_starts_on order by artist_popularity desc nulls last)
                    as integer
                )
        end as artist_popularity_rank,
        artist_popularity,
        case
            when artist_popularity is null then 'no_artist_observed_on_release_day'
        end as artist_popularity_null_reason,
        cast(count(*) over (partition by source, week_starts_on) as integer) as releases_of_week,
        known_until,
        known_until < judged_on as is_preliminary,
        {{ formula_version() }} as formula_version
    from valued

)

select * from final
