{#-
What models need that have rows only on days on which there was something to say: their own last row does not tell
how far they were built, and rows of a merged artist are not always among them.
-#}

{#-
Where artists were joined or came apart since the rows were built: the days whose rows say in
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
    where observed.is_observed
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
    min(begun.starts_on) as starts_on
from (
    {% if this is not none and is_incremental() -%}
    {{ window_starts(relations[0]) }}
    union all
    select regrouped.source, regrouped.snapshot_date
    from ({{ regrouped_days(days, merged, joins, condition) }}) as regrouped
    {%- else -%}
    {% for relation in relations -%}
    {{ window_starts(relation) }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
    {%- endif %}
) as begun
group by begun.source
{%- endmacro %}


{#- After a model with `joined_artists` whose days may be left without rows by that: nothing came in their place. -#}
{% macro forget_regrouped(days, merged, joins) -%}
{% if is_incremental() -%}
delete from only {{ this }} as old
using ({{ regrouped_days(days, merged, joins) }}) as regrouped
where old.source = regrouped.source and old.snapshot_date = regrouped.snapshot_date
{%- endif %}
{%- endmacro %}
