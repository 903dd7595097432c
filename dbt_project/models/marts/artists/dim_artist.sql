{#- `genre_trends` looks up a whole history in it, by a plan that needs to know its size. -#}
{{ config(materialized='table', post_hook='analyze {{ this }}') }}

{% set told_columns = ['name', 'genres', 'image_url'] %}

-- noqa: disable=LT02
with

-- what a merged artist told before, under the id that continues the series
told as (

    select
        changes.source,
        coalesce(joined.canonical_id, changes.artist_id) as artist_id,
        changes.snapshot_date,
        changes.name,
        changes.genres,
        changes.image_url
    from {{ ref('int_artist_profile_changes') }} as changes
    left join {{ ref('int_artist_profile_ids') }} as joined
        on changes.source = joined.source and changes.artist_id = joined.artist_id

),

-- each told value holds until the next
numbered as (

    select
        *,
        {% for column in told_columns -%}
        count({{ column }}) over series as {{ column }}_number{{ ',' if not loop.last }}
        {% endfor -%}
    from told
    window series as (partition by source, artist_id order by snapshot_date)

),

known as (

    select
        source,
        artist_id,
        snapshot_date,
        {% for column in told_columns -%}
        max({{ column }}) over (partition by source, artist_id, {{ column }}_number)
            as {{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from numbered

),

known_before as (

    select
        *,
        {% for column in told_columns -%}
        lag({{ column }}) over series as previous_{{ column }},
        {% endfor -%}
        row_number() over series as row_number
    from known
    window series as (partition by source, artist_id order by snapshot_date)

),

final as (

    select
        source,
        artist_id,
        snapshot_date as valid_from,
        lead(snapshot_date) over series - 1 as valid_to,
        lead(snapshot_date) over series is null as is_current,
        name,
        genres,
        image_url
    from known_before
    where
        row_number = 1
        {% for column in told_columns -%}
        or {{ column }} is distinct from previous_{{ column }}
        {% endfor %}
    window series as (partition by source, artist_id order by snapshot_date)

)

select * from final
