{#-
The metric definitions, once, for every series of dated values. Rows need `day_number` (days since
1970-01-01), a window named `series` (partition by the key, order by day_number), and per metric:

<metric>_counting      the value that counts in the end: accepted as seen, or a suspect 0 that the next
                       observation repeated
<metric>_pending_day   day number of a suspect 0 that was the latest observation on the row's day and was
                       repeated only later, so that on this row it does not count yet; else null

Frames are calendar days (range, not rows), so a missing row is a missing day.
-#}

{#- Raise this whenever a formula changes, and rebuild with --full-refresh. -#}
{% macro formula_version() -%}1{%- endmacro %}


{% macro day_number(date_column) -%}({{ date_column }} - date '1970-01-01'){%- endmacro %}


{#- "1_day", "7_days": the end of a column's name. -#}
{% macro days_suffix(days) -%}{{ days }}{{ "_day" if days == 1 else "_days" }}{%- endmacro %}


{#- A sudden 0 or null right after a positive value. -#}
{% macro is_suspect(value, previous_value) -%}
(coalesce({{ value }}, 0) = 0 and coalesce({{ previous_value }}, 0) > 0)
{%- endmacro %}


{#- Plays a day over `days` days, in hundredths: sums of them are exact, in whatever order they are made. -#}
{% macro plays_a_day(plays, days) -%}
cast(round(cast({{ plays }} as numeric) / ({{ days }}), 2) as double precision)
{%- endmacro %}


{#- The value as it counts in the end; `is_repeated` says that the next observation repeated a 0. -#}
{% macro counting_value(value, is_suspect, is_repeated) -%}
case when not {{ is_suspect }} or ({{ value }} = 0 and {{ is_repeated }}) then {{ value }} end
{%- endmacro %}


{#- The value `offset` days before the row's day as known on the row's day; null where none counts. -#}
{% macro value_at(metric, offset) -%}
case
            when {{ metric }}_pending_day = day_number - {{ offset }} then null
            else max({{ metric }}_counting) over (
                series range between {{ offset }} preceding and {{ offset }} preceding
            )
        end
{%- endmacro %}


{#- Every offset that changes over the numbers of days in `spans` may need. -#}
{% macro offsets_for(spans) -%}
    {%- set offsets = [0, 1] -%}
    {%- for span in spans -%}
        {%- for offset in [span - 1, span, span + 1] if offset not in offsets -%}
            {%- do offsets.append(offset) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(offsets) }}
{%- endmacro %}


{#- How many days of the calendar window of `days` days have a value that counts on the row's day. -#}
{% macro counted_in_window(metric, days) -%}
count({{ metric }}_counting) over (series range between {{ days - 1 }} preceding and current row)
    - cast({{ metric }}_pending_day is not null and {{ metric }}_pending_day > day_number - {{ days }} as integer)
{%- endmacro %}


{#- Their sum; a pending 0 adds nothing. -#}
{% macro sum_in_window(metric, days) -%}
sum({{ metric }}_counting) over (series range between {{ days - 1 }} preceding and current row)
{%- endmacro %}


{#- Mean of the calendar window, null under `least` counted days. -#}
{% macro moving_average(metric, days, least) -%}
case
        when {{ metric }}_observed_{{ days_suffix(days) }} >= {{ least }}
            then
                cast({{ metric }}_sum_{{ days_suffix(days) }} as double precision)
                / {{ metric }}_observed_{{ days_suffix(days) }}
    end
{%- endmacro %}


{#- Days back to the current end of a change: 0, or 1 where the row's own day does not count. -#}
{% macro current_offset(metric) -%}
case
        when {{ metric }}_at_0 is not null then 0
        when {{ metric }}_at_1 is not null then 1
    end
{%- endmacro %}


{#- Days back to the past end of the change over `span` days: the nearest counted day within one day. -#}
{% macro past_offset(metric, span) -%}
case
        when {{ metric }}_current_offset is null then null
        when {{ metric }}_current_offset < {{ span }} and {{ metric }}_at_{{ span }} is not null then {{ span }}
        when {{ metric }}_at_{{ span + 1 }} is not null then {{ span + 1 }}
        {%- if span > 1 %}
        when {{ metric }}_at_{{ span - 1 }} is not null then {{ span - 1 }}
        {%- endif %}
    end
{%- endmacro %}


{% macro current_value(metric) -%}
coalesce({{ metric }}_at_0, {{ metric }}_at_1)
{%- endmacro %}


{% macro past_value(metric, span) -%}
case {{ metric }}_past_offset_{{ span }}
        when {{ span }} then {{ metric }}_at_{{ span }}
        when {{ span + 1 }} then {{ metric }}_at_{{ span + 1 }}
        {%- if span > 1 %}
        when {{ span - 1 }} then {{ metric }}_at_{{ span - 1 }}
        {%- endif %}
    end
{%- endmacro %}


{#- Places gained over `span` days among those counted on both days; positive is up. -#}
{% macro rank_change(metric, span, cohort='source, snapshot_date') -%}
{%- set on_both = metric ~ "_at_0 is not null and " ~ metric ~ "_at_" ~ span ~ " is not null" -%}
case
        when {{ on_both }}
            then cast(
                rank() over (
                    partition by {{ cohort }}, {{ on_both }} order by {{ metric }}_at_{{ span }} desc
                )
                - rank() over (
                    partition by {{ cohort }}, {{ on_both }} order by {{ metric }}_at_0 desc
                ) as integer
            )
    end
{%- endmacro %}
