{#- Days since release at which the first week may begin and end, each nearest first. -#}
{% set beginnings = [0, 1] %}
{% set ends = [7, 6, 8] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    {{ window_starts(ref('int_release_curves')) }}

),

-- inlined, so that each use goes by its own index
countable as not materialized (

    {{ countable_curves(ref('int_release_curves')) }}

),

-- the album's popularity where it is known, else its tracks'
days as materialized (

    select distinct on (curves.source, curves.release_id, curves.snapshot_date) curves.*
    from {{ ref('int_release_curves') }} as curves
    inner join window_starts on curves.source = window_starts.source
    where
        curves.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which the index leaves out what was built before
        and curves.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)
    order by
        curves.source, curves.release_id, curves.snapshot_date, curves.popularity is null, curves.basis

),

-- Each day carries its comparisons along and looks up what it needs by index: joined afterwards, a window that the
-- planner takes for short would be searched once for each of its own days.
first_weeks as (

    select
        days.*,
        case
            {% for age in beginnings -%}
            when day_{{ age }}.popularity is not null then {{ age }}
            {% endfor -%}
        end as first_week_begins,
        coalesce(
            {% for age in beginnings -%}
            day_{{ age }}.popularity{{ ',' if not loop.last }}
            {% endfor -%}
        ) as popularity_at_release,
        case
            {% for age in ends -%}
            when day_{{ age }}.popularity is not null then {{ age }}
            {% endfor -%}
        end as first_week_ends,
        coalesce(
            {% for age in ends -%}
            day_{{ age }}.popularity{{ ',' if not loop.last }}
            {% endfor -%}
        ) as popularity_after_week
    from days
    {% for age in beginnings + ends -%}
    left join countable as day_{{ age }}
        on
            days.source = day_{{ age }}.source
            and days.release_id = day_{{ age }}.release_id
            and days.basis = day_{{ age }}.basis
            and days.released_on + {{ age }} = day_{{ age }}.snapshot_date
            and days.snapshot_date >= day_{{ age }}.counts_from
    {% endfor -%}

),

compared as (

    select
        first_weeks.*,
        medians.artist_releases_compared,
        case when medians.artist_releases_compared >= 3 then medians.median_popularity end
            as artist_median_popularity
    from first_weeks
    cross join lateral (  -- noqa: ST05
        -- of each other release of the artist, the value at the same age, or a day beside it, as known on this day
        with same_age as (
            select distinct on (other.release_id) other.popularity
            from countable as other
            where
                other.source = first_weeks.source
                and other.artist_id = first_weeks.artist_id
                and other.basis = first_weeks.basis
                and other.days_since_release between
                first_weeks.days_since_release - 1 and first_weeks.days_since_release + 1
                and other.release_id <> first_weeks.release_id
                and other.counts_from <= first_weeks.snapshot_date
            order by
                other.release_id,
                abs(other.days_since_release - first_weeks.days_since_release),
                other.days_since_release
        )

        select
            cast(count(*) as integer) as artist_releases_compared,
            percentile_cont(0.5) within group (order by same_age.popularity) as median_popularity
        from same_age
    ) as medians

),

reasoned as (

    select
        *,
        case
            when days_since_release < 7 then 'first_week_not_over'
            when popularity_at_release is null then 'no_popularity_at_release'
            when popularity_after_week is null then 'no_popularity_after_a_week'
        end as first_week_change_null_reason,
        case
            when popularity is null then 'no_popularity'
            when popularity_is_suspect then 'suspect_popularity'
            when artist_median_popularity is null then 'insufficient_releases'
        end as difference_null_reason
    from compared

),

final as (

    select
        reasoned.source,
        reasoned.release_id,
        reasoned.snapshot_date,
        releases.name,
        releases.album_type,
        reasoned.artist_id,
        releases.artist_names,
        reasoned.released_on as release_date,
        reasoned.days_since_release,
        reasoned.popularity,
        reasoned.basis as popularity_basis,
        reasoned.seen_in as popularity_seen_in,
        {{ reason_sentence('reasoned.popularity_null_reason') }} as popularity_null_reason,
        reasoned.popularity_is_suspect,
        case
            when reasoned.first_week_change_null_reason is null
                then reasoned.popularity_after_week - reasoned.popularity_at_release
        end as first_week_change,
        case
            when reasoned.first_week_change_null_reason is null
                then reasoned.first_week_ends - reasoned.first_week_begins
        end as first_week_change_actual_days,
        reasoned.first_week_change_null_reason,
        reasoned.artist_releases_compared,
        reasoned.artist_median_popularity,
        case
            when reasoned.difference_null_reason is null
                then reasoned.popularity - reasoned.artist_median_popularity
        end as difference_to_artist_median,
        reasoned.difference_null_reason as difference_to_artist_median_null_reason,
        {{ formula_version() }} as formula_version
    from reasoned
    cross join lateral (
        select
            known.name,
            known.album_type,
            known.artist_names
        from {{ ref('int_releases') }} as known
        where known.source = reasoned.source and known.release_id = reasoned.release_id
        order by known.first_seen_on
        limit 1
    ) as releases

)

select * from final
