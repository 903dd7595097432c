{#-
Tables and views that are built whole, without readers noticing.

dbt's own way is to put a new table or view in the old one's place and to drop the old one with everything that stands
on it: a view over it is gone until somebody makes it again, and who reads through one may end in a deadlock with the
exchange of names. Here a table's rows are exchanged, in one transaction: readers go on with the old ones until the new
ones are committed, nobody waits for anybody, and the table stays the one that views and grants are about. A view gets
its new query in its place.

A first build, and a model whose columns or types have changed, take dbt's own way; so does a table by `--full-refresh`,
which is also what a change of indexes or constraints needs. But where something stands on the old one that is not ours,
such as somebody's view over a mart, a table with the same columns has its rows exchanged all the same, and anything else
is refused before it begins.
-#}
{% materialization table, adapter="postgres" -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- if not has_contract_columns(existing_relation) or may_be_replaced(existing_relation) -%}
        {%- do refuse_foreign_dependents(existing_relation) -%}
        {{ return(dbt.materialization_table_default()) }}
    {%- endif -%}
    {{ return(exchange_rows(existing_relation, target_relation)) }}
{%- endmaterialization %}


{% materialization incremental, adapter="postgres" -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- if existing_relation is not none and (should_full_refresh() or existing_relation.is_view) -%}
        {%- if has_contract_columns(existing_relation) and not may_be_replaced(existing_relation) -%}
            {{ return(exchange_rows(existing_relation, this.incorporate(type="table"))) }}
        {%- endif -%}
        {%- do refuse_foreign_dependents(existing_relation) -%}
    {%- endif -%}
    {{ return(dbt.materialization_incremental_default()) }}
{%- endmaterialization %}


{#- Whether a full refresh may put another table in the place of this one. -#}
{% macro may_be_replaced(relation) -%}
    {{ return(should_full_refresh() and not foreign_dependents(relation)) }}
{%- endmacro %}


{#- Build all rows of the model, and put them in the place of those that stand in its table. -#}
{% macro exchange_rows(existing_relation, target_relation) -%}
    {%- set temp_relation = make_temp_relation(target_relation) -%}
    {%- set columns = get_quoted_csv(model.columns.values() | map(attribute="name")) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    -- `BEGIN` happens here:
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if should_full_refresh() or is_changed() -%}
        {% do run_query(get_create_table_as_sql(True, temp_relation, sql)) %}
        {% call statement("main") -%}
            delete from only {{ target_relation }};

            insert into {{ target_relation }} ({{ columns }})
            select {{ columns }} from {{ temp_relation }};
        {%- endcall %}
    {%- else -%}
        {% call statement("main") -%}
            select 'nothing was loaded that it reads'
        {%- endcall %}
    {%- endif %}

    {% do apply_grants(target_relation, config.get("grants"), should_revoke(existing_relation, False)) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    -- `COMMIT` happens here
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({"relations": [target_relation]}) }}
{%- endmacro %}


{% materialization view, adapter="postgres" -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="view") -%}
    {%- if existing_relation is none or not existing_relation.is_view -%}
        {%- do refuse_foreign_dependents(existing_relation) -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {%- if not should_full_refresh() -%}
        {#- As it is: to replace it would wait for whoever reads it in an open transaction, and let others wait. -#}
        {{ run_hooks(pre_hooks, inside_transaction=False) }}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {% call statement("main") -%}
            select 'as it was'
        {%- endcall %}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
        {{ run_hooks(post_hooks, inside_transaction=False) }}
        {{ return({"relations": [target_relation]}) }}
    {%- endif -%}
    {#- PostgreSQL gives a view another query only if that gives the same columns in the same order. -#}
    {%- set probe = make_temp_relation(target_relation) -%}
    {% do run_query("create temporary view " ~ probe ~ " as (" ~ sql ~ ")") %}
    {%- set unchanged = columns_of(probe) == columns_of(existing_relation) -%}
    {% do run_query("drop view " ~ probe) %}
    {%- if not unchanged -%}
        {%- do refuse_foreign_dependents(existing_relation) -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    -- `BEGIN` happens here:
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement("main") -%}
        {%- if config.get("contract").enforced %}
            {{ get_assert_columns_equivalent(sql) }}
        {%- endif %}
        create or replace view {{ target_relation }} as (
            {{ sql }}
        );
    {%- endcall %}

    {% do apply_grants(target_relation, config.get("grants"), should_revoke(existing_relation, False)) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    -- `COMMIT` happens here
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({"relations": [target_relation]}) }}
{%- endmaterialization %}


{#- Columns of a table or view, each with its type as PostgreSQL writes it, in their order. -#}
{% macro columns_of(relation) -%}
    {%- set columns = [] -%}
    {%- for row in run_query(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = '" ~ relation
        ~ "'::regclass and attnum > 0 and not attisdropped order by attnum"
    ) -%}
        {%- do columns.append(row[0] ~ " " ~ row[1]) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#- Whether a relation is a table that keeps the model's contract as it is now. -#}
{% macro has_contract_columns(relation) -%}
    {{ return(
        relation is not none and relation.is_table and columns_of(relation) | sort == contract_columns() | sort
    ) }}
{%- endmacro %}


{#- What `columns_of` gives of a table that keeps the model's contract. -#}
{% macro contract_columns() -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append(column["name"] ~ " " ~ (column["data_type"] | lower)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#-
A relation that takes the place of another one grants what that one granted, which still stands beside it under the name
of a backup. Where `should_revoke`, the relation is the one that it was.
-#}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- do dbt.default__apply_grants(relation, grant_config, should_revoke) -%}
    {%- if not should_revoke -%}
        {%- set old = make_backup_relation(relation, relation.type) -%}
        {%- set grants = run_query(
            "select 'grant ' || a.privilege_type || coalesce(' (' || quote_ident(x.attname) || ')', '') || ' on "
            ~ relation | replace("'", "''") ~ " to ' || case a.grantee when 0 then 'public' else "
            ~ "quote_ident(pg_get_userbyid(a.grantee)) end || case when a.is_grantable then ' with grant option' else '' end "
            ~ "from (select relacl as acl, relowner, null::name as attname from pg_class where oid = to_regclass('"
            ~ old ~ "') union all select o.attacl, c.relowner, o.attname from pg_attribute as o "
            ~ "inner join pg_class as c on c.oid = o.attrelid "
            ~ "inner join pg_attribute as n on n.attname = o.attname and n.attrelid = to_regclass('" ~ relation ~ "') "
            ~ "where o.attrelid = to_regclass('" ~ old ~ "') and not o.attisdropped) as x "
            ~ "cross join lateral aclexplode(x.acl) as a where a.grantee <> x.relowner"
        ) -%}
        {%- for row in grants -%}
            {%- do run_query(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
