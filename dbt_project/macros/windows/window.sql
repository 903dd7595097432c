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


{#-
The sources that stand in the model, or in another relation, each found by one look into an index that begins with the
source (the primary key does), so that the cost does not grow with the rows.
-#}
{% macro built_sources(relation=none) -%}
{%- set relation = relation or this -%}
with recursive built_sources as (
    select min(built.source) as source from {{ relation }} as built
    union all
    select (select min(built.source) from {{ relation }} as built where built.source > built_sources.source)
    from built_sources
    where built_sources.source is not null
)

select built_sources.source from built_sources where built_sources.source is not null
{%- endmacro %}


{#- Last day to build: a scalar expression. By source, as an index [source, snapshot_date] finds it at once. -#}
{% macro window_until() -%}
{% if this is not none and is_incremental() -%}
greatest(
    cast('{{ var("to_date") }}' as date),
    (
        select max((select max(built.snapshot_date) from {{ this }} as built where built.source = standing.source))
        from ({{ built_sources() }}) as standing
    )
)
{%- else -%}
cast('{{ var("to_date") }}' as date)
{%- endif %}
{%- endmacro %}


{#-
First day to build, per source: of those that stand in the model, and of those that `relation` (a query giving source,
snapshot_date) has in the window. Sources with nothing to build may be among them.

With `merged`, a model of artists that may have been joined or come apart, a source begins at the first day that
`relation` has observed of one of them and the model has not, or the other way round: so an alias that went heals like
one that came, and nobody else's days are compared.
-#}
{% macro window_starts(relation, merged=none, until=none) -%}
select
    sources.source,
    {% if this is not none and is_incremental() -%}
    {% if merged is not none %}least({% endif -%}
    coalesce(
        (
            select max(built.snapshot_date) + 1
            from {{ this }} as built
            where built.source = sources.source and built.snapshot_date < {{ window_from() }}
        ),
        {{ window_from() }}
    ){% if merged is not none %},
    regrouped.starts_on){% endif %} as starts_on
    {%- else -%}
    {{ window_from() }} as starts_on
    {%- endif %}
from (
    select distinct told.source from {{ relation }} as told
    where told.snapshot_date >= {{ window_from() }} and told.snapshot_date <= {{ until or window_until() }}
    {%- if this is not none and is_incremental() %}
    union
    select standing.source from ({{ built_sources() }}) as standing
    {%- endif %}
) as sources
{%- if merged is not none and this is not none and is_incremental() %}
left join (
    with expected as (
        select source, artist_id, snapshot_date
        from {{ relation }} inner join {{ merged }} using (source, artist_id)
        where is_observed and snapshot_date < {{ window_from() }}
    ),

    standing as (
        select source, artist_id, snapshot_date
        from {{ this }} inner join {{ merged }} using (source, artist_id)
        where is_observed and snapshot_date < {{ window_from() }}
    ),

    differing as (
        (select * from expected except select * from standing)
        union all
        (select * from standing except select * from expected)
    )

    select differing.source, min(differing.snapshot_date) as starts_on
    from differing
    -- days that were never built are built when they are asked for
    where
        differing.snapshot_date >= (
            select min(built.snapshot_date) from {{ this }} as built where built.source = differing.source
        )
    group by differing.source
) as regrouped on sources.source = regrouped.source
{%- endif %}
{%- endmacro %}


{#- The source that observes by a namespace's ids. -#}
{% macro source_of(namespace) -%}
case {{ namespace }}
            when 'musicbrainz' then 'listenbrainz'
            when 'simulated-musicbrainz' then 'simulated-listenbrainz'
            else {{ namespace }}
        end
{%- endmacro %}


{#-
The incremental strategy `replace_window`: everything from `from_date` on goes, or of a source from the first
new row on where that is earlier, and the new rows come, in the one transaction in which dbt runs a model. The
rows in the temporary table reach to the model's own last day, so what goes comes back.
-#}
{% macro get_incremental_replace_window_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    {# by source, for indexes that begin with it -#}
    delete from only {{ arg_dict["target_relation"] }}
    where source in ({{ built_sources() }}) and snapshot_date >= {{ window_from() }};

    delete from only {{ arg_dict["target_relation"] }} as old
    using (
        select source, min(snapshot_date) as starts_on from {{ arg_dict["temp_relation"] }}
        -- where no source starts earlier, nothing is looked for
        group by source having min(snapshot_date) < {{ window_from() }}
    ) as new
    where old.source = new.source and old.snapshot_date >= new.starts_on;

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }};
{%- endmacro %}


{#-
Before an incremental model, in its transaction: one writer per model, and settings that fit queries
over the whole history: their sorts would spill at the 4 MB that servers start with; and a merge join by the source, the
only column that the planner finds sorted, compares each row with every day (1,000 artists over 1,000 days: 67 s, not 4).
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
            set_config('jit', 'off', true),
            set_config('enable_mergejoin', 'off', true)
            {%- if is_incremental() %},
            set_config('default_statistics_target', '20', true)
            {%- endif %}
    {%- endif -%}
{%- endmacro %}


{#-
After an incremental model: the next model's plan needs to know the new size. A window changes little of what is known
of a long table, so a small sample does (2,000,000 rows: 0.15 s, not 1 s).
-#}
{% macro end_window() -%}
    {%- if model.config.materialized == "incremental" -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
