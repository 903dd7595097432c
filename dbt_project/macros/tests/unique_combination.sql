{#- Fails for every combination of `columns` that occurs more than once in the window; without a day among them, at all. -#}
{% test unique_combination(model, columns) %}
    select
        {{ columns | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    {% if 'snapshot_date' in columns -%}
    where snapshot_date >= {{ built_from(model) }}
    {%- endif %}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
