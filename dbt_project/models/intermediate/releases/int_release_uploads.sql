-- noqa: disable=LT02,AM09,RF03
with

window_starts as materialized (

    {{ window_starts(ref('stg_new_releases')) }}

),

new_releases as materialized (

    select
        observed.*,
        window_starts.starts_on,
        observed.artist_ids[1] as artist_id,
        nullif(ltrim(regexp_replace(observed.upc, '\D', '', 'g'), '0'), '') as upc_key,
        nullif(coalesce(nullif({{ normalised_release_title('observed.name') }}, ''), trim(observed.name)), '')
            as plain_title
    from {{ ref('stg_new_releases') }} as observed
    inner join window_starts on observed.source = window_starts.source
    where
        observed.snapshot_date >= window_starts.starts_on
        -- said once more as one value, by which months are left out
        and observed.snapshot_date >= (select min(earliest.starts_on) from window_starts as earliest)

),

-- an upload is what it was when first listed, so that a code that shows late, or is withheld later, moves nothing
first_listings as (

    select distinct on (source, album_id)
        source,
        album_id,
        snapshot_date,
        starts_on,
        upc_key,
        {{ release_title_key('artist_id', 'plain_title', 'release_date', 'album_type', 'total_tracks') }} as title_key
    from new_releases
    order by source, album_id, snapshot_date

),

-- materialized, or a plan made on too low an estimate would compute them again for each row
uploads as materialized (

    select
        first_listings.source,
        first_listings.album_id,
        {% if this is not none and is_incremental() -%}
        coalesce(earlier.first_listed_on, first_listings.snapshot_date) as first_listed_on,
        case when earlier.album_id is null then first_listings.upc_key else earlier.upc_key end as upc_key,
        case when earlier.album_id is null then first_listings.title_key else earlier.title_key end as title_key,
        earlier.release_id,
        {% else -%}
        first_listings.snapshot_date as first_listed_on,
        first_listings.upc_key,
        first_listings.title_key,
        cast(null as text) as release_id,
        {% endif -%}
        first_listings.starts_on
    from first_listings
    {% if this is not none and is_incremental() -%}
    left join lateral (
        select *
        from {{ this }} as built
        where
            built.source = first_listings.source
            and built.album_id = first_listings.album_id
            and built.snapshot_date < first_listings.starts_on
        order by built.snapshot_date desc
        limit 1
    ) as earlier on true
    {% endif -%}

),

{% if this is not none and is_incremental() -%}
-- of the uploads listed before: the first with the same code, the first with the same title, and of those with the same
-- title the first that has a code; each by its index
alike as materialized (

    select
        found.source,
        found.album_id,
        found.snapshot_date as first_listed_on,
        found.upc_key,
        found.title_key,
        found.release_id
    from uploads
    cross join lateral (
        (
            select *
            from {{ this }} as built
            where
                built.source = uploads.source
                and built.upc_key = uploads.upc_key
                and built.snapshot_date < uploads.starts_on
            order by built.snapshot_date, built.album_id
            limit 1
        )
        union all
        (
            select *
            from {{ this }} as built
            where
                built.source = uploads.source
                and built.title_key = uploads.title_key
                and built.snapshot_date < uploads.starts_on
            order by built.snapshot_date, built.album_id
            limit 1
        )
        union all
        (
            select *
            from {{ this }} as built
            where
                built.source = uploads.source
                and built.title_key = uploads.title_key
                and built.upc_key is not null
                and built.snapshot_date < uploads.starts_on
            order by built.snapshot_date, built.album_id
            limit 1
        )
    ) as found
    where uploads.release_id is null

),

{% endif -%}
compared as materialized (

    select
        source,
        album_id,
        first_listed_on,
        upc_key,
        title_key,
        release_id
    from uploads
    {% if this is not none and is_incremental() -%}
    union
    select * from alike
    {% endif -%}

),

ordered as materialized (

    select
        *,
        case
            when upc_key is not null
                then first_value(album_id) over (
                    partition by source, upc_key order by first_listed_on, album_id
                )
        end as first_of_upc,
        case
            when title_key is null then album_id
            else first_value(album_id) over (
                partition by source, title_key order by first_listed_on, album_id
            )
        end as first_of_title,
        title_key is not null
        and coalesce(
            count(upc_key) over (
                partition by source, title_key
                order by first_listed_on, album_id
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) > 0 as title_has_upc
    from compared

),

-- the first upload with a code continues what had the same title and no code, unless another code came before
coded as materialized (

    select
        firsts.source,
        firsts.album_id as first_of_upc,
        case
            when firsts.release_id is not null then firsts.release_id
            when firsts.title_has_upc then firsts.album_id
            else coalesce(titles.release_id, titles.album_id)
        end as release_id
    from ordered as firsts
    inner join ordered as titles
        on firsts.source = titles.source and firsts.first_of_title = titles.album_id
    where firsts.album_id = firsts.first_of_upc

),

linked as materialized (

    select
        ordered.source,
        ordered.album_id,
        ordered.first_listed_on,
        ordered.upc_key,
        ordered.title_key,
        coalesce(
            ordered.release_id,
            by_upc.release_id,
            by_title.release_id,
            titles.release_id,
            titles.album_id
        ) as release_id
    from ordered
    inner join ordered as titles
        on ordered.source = titles.source and ordered.first_of_title = titles.album_id
    left join coded as by_upc
        on ordered.source = by_upc.source and ordered.first_of_upc = by_upc.first_of_upc
    left join coded as by_title
        on titles.source = by_title.source and titles.first_of_upc = by_title.first_of_upc

),

final as (

    select
        new_releases.source,
        new_releases.album_id,
        new_releases.snapshot_date,
        linked.release_id,
        linked.first_listed_on,
        linked.upc_key,
        linked.title_key
    from new_releases
    inner join linked
        on new_releases.source = linked.source and new_releases.album_id = linked.album_id

)

select * from final
