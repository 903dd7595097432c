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
