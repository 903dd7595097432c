{#-
What a build remembers of each model (`ops.model_builds`): by which version it was built, and the last load that it saw.
-#}

{#- Before a model, in its transaction; also settings that fit queries over the whole history: their sorts would spill at
the 4 MB that servers start with; and a merge join by the source, the only column that the planner finds sorted, compares
each row with every day (1,000 artists over 1,000 days: 67 s, not 4). -#}
{% macro begin_build() -%}
    {%- if execute and model.resource_type == "model" -%}
        {%- set node = graph.nodes[model.unique_id] -%}
        select
            ops.begin_build(
                '{{ this.schema }}', '{{ this.identifier }}', '{{ version_of(node) }}',
                array[{% for table in loaded_tables(node) %}'{{ table }}'{{ ", " if not loop.last }}{% endfor %}]::text [],
                {{ "source.spotify_assets.ops.identities" in sources_of(node) }},
                {{ model.config.materialized != "table" }},
                {{ should_full_refresh() or (model.config.materialized == "incremental" and not is_incremental()) }}
            ),
            set_config('work_mem', '64MB', true),
            set_config('jit', 'off', true),
            set_config('enable_mergejoin', 'off', true)
            {%- if model.config.materialized == "incremental" and is_incremental() %},
            set_config('default_statistics_target', '20', true)
            {%- endif %}
    {%- endif -%}
{%- endmacro %}


{#-
After a model, in its transaction. The next model's plan needs to know the new size: a window changes little of what is
known of a long table, so a small sample does (2,000,000 rows: 0.15 s, not 1 s).
-#}
{% macro end_build() -%}
    {%- if execute and model.resource_type == "model" -%}
        {%- set node = graph.nodes[model.unique_id] -%}
        {%- set parents = [] -%}
        {%- for parent in parents_of(node) if parent.resource_type == "model" and parent.config.materialized != "view" -%}
            {%- do parents.append("'" ~ parent.schema ~ "." ~ parent.alias ~ "'") -%}
        {%- endfor -%}
        select ops.end_build(
            '{{ this.schema }}', '{{ this.identifier }}', '{{ version_of(node) }}',
            array[{{ parents | join(", ") }}]::text []
        )
        {%- if model.config.materialized == "incremental" %};
        analyze {{ this }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- dbt's own macro asks for the flag alone; a model that another version has built is built whole, too. -#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get("full_refresh") -%}
    {%- if asked is none -%}
        {%- set asked = flags.FULL_REFRESH -%}
    {%- endif -%}
    {{ return(asked or is_outdated()) }}
{%- endmacro %}


{#- Whether another version of the model has built what stands; looked up once, so that a build is of one mind. -#}
{% macro is_outdated() -%}
    {%- if not execute or flags.WHICH not in ("build", "run") or model.resource_type != "model" -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set node = graph.nodes[model.unique_id] -%}
    {%- if node.get("judged_in") != invocation_id -%}
        {%- set standing = run_query(
            "select version from ops.model_builds where schema_name = '" ~ node.schema ~ "' and model_name = '"
            ~ node.alias ~ "'"
        ) -%}
        {%- set versions = standing.columns[0].values() | list -%}
        {%- do node.update({"judged_in": invocation_id, "is_outdated": versions != [version_of(node)]}) -%}
    {%- endif -%}
    {{ return(node["is_outdated"]) }}
{%- endmacro %}


{#- Whether anything that the model reads has changed since its last build; within the build. -#}
{% macro is_changed() -%}
    {{ return(run_query("select current_setting('spotify_assets.is_changed')::boolean").columns[0].values()[0]) }}
{%- endmacro %}


{#- The models and seeds that a model reads, also through others. -#}
{% macro parents_of(node) -%}
    {%- set found = {} -%}
    {%- set todo = [node] -%}
    {%- for one in todo -%}
        {%- for name in one.depends_on.get("nodes", []) if name in graph.nodes and name not in found -%}
            {%- do found.update({name: graph.nodes[name]}) -%}
            {%- do todo.append(graph.nodes[name]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.values() | list) }}
{%- endmacro %}


{#- The sources that a model reads, also through others. -#}
{% macro sources_of(node) -%}
    {%- set found = [] -%}
    {%- for one in [node] + parents_of(node) -%}
        {%- for name in one.depends_on.get("nodes", []) if name in graph.sources and name not in found -%}
            {%- do found.append(name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- The loaded tables whose loads a model is built for: those that it reads, or all, if one of its parents says so. -#}
{% macro loaded_tables(node) -%}
    {%- set readers_of_all = ([node] + parents_of(node)) | selectattr("config.meta.reads_all_loads", "defined") | list -%}
    {%- set found = [] -%}
    {%- for name in (graph.sources if readers_of_all else sources_of(node)) if ".snapshots." in name -%}
        {%- do found.append(graph.sources[name].name) -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{%- endmacro %}


{#- A digest of all that decides what a model holds: SQL, contract, macros and seeds, its own and its parents'. -#}
{% macro version_of(node) -%}
    {%- if "version_digest" not in node -%}
        {%- set decisive = [] -%}
        {%- set macros = {} -%}
        {%- for one in [node] + parents_of(node) -%}
            {%- set columns = [] -%}
            {%- for column in one.columns.values() -%}
                {%- do columns.append([column.name, column.data_type]) -%}
            {%- endfor -%}
            {%- do decisive.append(tojson([
                one.unique_id, one.checksum.checksum, one.config.materialized, one.config.get("indexes"),
                one.config.get("column_types"), one.get("constraints"), columns,
            ], default="", sort_keys=true)) -%}
            {%- set todo = one.depends_on.get("macros", []) | list -%}
            {%- for name in todo if name.startswith("macro.spotify_assets.") and name not in macros -%}
                {%- set found = context[name.split(".")[-1]].macro -%}
                {%- do macros.update({name: found.macro_sql}) -%}
                {%- do todo.extend(found.depends_on.macros) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- for name, text in macros.items() -%}
            {%- do decisive.append(tojson([name, text])) -%}
        {%- endfor -%}
        {%- do node.update({"version_digest": local_md5(decisive | sort | join("\n"))}) -%}
    {%- endif -%}
    {{ return(node["version_digest"]) }}
{%- endmacro %}


{#- The first day that the last build of a relation has built; tests look at these days. -#}
{% macro built_from(relation) -%}
(
    select coalesce(min(builds.first_day), cast('infinity' as date))
    from ops.model_builds as builds
    where builds.schema_name = '{{ relation.schema }}' and builds.model_name = '{{ relation.identifier }}'
)
{%- endmacro %}
