-- depends_on: {{ ref('int_artist_days') }}
{% set told_columns = ['name', 'genres', 'image_url'] %}

-- noqa: disable=LT02,LT09,AM09,RF02,RF04
with

window_starts as materialized (

    {{ window_starts(ref('stg_artist_snapshots')) }}

),

observed as (

    select
        observed.source,
        observed.artist_id,
        observed.snapshot_date,
        -- what is empty tells nothing: upstreams leave genres out of all answers for a while, and names of the removed
        nullif(trim(observed.name), '') as name,
        nullif(observed.genres, '{}') as genres,
        nullif(trim(observed.image_url), '') as image_url
    from {{ ref('stg_artist_snapshots') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which months are left out
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

{% if this is not none and is_incremental() -%}
-- the grid is dense, so the day before the window knows the source's latest observation
previous_days as materialized (

    select
        days.source,
        window_starts.starts_on,
        max(days.snapshot_date - days.days_since_observed) as snapshot_date
    from {{ ref('int_artist_days') }} as days
    inner join window_starts
        on days.source = window_starts.source and days.snapshot_date = window_starts.starts_on - 1
    group by days.source, window_starts.starts_on

),

-- of whoever was observed on it, what they had told: one look into the key for each, hence limit and offset
carried as (

    select
        previous_days.source,
        told.artist_id,
        previous_days.snapshot_date,
        latest.name,
        latest.genres,
        latest.image_url
    from previous_days
    cross join lateral (
        select before.artist_id
        from {{ ref('stg_artist_snapshots') }} as before
        where before.snapshot_date = previous_days.snapshot_date and before.source = previous_days.source
        offset 0
    ) as told
    cross join lateral (
        select
            built.name,
            built.genres,
            built.image_url
        from {{ this }} as built
        where
            built.source = previous_days.source
            and built.artist_id = told.artist_id
            and built.snapshot_date < previous_days.starts_on
        order by built.snapshot_date desc
        limit 1
    ) as latest

),

{% endif -%}
told as (

    {% if this is not none and is_incremental() -%}
    select * from carried
    union all
    {% endif -%}
    select * from observed

),

source_days as (

    select
        source,
        snapshot_date,
        lag(snapshot_date) over (partition by source order by snapshot_date) as previous_on
    from (select distinct told.source, told.snapshot_date from told) as days

),

compared as (

    select
        *,
        {% for column in told_columns -%}
        lag({{ column }}) over series as previous_{{ column }},
        {% endfor -%}
        lag(snapshot_date) over series as artist_previous_on
    from told
    window series as (partition by source, artist_id order by snapshot_date)

),

-- an artist that was not there on the source's day before begins a run of days
differing as (

    select
        compared.source,
        compared.artist_id,
        compared.snapshot_date,
        compared.name,
        -- sorted, and each once: their order says nothing
        (
            select array_agg(distinct trim(told_genres.genre) collate "C") -- noqa: AL09
            from unnest(compared.genres) as told_genres (genre)
            where trim(told_genres.genre) <> ''
        ) as genres,
        compared.image_url,
        coalesce(compared.artist_previous_on <> source_days.previous_on, true) as begins_run
    from compared
    inner join source_days
        on compared.source = source_days.source and compared.snapshot_date = source_days.snapshot_date
    where
        coalesce(compared.artist_previous_on <> source_days.previous_on, true)
        {% for column in told_columns -%}
        or compared.{{ column }} is distinct from compared.previous_{{ column }}
        {% endfor %}

),

runs as (

    select
        *,
        sum(cast(begins_run as integer)) over (
            partition by source, artist_id order by snapshot_date
        ) as run_number
    from differing

),

-- each told value holds until the next
numbered as (

    select
        *,
        {% for column in told_columns -%}
        count({{ column }}) over run as {{ column }}_number{{ ',' if not loop.last }}
        {% endfor -%}
    from runs
    window run as (partition by source, artist_id, run_number order by snapshot_date)

),

known as (

    select
        source,
        artist_id,
        snapshot_date,
        begins_run,
        run_number,
        {% for column in told_columns -%}
        max({{ column }}) over (partition by source, artist_id, run_number, {{ column }}_number)
            as {{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from numbered

),

known_before as (

    select
        *,
        {% for column in told_columns -%}
        lag({{ column }}) over run as previous_{{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from known
    window run as (partition by source, artist_id, run_number order by snapshot_date)

),

final as (

    select
        known_before.source,
        known_before.artist_id,
        known_before.snapshot_date,
        known_before.begins_run,
        known_before.name,
        known_before.genres,
        known_before.image_url
    from known_before
    inner join window_starts on known_before.source = window_starts.source
    where
        known_before.snapshot_date >= window_starts.starts_on
        and (
            known_before.begins_run
            {% for column in told_columns -%}
            or known_before.{{ column }} is distinct from known_before.previous_{{ column }}
            {% endfor %}
        )

)

select * from final
