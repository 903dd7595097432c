{#-
The newest day of each source of a relation that has an index [source, snapshot_date]: one look into it per source, so
that the cost does not grow with the rows.
-#}
{% macro newest_days(relation) -%}
select
    standing.source,
    (select max(told.snapshot_date) from {{ relation }} as told where told.source = standing.source) as snapshot_date
from ({{ built_sources(relation) }}) as standing
{%- endmacro %}
