{#- Fails for every series, named by `columns`, that skips a day between its first and its last in the window. -#}
{% test no_missing_days(model, columns) %}
    select
        {{ columns | join(', ') }},
        max(snapshot_date) - min(snapshot_date) + 1 - count(*) as missing_days
    from {{ model }}
    where snapshot_date >= {{ built_from(model) }}
    group by {{ columns | join(', ') }}
    having max(snapshot_date) - min(snapshot_date) + 1 <> count(*)
{% endtest %}
