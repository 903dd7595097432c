{#-
Made anew on every run, from the days that the trend marks, which its partial index finds; the marks carry what was the
highest value before them, so nothing is compared with the whole of history again.
-#}
{{ config(materialized='table') }}

with

reached as (

    select
        today.source,
        today.artist_id,
        today.metric,
        today.snapshot_date,
        today.name,
        today.kind,
        today.value,
        earlier.highest_value as previous_highest_value,
        earlier.highest_on as previous_highest_on
    from {{ ref('artist_popularity_trend') }} as today
    -- series skip no day, so the row of the day before has the highest value before
    inner join {{ ref('artist_popularity_trend') }} as earlier
        on
            today.source = earlier.source
            and today.artist_id = earlier.artist_id
            and today.metric = earlier.metric
            and today.snapshot_date - 1 = earlier.snapshot_date
    where today.is_milestone

),

thresholds_reached as (

    select
        reached.*,
        'threshold' as milestone,
        milestones.threshold
    from reached
    inner join {{ ref('milestones') }} as milestones
        on
            reached.kind = milestones.kind
            and reached.previous_highest_value < milestones.threshold
            and reached.value >= milestones.threshold

),

records as (

    select
        reached.*,
        'record' as milestone,
        reached.previous_highest_value as threshold
    from reached
    where {{ is_record('reached', ref('artist_popularity_trend')) }}

),

final as (

    select
        source,
        artist_id,
        metric,
        milestone,
        threshold,
        snapshot_date as reached_on,
        name,
        kind,
        value, -- noqa: RF04
        previous_highest_value,
        previous_highest_on,
        {{ formula_version() }} as formula_version
    from thresholds_reached

    union all

    select
        source,
        artist_id,
        metric,
        milestone,
        threshold,
        snapshot_date as reached_on,
        name,
        kind,
        value, -- noqa: RF04
        previous_highest_value,
        previous_highest_on,
        {{ formula_version() }} as formula_version
    from records

)

select * from final
order by source, artist_id, metric, milestone, threshold
