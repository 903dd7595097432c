-- noqa: disable=LT02,LT09,AM09,RF03,ST11
with

window_starts as materialized (

    {{ window_starts(ref('int_release_uploads')) }}

),

listed as materialized (

    select
        uploads.release_id,
        uploads.first_listed_on,
        window_starts.starts_on,
        observed.*
    from {{ ref('int_release_uploads') }} as uploads
    inner join window_starts on uploads.source = window_starts.source
    inner join {{ ref('stg_new_releases') }} as observed
        on
            uploads.source = observed.source
            and uploads.album_id = observed.album_id
            and uploads.snapshot_date = observed.snapshot_date
    where
        uploads.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which months are left out
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

-- these are materialized, or a plan made on too low an estimate would compute them again for each row
-- a release is dated by its first upload, as first listed
dated as materialized (

    select
        source,
        release_id,
        artist_ids[1] as release_artist_id,
        {{ released_on('release_date', 'release_date_precision') }} as released_on
    from listed
    where album_id = release_id and snapshot_date = first_listed_on

),

-- all uploads of a release on a day are one
days as materialized (

    select
        source,
        release_id,
        snapshot_date,
        min(starts_on) as starts_on,
        max(popularity) as release_popularity
    from listed
    group by source, release_id, snapshot_date

),

{% if this is not none and is_incremental() -%}
-- what a release had come to before the window, by one look into an index
standing as materialized (

    select
        releases.source,
        releases.release_id,
        earlier.snapshot_date,
        earlier.release_artist_id,
        earlier.released_on,
        earlier.first_seen_on,
        earlier.days_on_radar,
        earlier.first_popularity,
        earlier.release_popularity
    from (select distinct source, release_id, starts_on from days) as releases
    cross join lateral (
        select *
        from {{ this }} as built
        where
            built.source = releases.source
            and built.release_id = releases.release_id
            and built.snapshot_date < releases.starts_on
        order by built.snapshot_date desc
        limit 1
    ) as earlier

),

-- and an upload
uploads_before as materialized (

    select
        albums.source,
        albums.album_id,
        earlier.popularity
    from (select distinct source, album_id, starts_on from listed) as albums
    cross join lateral (
        select built.popularity
        from {{ this }} as built
        where
            built.source = albums.source
            and built.album_id = albums.album_id
            and built.snapshot_date < albums.starts_on
        order by built.snapshot_date desc
        limit 1
    ) as earlier

),

{% endif -%}
counted as (

    select
        days.source,
        days.release_id,
        days.snapshot_date,
        days.release_popularity,
        row_number() over series
        {%- if this is not none and is_incremental() %} + coalesce(standing.days_on_radar, 0){% endif %}
            as days_on_radar,
        {% if this is not none and is_incremental() -%}
        coalesce(standing.first_seen_on, min(days.snapshot_date) over series) as first_seen_on,
        coalesce(lag(days.release_popularity) over series, case
            when row_number() over series = 1 then standing.release_popularity
        end) as previous_release_popularity,
        standing.first_popularity as standing_first_popularity,
        {% else -%}
        min(days.snapshot_date) over series as first_seen_on,
        lag(days.release_popularity) over series as previous_release_popularity,
        cast(null as integer) as standing_first_popularity,
        {% endif -%}
        min(days.snapshot_date) filter (where days.release_popularity is not null) over series as first_popularity_on,
        {% if this is not none and is_incremental() -%}
        coalesce(standing.release_artist_id, dated.release_artist_id) as release_artist_id,
        coalesce(standing.released_on, dated.released_on) as released_on
        {% else -%}
        dated.release_artist_id,
        dated.released_on
        {% endif -%}
    from days
    left join dated on days.source = dated.source and days.release_id = dated.release_id
    {% if this is not none and is_incremental() -%}
    left join standing on days.source = standing.source and days.release_id = standing.release_id
    {% endif -%}
    window series as (partition by days.source, days.release_id order by days.snapshot_date)

),

begun as materialized (

    select
        *,
        coalesce(
            standing_first_popularity,
            max(release_popularity) filter (where snapshot_date = first_popularity_on) over series
        ) as first_popularity
    from counted
    window series as (partition by source, release_id order by snapshot_date)

),

upload_days as materialized (

    select
        *,
        lag(popularity) over series as previous_popularity,
        row_number() over series = 1 as is_first_of_window
    from listed
    window series as (partition by source, album_id order by snapshot_date)

),

-- an upload that is new itself is compared with its release's day before
compared as (

    select
        upload_days.*,
        begun.release_artist_id,
        begun.released_on,
        begun.release_popularity,
        begun.first_seen_on,
        begun.days_on_radar,
        begun.first_popularity,
        case
            when upload_days.snapshot_date = upload_days.first_listed_on then begun.previous_release_popularity
            {% if this is not none and is_incremental() -%}
            when upload_days.is_first_of_window then uploads_before.popularity
            {% endif -%}
            else upload_days.previous_popularity
        end as compared_popularity
    from upload_days
    inner join begun
        on
            upload_days.source = begun.source
            and upload_days.release_id = begun.release_id
            and upload_days.snapshot_date = begun.snapshot_date
    {% if this is not none and is_incremental() -%}
    left join uploads_before
        on upload_days.source = uploads_before.source and upload_days.album_id = uploads_before.album_id
    {% endif -%}

),

flagged as (

    select
        *,
        {{ is_suspect('popularity', 'compared_popularity') }} as popularity_is_suspect
    from compared

),

loads as materialized (

    select * from {{ ref('stg_partition_loads') }}
    where
        table_name = 'new_releases'
        and snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

final as (

    select
        flagged.source,
        flagged.album_id,
        flagged.snapshot_date,
        flagged.release_id,
        flagged.name,
        flagged.album_type,
        flagged.artist_ids,
        flagged.artist_names,
        flagged.release_date,
        flagged.release_date_precision,
        flagged.total_tracks,
        flagged.label,
        flagged.upc,
        flagged.popularity,
        {{ null_code('popularity', relation='flagged') }} as popularity_null_reason,
        flagged.popularity_is_suspect,
        flagged.release_artist_id,
        flagged.released_on,
        flagged.release_popularity,
        flagged.first_popularity,
        flagged.first_seen_on,
        cast(flagged.days_on_radar as integer) as days_on_radar
    from flagged
    left join loads on flagged.source = loads.source and flagged.snapshot_date = loads.snapshot_date

)

select * from final
