{#- What tells an entry's song, in the order in which entries follow one another: day, list, position. -#}
{% set followed = 'snapshot_date, list_kind, market collate "C", list_id collate "C", position' %}

-- noqa: disable=LT02
with recursive

window_starts as materialized (

    select
        source,
        min(starts_on) as starts_on
    from (
        {{ window_starts(ref('stg_top_tracks')) }}
        union all
        {{ window_starts(ref('stg_playlist_tracks')) }}
    ) as of_each
    group by source

),

listed as (

    select
        source,
        snapshot_date,
        1 as list_kind,
        market,
        artist_id as list_id,
        position,
        isrc,
        title,
        duration_ms,
        primary_artist_id as artist_key,
        primary_artist_id
    from {{ ref('stg_top_tracks') }}

    union all

    select
        source,
        snapshot_date,
        2 as list_kind,
        '' as market,
        playlist_id as list_id,
        position,
        isrc,
        title,
        duration_ms,
        {{ artist_key_of_playlist() }} as artist_key,
        artist_ids[1] as primary_artist_id
    from {{ ref('stg_playlist_tracks') }}

),

-- to whatever day there is: what a title is depends on the days before alone, so later ones may be known already
entries as (

    select
        listed.*,
        window_starts.starts_on,
        {{ entry_key('listed.artist_key', 'listed.title', 'listed.duration_ms') }} as entry_key
    from listed
    inner join window_starts on listed.source = window_starts.source
    where
        listed.isrc is null
        and listed.title is not null
        and listed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which months are left out
        and listed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

firsts as materialized (

    select distinct on (source, entry_key) *
    from entries
    {% if this is not none and is_incremental() -%}
    where
        not exists (
            select 1
            from {{ this }} as built
            where
                built.source = entries.source
                and built.entry_key = entries.entry_key
                and built.snapshot_date < entries.starts_on
        )
    {% endif -%}
    order by source, entry_key, {{ followed }}

),

normalised as materialized (

    select
        *,
        coalesce(nullif({{ normalised_title('title') }}, ''), title) as plain_title
    from firsts

),

plain as materialized (

    select
        *,
        cast(md5(concat_ws(chr(31), coalesce(artist_key, ''), plain_title)) as uuid) as title_key
    from normalised

),

titles as materialized (

    select
        source,
        title_key,
        starts_on,
        coalesce(
            array_agg(duration_ms order by {{ followed }}) filter (where duration_ms is not null),
            cast(array[] as integer[])
        ) as durations
    from plain
    group by source, title_key, starts_on

),

-- the songs of these titles that were listed before the window
known as materialized (

    {% if this is not none and is_incremental() -%}
    select
        titles.source,
        titles.title_key,
        found.song_number,
        found.first_duration_ms
    from titles
    cross join lateral (
        select distinct
            built.song_number,
            built.first_duration_ms
        from {{ this }} as built
        where
            built.source = titles.source
            and built.title_key = titles.title_key
            and built.snapshot_date < titles.starts_on
            and built.song_number > 0
    ) as found
    {%- else -%}
    select
        source,
        title_key,
        1 as song_number,
        1 as first_duration_ms
    from titles
    where false
    {%- endif %}

),

known_songs as materialized (

    select
        source,
        title_key,
        max(song_number) as last_number,
        array_agg(first_duration_ms) as first_durations
    from known
    group by source, title_key

),

-- durations that are no song's yet, in the order in which they were listed
unclaimed as (

    select
        titles.source,
        titles.title_key,
        coalesce(known_songs.last_number, 0) as last_number,
        array(
            select durations.duration_ms
            from unnest(titles.durations) with ordinality as durations (duration_ms, place)
            where
                not exists (
                    select 1
                    from unnest(known_songs.first_durations) as firsts (duration_ms)
                    where abs(firsts.duration_ms - durations.duration_ms) <= {{ same_song_ms() }}
                )
            order by durations.place
        ) as durations
    from titles
    left join known_songs on titles.source = known_songs.source and titles.title_key = known_songs.title_key

),

-- the first of them begins a song, which takes all that are near enough; then the first of those left
begun as (

    select
        source,
        title_key,
        last_number + 1 as song_number,
        durations[1] as first_duration_ms,
        {{ far_durations('durations') }} as durations
    from unclaimed
    where cardinality(durations) > 0

    union all

    select
        source,
        title_key,
        song_number + 1 as song_number,
        durations[1] as first_duration_ms,
        {{ far_durations('durations') }} as durations
    from begun
    where cardinality(durations) > 0

),

songs as materialized (

    select
        source,
        title_key,
        song_number,
        first_duration_ms
    from known

    union all

    select
        source,
        title_key,
        song_number,
        first_duration_ms
    from begun

),

-- of several songs that are near enough, the one that was listed first
numbered as (

    select distinct on (plain.source, plain.entry_key)
        plain.*,
        coalesce(songs.song_number, 0) as song_number,
        songs.first_duration_ms
    from plain
    left join songs
        on
            plain.source = songs.source
            and plain.title_key = songs.title_key
            and abs(plain.duration_ms - songs.first_duration_ms) <= {{ same_song_ms() }}
    order by plain.source, plain.entry_key, songs.song_number

),

final as (

    select
        source,
        entry_key,
        snapshot_date,
        title_key,
        primary_artist_id,
        song_number,
        first_duration_ms,
        'title:' || md5(concat_ws('|', artist_key, plain_title, first_duration_ms)) as song_id
    from numbered

)

select * from final
