{#-
Which days a model builds. `ops.begin_build` tells the first day of each source that was loaded since the last build of the
model into a table that the model reads; the model builds that day and all days after it, because later rows look back at
it. A first build, and the first build by a changed model, builds all days.
-#}

{#- The sources with loads since the last build, and the first day of each: source, first_day. -#}
{% macro changed_days() -%}
select source, first_day from pg_temp.changed_days
{%- endmacro %}


{#-
The sources that stand in a relation, each found by one look into an index that begins with the source (the primary key
does), so that the cost does not grow with the rows.
-#}
{% macro built_sources(relation) -%}
with recursive built_sources as (
    select min(built.source) as source from {{ relation }} as built
    union all
    select (select min(built.source) from {{ relation }} as built where built.source > built_sources.source)
    from built_sources
    where built_sources.source is not null
)

select built_sources.source from built_sources where built_sources.source is not null
{%- endmacro %}


{#-
First day to build, per source: source, starts_on. Days that a source skipped right before are built with it, so that a
daily grid never has a hole. `relation` (a query giving source) names the sources of a first build.

With `merged`, a model of artists that may have been joined or come apart, a source begins at the first day that
`relation` has observed of one of them and the model has not, or the other way round: so an alias that went heals like
one that came, and nobody else's days are compared.

With `every_source` (a query giving source), what one source tells is about rows of all: each begins at the first day that
any of them has changed.
-#}
{% macro window_starts(relation, merged=none, every_source=none) -%}
{% if this is not none and is_incremental() -%}
select
    changed.source,
    coalesce(
        (
            select max(built.snapshot_date) + 1
            from {{ this }} as built
            where built.source = changed.source and built.snapshot_date < changed.first_day
        ),
        changed.first_day
    ) as starts_on
from (
    {% if every_source is not none -%}
    select
        sources.source,
        min(of_any.first_day) as first_day
    from (select distinct source from {{ every_source }}) as sources
    cross join ({{ changed_days() }}) as of_any
    group by sources.source
    {%- elif merged is none -%}
    {{ changed_days() }}
    {%- else -%}
    with loaded as (
        {{ changed_days() }}
    ),

    expected as (
        select source, artist_id, snapshot_date
        from {{ relation }} inner join {{ merged }} using (source, artist_id)
        where is_observed
    ),

    standing as (
        select source, artist_id, snapshot_date
        from {{ this }} inner join {{ merged }} using (source, artist_id)
        where is_observed
    ),

    regrouped as (
        (select * from expected except select * from standing)
        union all
        (select * from standing except select * from expected)
    )

    select
        source,
        min(first_day) as first_day
    from (
        select source, first_day from loaded
        union all
        select source, snapshot_date from regrouped
    ) as either
    group by source
    {%- endif %}
) as changed
{%- else -%}
select distinct
    told.source,
    cast('1900-01-01' as date) as starts_on
from {{ relation }} as told
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
The incremental strategy `replace_window`: of each source everything goes from its first changed day on, or from the first
new row on where that is earlier, and the new rows come, in the one transaction in which dbt runs a model.
-#}
{% macro get_incremental_replace_window_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from only {{ arg_dict["target_relation"] }} as old
    using (
        select source, min(starts_on) as starts_on
        from (
            select source, first_day as starts_on from ({{ changed_days() }}) as changed
            union all
            select source, min(snapshot_date) from {{ arg_dict["temp_relation"] }} group by source
        ) as starts
        group by source
    ) as new
    where old.source = new.source and old.snapshot_date >= new.starts_on;

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }};
{%- endmacro %}
