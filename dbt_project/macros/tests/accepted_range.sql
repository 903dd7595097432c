{#- Fails for every row of the window whose value is under `at_least` or over `at_most`; null passes. -#}
{% test accepted_range(model, column_name, at_least=none, at_most=none) %}
    {%- set failures = [] -%}
    {%- if at_least is not none -%}{%- do failures.append(column_name ~ " < " ~ at_least) -%}{%- endif -%}
    {%- if at_most is not none -%}{%- do failures.append(column_name ~ " > " ~ at_most) -%}{%- endif -%}
    select
        snapshot_date,
        {{ column_name }}
    from {{ model }}
    where snapshot_date >= {{ built_from(model) }} and ({{ failures | join(" or ") }})
{% endtest %}
