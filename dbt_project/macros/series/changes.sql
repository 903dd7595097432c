{#-
What models need that have rows only on days on which there was something to say: their own last row does not tell
how far they were built, and rows of a merged artist are not always among them.
-#}

{#-
Last day to build, where `dense` (a model with rows on every day, built before this one) says how far that is. A day
without a row may need one when an earlier day is replaced. By source, as an index [source, snapshot_date] finds it.
-#}
{% macro window_until_as(dense) -%}
{% if this is not none and is_incremental() -%}
greatest(
    cast('{{ var("to_date") }}' as date),
    (
        with recursive dense_sources as (
            select min(built.source) as source from {{ dense }} as built
            union all
            select (select min(built.source) from {{ dense }} as built where built.source > dense_sources.source)
            from dense_sources
            where dense_sources.source is not null
        )

        select max((select max(built.snapshot_date) from {{ dense }} as built where built.source = dense_sources.source))
        from dense_sources
    )
)
{%- else -%}
cast('{{ var("to_date") }}' as date)
{%- endif %}
{%- endmacro %}


{#-
Where artists were joined or came apart since the rows were built: the days before the window whose rows say in
`joined_artists` what `joins` (int_artist_profile_joins) no longer says, by source. Only days on which one of the `merged`
ids was observed are looked at, each by one look into an index; `condition` names the rows of `this` to look at.
-#}
{% macro regrouped_days(days, merged, joins, condition='true') -%}
select
    observed.source,
    observed.snapshot_date
from (
    select distinct observed.source, observed.snapshot_date
    from {{ days }} as observed
    inner join {{ merged }} as merged on observed.source = merged.source and observed.artist_id = merged.artist_id
    where observed.is_observed and observed.snapshot_date < {{ window_from() }}
) as observed
cross join lateral (
    select built.joined_artists
    from {{ this }} as built
    where built.source = observed.source and built.snapshot_date = observed.snapshot_date and {{ condition }}
    limit 1
) as built
left join {{ joins }} as joins on observed.source = joins.source and observed.snapshot_date = joins.snapshot_date
where built.joined_artists is distinct from joins.joined_artists
{%- endmacro %}


{#-
First day to build, per source, as `window_starts`, of a model with `joined_artists`: earlier where artists were joined or
came apart. `relations` are those that have something to build; days, merged, joins and condition as above.
-#}
{% macro window_starts_regrouped(relations, days, merged, joins, condition='true') -%}
select
    begun.source,
    {% if this is not none and is_incremental() -%}
    least(begun.starts_on, regrouped.starts_on) as starts_on
    {%- else -%}
    begun.starts_on
    {%- endif %}
from (
    {% for relation in relations -%}
    {{ window_starts(relation) }}
    {% if not loop.last -%}
    union
    {% endif -%}
    {% endfor %}
) as begun
{%- if this is not none and is_incremental() %}
left join (
    select regrouped.source, min(regrouped.snapshot_date) as starts_on
    from ({{ regrouped_days(days, merged, joins, condition) }}) as regrouped
    group by regrouped.source
) as regrouped on begun.source = regrouped.source
{%- endif %}
{%- endmacro %}


{#- After a model with `joined_artists` whose days may be left without rows by that: nothing came in their place. -#}
{% macro forget_regrouped(days, merged, joins) -%}
{% if is_incremental() -%}
delete from only {{ this }} as old
using ({{ regrouped_days(days, merged, joins) }}) as regrouped
where old.source = regrouped.source and old.snapshot_date = regrouped.snapshot_date
{%- endif %}
{%- endmacro %}
