{#- Fails for every row of the window whose `columns` no row of `to` has. -#}
{% test rows_exist_in(model, columns, to) %}
    select {{ columns | join(', ') }} from {{ model }} where snapshot_date >= {{ built_from(model) }}
    except
    select {{ columns | join(', ') }} from {{ to }} where snapshot_date >= {{ built_from(model) }}
{% endtest %}
