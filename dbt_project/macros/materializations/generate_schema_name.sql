{#- The layer's own name is the schema: staging, intermediate, marts; no prefix from the target. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
