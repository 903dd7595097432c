{#-
The partition window. A run rebuilds the rows of the days from `from_date` to `to_date`, or to the
model's own last day where that is later, because later rows look back at the days being replaced.
Days that a source skipped right before the window are built with it, so that the daily grid
never has a hole, whichever days were run.
-#}

{#- A unit test that gives no rows of the model itself has no `this`, hence the first condition below. -#}

{% macro window_from() -%}
cast('{{ var("from_date") }}' as date)
{%- endmacro %}


{#- Last day to build: a scalar expression. -#}
{% macro window_until() -%}
{% if this is not none and is_incremental() -%}
greatest(cast('{{ var("to_date") }}' as date), (select max(built.snapshot_date) from {{ this }} as built))
{%- else -%}
cast('{{ var("to_date") }}' as date)
{%- endif %}
{%- endmacro %}


{#-
First day to build, per source of `relation`: a query giving source, starts_on. With `aliases`, a model of artists
begins at the first day that it has under an id which is known to be another artist's by now, so that the series
is continued from there.
-#}
{% macro window_starts(relation, aliases=none) -%}
select
    sources.source,
    {% if this is not none and is_incremental() -%}
    {% if aliases is not none %}least({% endif -%}
    coalesce(
        (
            select max(built.snapshot_date) + 1
            from {{ this }} as built
            where built.source = sources.source and built.snapshot_date < {{ window_from() }}
        ),
        {{ window_from() }}
    ){% if aliases is not none %},
    (
        select min(built.snapshot_date)
        from {{ aliases }} as merged
        inner join {{ this }} as built on merged.source = built.source and merged.artist_id = built.artist_id
        where merged.source = sources.source
    )){% endif %} as starts_on
    {%- else -%}
    {{ window_from() }} as starts_on
    {%- endif %}
from (select distinct source from {{ relation }}) as sources
{%- endmacro %}


{#-
The incremental strategy `replace_window`: everything from `from_date` on goes, or of a source from the first
new row on where that is earlier, and the new rows come, in the one transaction in which dbt runs a model. The
rows in the temporary table reach to the model's own last day, so what goes comes back.
-#}
{% macro get_incremental_replace_window_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }} where snapshot_date >= {{ window_from() }};

    delete from {{ arg_dict["target_relation"] }} as old
    using (
        select source, min(snapshot_date) as starts_on from {{ arg_dict["temp_relation"] }} group by source
    ) as new
    where old.source = new.source and old.snapshot_date >= new.starts_on;

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }};
{%- endmacro %}


{#-
Before an incremental model, in its transaction: one writer per model, and settings that fit queries
over the whole history (their sorts would spill at the 4 MB that servers start with).
-#}
{% macro begin_window() -%}
    {%- if model.config.materialized == "incremental" -%}
        {%- set bounded = var("from_date") != "1900-01-01" or var("to_date") != "9999-12-31" -%}
        {%- if execute and flags.FULL_REFRESH and bounded -%}
            {{ exceptions.raise_compiler_error(
                "--full-refresh with from_date or to_date would drop every other day of " ~ this
                ~ ": leave the dates out to rebuild everything, or leave --full-refresh out."
            ) }}
        {%- endif -%}
        select
            pg_advisory_xact_lock(hashtextextended('{{ this.schema }}.{{ this.identifier }}', 0)),
            set_config('work_mem', '64MB', true),
            set_config('jit', 'off', true)
    {%- endif -%}
{%- endmacro %}


{#- After an incremental model: the next model's plan needs to know the new size. -#}
{% macro end_window() -%}
    {%- if model.config.materialized == "incremental" -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
