{#- Lists that tell the popularity of tracks; of equal values the first list counts as where it was seen. -#}
{% set lists = [
    ('top tracks', 'stg_top_tracks'), ('playlists', 'stg_playlist_tracks'), ('track details', 'stg_track_details'),
] %}

-- noqa: disable=LT02
with

window_starts as materialized (

    select
        source,
        min(starts_on) as starts_on
    from (
        {{ window_starts(ref('int_release_days')) }}
        {% for _, relation in lists -%}
        union all
        {{ window_starts(ref(relation)) }}
        {% endfor -%}
    ) as of_each
    group by source

),

-- uploads of releases whose curve touches the window
uploads as materialized (

    select
        listed.source,
        listed.album_id,
        listed.release_id,
        listed.release_artist_id as artist_id,
        listed.released_on,
        min(listed.snapshot_date) as known_on
    from {{ ref('int_release_days') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.released_on >= window_starts.starts_on - {{ curve_days() }}
        -- said once more as one value, by which the index leaves out older releases
        and listed.released_on >= (select min(earliest.starts_on) from window_starts as earliest) - {{ curve_days() }}
    group by
        listed.source, listed.album_id, listed.release_id, listed.release_artist_id, listed.released_on

),

releases as materialized (

    select
        source,
        release_id,
        artist_id,
        released_on
    from uploads
    group by source, release_id, artist_id, released_on

),

album_days as materialized (

    select
        listed.source,
        listed.release_id,
        listed.snapshot_date,
        max(listed.release_popularity) as popularity,
        case when max(listed.release_popularity) is null then max(listed.popularity_null_reason) end
            as popularity_null_reason
    from {{ ref('int_release_days') }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.snapshot_date >= window_starts.starts_on
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)
    group by listed.source, listed.release_id, listed.snapshot_date

),

-- what the tracks of those uploads are called; they were told at some time, perhaps after the upload was listed
tracks as materialized (

    select
        uploads.source,
        uploads.release_id,
        tracks.track_id,
        tracks.isrc,
        min(greatest(uploads.known_on, tracks.snapshot_date)) as known_on
    from uploads
    inner join {{ ref('int_release_tracks') }} as tracks
        on uploads.source = tracks.source and uploads.album_id = tracks.album_id
    group by uploads.source, uploads.release_id, tracks.track_id, tracks.isrc

),

observed as (

    {% for seen_in, relation in lists -%}
    select
        listed.source,
        listed.snapshot_date,
        listed.album_id,
        listed.track_id,
        listed.isrc,
        listed.popularity,
        {{ loop.index }} as list_number
    from {{ ref(relation) }} as listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.popularity is not null
        and listed.snapshot_date >= window_starts.starts_on
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor -%}

),

-- a track is a release's by the album that it is shown with, by its id, or by its recording
matched as (

    select
        observed.source,
        uploads.release_id,
        observed.snapshot_date,
        observed.popularity,
        observed.list_number
    from observed
    inner join uploads
        on
            observed.source = uploads.source
            and observed.album_id = uploads.album_id
            and observed.snapshot_date >= uploads.known_on

    {% for column in ['track_id', 'isrc'] -%}
    union all

    select
        observed.source,
        tracks.release_id,
        observed.snapshot_date,
        observed.popularity,
        observed.list_number
    from observed
    inner join tracks
        on
            observed.source = tracks.source
            and observed.{{ column }} = tracks.{{ column }}
            and observed.snapshot_date >= tracks.known_on

    {% endfor -%}

),

track_days as materialized (

    select distinct on (source, release_id, snapshot_date)
        source,
        release_id,
        snapshot_date,
        popularity,
        case list_number
        {% for seen_in, _ in lists -%}
        when {{ loop.index }} then '{{ seen_in }}'
        {% endfor -%}
        end as seen_in
    from matched
    order by source asc, release_id asc, snapshot_date asc, popularity desc, list_number asc

),

days as (

    select
        source,
        release_id,
        'album' as basis,
        snapshot_date,
        popularity,
        popularity_null_reason,
        'new releases' as seen_in
    from album_days

    union all

    select
        source,
        release_id,
        'tracks' as basis,
        snapshot_date,
        popularity,
        null as popularity_null_reason,
        seen_in
    from track_days

),

curves as (

    select
        days.*,
        releases.artist_id,
        releases.released_on,
        days.snapshot_date - releases.released_on as days_since_release,
        window_starts.starts_on,
        lag(days.popularity) over series as previous_popularity_in_reach,
        row_number() over series = 1 as is_first_in_reach
    from days
    inner join releases on days.source = releases.source and days.release_id = releases.release_id
    inner join window_starts on days.source = window_starts.source
    where days.snapshot_date between releases.released_on and releases.released_on + {{ curve_days() }}
    window series as (partition by days.source, days.release_id, days.basis order by days.snapshot_date)

),

preceded as (

    select
        curves.*,
        case
            {% if this is not none and is_incremental() -%}
            when curves.is_first_in_reach and coalesce(curves.popularity, 0) = 0
                then (
                    select earlier.popularity
                    from {{ this }} as earlier
                    where
                        earlier.source = curves.source
                        and earlier.release_id = curves.release_id
                        and earlier.basis = curves.basis
                        and earlier.snapshot_date < curves.starts_on
                    order by earlier.snapshot_date desc
                    limit 1
                )
            {% endif -%}
            when not curves.is_first_in_reach then curves.previous_popularity_in_reach
        end as previous_popularity
    from curves

),

final as (

    select
        source,
        release_id,
        basis,
        snapshot_date,
        artist_id,
        released_on,
        days_since_release,
        popularity,
        popularity_null_reason,
        {{ is_suspect('popularity', 'previous_popularity') }} as popularity_is_suspect,
        seen_in
    from preceded

)

select * from final
