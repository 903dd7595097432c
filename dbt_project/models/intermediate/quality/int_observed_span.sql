{{ config(materialized='view', meta={'reads_all_loads': true}) }}

with

-- by the first column of the snapshots' keys, of the tables themselves, for over a view each row would be read; the
-- ledger knows the days of the other tables
ends as (

    {% for table in ['artist_snapshots', 'top_tracks', 'new_releases', 'playlist_tracks'] -%}
    select
        min(snapshot_date) as first_day,
        max(snapshot_date) as newest_day
    from {{ source('snapshots', table) }}

    union all

    {% endfor -%}
    select
        min(snapshot_date) as first_day,
        max(snapshot_date) as newest_day
    from {{ ref('stg_partition_loads') }}

),

final as (

    select
        min(first_day) as first_day,
        max(newest_day) as newest_day
    from ends

)

select * from final
