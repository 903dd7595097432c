{#- Fails for every combination of `columns` that occurs more than once in the window. -#}
{% test unique_combination(model, columns) %}
    select
        {{ columns | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    where snapshot_date >= {{ window_from() }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
