{#-
Tables and views that are built whole, without readers noticing.

dbt's own way is to put a new table or view in the old one's place and to drop the old one with everything that stands
on it: a view over it is gone until somebody makes it again, and who reads through one may end in a deadlock with the
exchange of names. Here a table's rows are exchanged, in one transaction: readers go on with the old ones until the new
ones are committed, nobody waits for anybody, and the table stays the one that views and grants are about. A view gets
its new query in its place.

A first build, and a model whose columns or types have changed, take dbt's own way; so does a table by `--full-refresh`,
which is also what a change of indexes or constraints needs.
-#}
{% materialization table, adapter="postgres" -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- if existing_relation is none or not existing_relation.is_table or should_full_refresh() -%}
        {{ return(dbt.materialization_table_default()) }}
    {%- elif columns_of(existing_relation) | sort != contract_columns() | sort -%}
        {{ return(dbt.materialization_table_default()) }}
    {%- endif -%}
    {%- set temp_relation = make_temp_relation(target_relation) -%}
    {%- set columns = get_quoted_csv(model.columns.values() | map(attribute="name")) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    -- `BEGIN` happens here:
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% do run_query(get_create_table_as_sql(True, temp_relation, sql)) %}
    {% call statement("main") -%}
        delete from {{ target_relation }};

        insert into {{ target_relation }} ({{ columns }})
        select {{ columns }} from {{ temp_relation }};
    {%- endcall %}

    {% do apply_grants(target_relation, config.get("grants"), should_revoke(existing_relation, False)) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    -- `COMMIT` happens here
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({"relations": [target_relation]}) }}
{%- endmaterialization %}


{% materialization view, adapter="postgres" -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="view") -%}
    {%- if existing_relation is none or not existing_relation.is_view -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {#- PostgreSQL gives a view another query only if that gives the same columns in the same order. -#}
    {%- set probe = make_temp_relation(target_relation) -%}
    {% do run_query("create temporary view " ~ probe ~ " as (" ~ sql ~ ")") %}
    {%- set unchanged = columns_of(probe) == columns_of(existing_relation) -%}
    {% do run_query("drop view " ~ probe) %}
    {%- if not unchanged -%}
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


{#- What `columns_of` gives of a table that keeps the model's contract. -#}
{% macro contract_columns() -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append(column["name"] ~ " " ~ (column["data_type"] | lower)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
