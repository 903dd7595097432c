{#-
Song identity. Every text function works by the "C" collation, so that a song has the same id on every
server whatever its locale; letters outside ASCII are kept as they are.
-#}

{#- A title without remaster, live and featuring suffixes, letter case and punctuation. -#}
{% macro normalised_title(title) -%}
{%- set words = "(remaster|remastered|remasterizado|live|feat|ft|featuring)" -%}
trim(
    regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    translate(lower({{ title }} collate "C"), '''’`', ''),
                    '\s*[(\[][^)\]]*\m{{ words }}\M[^)\]]*[)\]]', '', 'g'
                ),
                '\s+[-–—]\s+[^-–—]*\m{{ words }}\M.*$', ''
            ),
            '\s+(feat\.?|ft\.|featuring)\s.*$', ''
        ),
        '[][[:space:]!"#$%&()*+,./:;<=>?@\\^_{|}~-]+', ' ', 'g'
    )
)
{%- endmacro %}


{#-
The first artist of a credit, for rows that name artists and have no ids of them: of several who are credited as one
text, joined by " & ", the first, because the others come and go between two days. Letter case and punctuation do not
matter; a name of punctuation only is taken as it is.
-#}
{% macro first_credited(names) -%}
coalesce(
            nullif(
                trim(
                    regexp_replace(
                        translate(lower(split_part(({{ names }})[1], ' & ', 1) collate "C"), '''’`', ''),
                        '[][[:space:]!"#$%&()*+,./:;<=>?@\\^_{|}~-]+', ' ', 'g'
                    )
                ),
                ''
            ),
            nullif(trim(({{ names }})[1]), '')
        )
{%- endmacro %}


{#-
Identity of the song of an entry with the columns isrc, title, duration_ms and track_id; `artist` says whose song it
is. Null where nothing tells the song from others.

Of the default collation, as the columns that keep it: an index on them finds nothing by another.

Durations to 10 seconds, as re-uploads differ by up to 5: of 32 pairs of lengths under one title in real charts and
catalogues rounding to 5 seconds parted 13, to 10 seconds 5; neither joined two recordings.
-#}
{% macro song_id(artist) -%}
(case
            when isrc is not null then 'isrc:' || isrc
            when title is not null
                then
                    'title:' || md5(
                        concat_ws(
                            '|',
                            {{ artist }},
                            coalesce(nullif({{ normalised_title('title') }}, ''), title),
                            round(duration_ms / 10000.0)
                        )
                    )
            when track_id is not null then 'track:' || track_id
            -- exactly as long: nothing else tells two untitled songs of an artist apart
            when {{ artist }} is not null and duration_ms is not null
                then 'untitled:' || md5(concat_ws('|', {{ artist }}, duration_ms))
        end) collate "default"
{%- endmacro %}


{#-
What the ledger says of columns on the day of a row of `relation`: looked up for the rows that ask, and not joined,
because how many rows a window has is not known when the query is planned.
-#}
{% macro ledger_absent(table_name, relation) -%}
(
            select loads.absent
            from {{ ref('stg_partition_loads') }} as loads
            where
                loads.table_name = '{{ table_name }}'
                and loads.source = {{ relation }}.source
                and loads.snapshot_date = {{ relation }}.snapshot_date
        )
{%- endmacro %}
