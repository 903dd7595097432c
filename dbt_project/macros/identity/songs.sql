{#-
Song identity. Every text function works by the "C" collation, so that a song has the same id on every
server whatever its locale. Letters outside ASCII are kept as they are, but for how their accents are written: "é" is also
"e" with an accent of its own (NFD), which nobody sees.
-#}

{#- A title without remaster, live and featuring suffixes, letter case and punctuation. -#}
{% macro normalised_title(title) -%}
{%- set words = "(remaster|remastered|remasterizado|live|feat|ft|featuring)" -%}
trim(
    regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    translate(lower(normalize({{ title }}) collate "C"), '''’`', ''),
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
                        translate(
                            lower(normalize(split_part(({{ names }})[1], ' & ', 1)) collate "C"),
                            '''’`',
                            ''
                        ),
                        '[][[:space:]!"#$%&()*+,./:;<=>?@\\^_{|}~-]+', ' ', 'g'
                    )
                ),
                ''
            ),
            nullif(trim(({{ names }})[1]), '')
        )
{%- endmacro %}


{#- Whose song an entry of a chart is. -#}
{% macro artist_key_of_playlist() -%}
coalesce(artist_ids[1], {{ first_credited('artist_names') }})
{%- endmacro %}


{#- Two lengths of one song differ by at most this, as re-uploads have more or less silence. -#}
{% macro same_song_ms() -%}3000{%- endmacro %}


{#- Those of an array of durations that are not the first one's song, in their order. -#}
{% macro far_durations(durations) -%}
array(
            select others.duration_ms
            from unnest({{ durations }}) with ordinality as others (duration_ms, place)
            where abs(others.duration_ms - {{ durations }}[1]) > {{ same_song_ms() }}
            order by others.place
        )
{%- endmacro %}


{#- What an entry tells of its song, in one value: the key of int_song_titles. -#}
{% macro entry_key(artist, title, duration_ms) -%}
cast(md5(concat_ws(chr(31), coalesce({{ duration_ms }}, -1), coalesce({{ artist }}, ''), {{ title }})) as uuid)
{%- endmacro %}


{#-
Identity of the song of an entry with the columns isrc, title, duration_ms and track_id; `artist` says whose song it
is, and `titled` which song its title is (int_song_titles). Null where nothing tells the song from others.

Of the default collation, as the columns that keep it: an index on them finds nothing by another.
-#}
{% macro song_id(artist, titled) -%}
(case
            when isrc is not null then 'isrc:' || isrc
            when title is not null then {{ titled }}
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
