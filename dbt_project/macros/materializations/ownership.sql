{#-
What others have made is neither replaced nor dropped. `ops.managed_objects` says what is the platform's own.
-#}

{#- Claim the names of all models and seeds, or fail where one of them is somebody else's. -#}
{% macro claim_relations() -%}
    {%- if execute and flags.WHICH in ("build", "run", "seed") -%}
        {%- set names = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type in ("model", "seed") -%}
            {%- do names.append([node.schema, node.alias]) -%}
        {%- endfor -%}
        select ops.claim_relations('{{ tojson(names) }}')
    {%- endif -%}
{%- endmacro %}


{#- What others have made that stands on a relation, such as a view over a mart. -#}
{% macro foreign_dependents(relation) -%}
    {%- set found = run_query("select * from ops.foreign_dependents(coalesce(to_regclass('" ~ relation ~ "'), 0::regclass))") -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}


{#- Fail, naming them, if there are any: before a relation is replaced. -#}
{% macro refuse_foreign_dependents(relation) -%}
    {%- set found = foreign_dependents(relation) if relation is not none else [] -%}
    {%- if found -%}
        {{ exceptions.raise_compiler_error(
            relation ~ " has to be made anew, and would take along what Spotify Assets did not make: "
            ~ found | join(", ") ~ ". Nothing was changed. Drop that, build again, and make it again."
        ) }}
    {%- endif -%}
{%- endmacro %}


{#- dbt's own macro drops with CASCADE whatever stands on a relation. -#}
{% macro postgres__drop_relation(relation) -%}
    {%- do refuse_foreign_dependents(relation) -%}
    {% call statement("drop_relation", auto_begin=False) -%}
        {{ get_drop_sql(relation) }}
    {%- endcall %}
{%- endmacro %}
