{#-
Why something is missing or null: models compare codes, marts show sentences. The ledger's reasons are written by Python
(sources/reasons/reason.py), as {"code": …, "detail": …}; models add some of their own.
-#}

{#- What each code says. -#}
{% macro reason_sentences() -%}
{{ return({
    'refused': 'this app may not see it',
    'not_offered': 'not offered by this source',
    'unidentified': 'its id at this source is not known',
    'budget_spent': 'the calls of the day were used up before its turn came',
    'cooldown': 'the upstream asked to be left alone before its turn came',
    'not_asked': 'planned but not asked for: the run ended first',
    'not_found': 'not found',
    'no_data': 'the upstream has no data on it',
    'forbidden': 'no answer (HTTP 403)',
    'failed': 'no usable answer',
    'not_published': 'not published by this source',
    'not_in_file': 'not among the imported columns',
    'withheld': 'left out of every answer of this day: this app may not see it',
    'not_told': 'in no answer of this day',
    'no_values': 'no value came on this day',
    'no_value': 'the source had no value for it on this day',
    'not_observed': 'not observed on this day',
    'no_earlier_plays': 'no earlier count of plays to compare with',
    'plays_fell': 'the count of plays fell',
    'not_on_list': 'not on the list on this day',
    'first_list': 'the first observed day of this list',
    'list_incomplete': 'the top 10 of this day is incomplete',
    'past_list_incomplete': 'the top 10 of 7 days before is incomplete',
    'no_past_list': 'no list was observed 7 days before',
    'nothing_came': 'nothing came of what was asked for',
    'nothing_loaded': 'nothing was loaded',
}) }}
{%- endmacro %}


{#- Codes of columns that were never to be had. -#}
{% macro never_there_codes() -%}
'not_in_file', 'not_published'
{%- endmacro %}


{#-
The code of a null, null where there is a value: absent is not zero, and it has a reason. `absent` is what the ledger's
row of the partition says about columns.
-#}
{% macro null_code(column, is_observed='true', relation=none, absent='loads.absent') -%}
case
    when {{ relation ~ '.' if relation }}{{ column }} is not null then null
    when not {{ is_observed }} then 'not_observed'
    else coalesce({{ absent }} -> '{{ column }}' ->> 'code', 'no_value')
end
{%- endmacro %}


{#-
The sentence of a code, for people; null where it is. `because` is a reason of the ledger that says more, if there is one.
-#}
{% macro reason_sentence(code, because=none) -%}
{#- the linter knows no adapter -#}
{%- if adapter is defined -%}
{{ return(adapter.dispatch('reason_sentence', 'spotify_assets')(code, because)) }}
{%- else -%}
{{ default__reason_sentence(code, because) }}
{%- endif -%}
{%- endmacro %}


{% macro default__reason_sentence(code, because=none) -%}
{{ sentence_of_code(code) }}
{%- if because %}
        || case
            when {{ because }} is null then ''
            when {{ because }} ->> 'code' in ('not_asked', 'no_data', 'forbidden', 'failed')
                and {{ because }} ->> 'detail' is not null
                then ': ' || ({{ because }} ->> 'detail')
            else
                ': ' || {{ sentence_of_code(because ~ " ->> 'code'") }}
                || coalesce(
                    case {{ because }} ->> 'code'
                        when 'unidentified' then ': ' || ({{ because }} ->> 'detail')
                        else ' (' || ({{ because }} ->> 'detail') || ')'
                    end,
                    ''
                )
        end
{%- endif %}
{%- endmacro %}


{% macro sentence_of_code(code) -%}
case
            when {{ code }} is null then null
            {% for known, sentence in reason_sentences().items() -%}
            when {{ code }} = '{{ known }}' then '{{ sentence }}'
            {% endfor -%}
        end
{%- endmacro %}
