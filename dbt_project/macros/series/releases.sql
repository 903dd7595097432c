{#-
Release identity. Text functions work by the "C" collation, as those of song identity do.
-#}

{#-
A release's title without letter case, punctuation and featuring suffixes. Live and remastered versions stay releases of
their own, unlike songs: a single and its live version often come out on one day.
-#}
{% macro normalised_release_title(title) -%}
{%- set words = "(feat|ft|featuring|with)" -%}
trim(
    regexp_replace(
        regexp_replace(
            regexp_replace(
                translate(lower(normalize({{ title }}) collate "C"), '''’`', ''),
                '\s*[(\[]\s*{{ words }}\M[^)\]]*[)\]]', '', 'g'
            ),
            '\s+(feat\.?|ft\.|featuring)\s.*$', ''
        ),
        '[][[:space:]!"#$%&()*+,./:;<=>?@\\^_{|}~-]+', ' ', 'g'
    )
)
{%- endmacro %}


{#-
What an upload without a product code is known by; null where a part of it is unknown. In the collation of a column, or
no index of one would find it.
-#}
{% macro release_title_key(artist_id, title, release_date, album_type, total_tracks) -%}
(case
            when {{ artist_id }} is not null and {{ title }} is not null and {{ release_date }} is not null
                then
                    md5(
                        {{ artist_id }} || '|' || {{ title }} || '|' || {{ day_number(release_date) }}
                        || '|' || coalesce({{ album_type }}, '') || '|' || coalesce({{ total_tracks }}, -1)
                    )
        end) collate "default"
{%- endmacro %}


{#- For how many days after its release date a release is new, and its curve is kept. -#}
{% macro curve_days() -%}90{%- endmacro %}


{#- A release of a month or a year belongs to no week and has no age in days. -#}
{% macro released_on(release_date, release_date_precision) -%}
case when {{ release_date_precision }} = 'day' then {{ release_date }} end
{%- endmacro %}


{#-
Rows of release curves with the day from which on their value counts: their own, or of a suspect 0 the next observation's
that repeats it; null where it never does. The next one is looked up only for such a 0.
-#}
{% macro countable_curves(curves) -%}
select
        curves.*,
        case
            when curves.popularity is null then null
            when not curves.popularity_is_suspect then curves.snapshot_date
            when curves.popularity = 0
                then (
                    select case when later.popularity = 0 then later.snapshot_date end
                    from {{ curves }} as later
                    where
                        later.source = curves.source
                        and later.release_id = curves.release_id
                        and later.basis = curves.basis
                        and later.snapshot_date > curves.snapshot_date
                    order by later.snapshot_date
                    limit 1
                )
        end as counts_from
    from {{ curves }} as curves
{%- endmacro %}
