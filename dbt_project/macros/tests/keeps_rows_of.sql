{#-
Fails for every `counted` row of another relation, on the days of the window, whose `columns` no row here has that is
to be `kept`. With `aliases` an artist's row may also stand here under the id that continues the series.
-#}
{% test keeps_rows_of(model, columns, of, counted='true', kept='true', aliases=none) %}
{%- set window %}snapshot_date >= {{ built_from(model) }}{% endset %}
    with

    here as (
        select {{ columns | join(', ') }} from {{ model }} where {{ window }} and {{ kept }}
    )

    select {{ columns | join(', ') }} from {{ of }} where {{ window }} and {{ counted }}
    except
    select {{ columns | join(', ') }} from here
    {%- if aliases is not none %}
    except
    select
        {% for column in columns -%}
        {{ 'aliases' if column == 'artist_id' else 'here' }}.{{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from here
    inner join {{ aliases }} as aliases on here.source = aliases.source and here.artist_id = aliases.canonical_id
    {%- endif %}
{% endtest %}
