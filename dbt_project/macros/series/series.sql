{#-
Looking back within dense series: rows that skip no day, so that n rows back is n days back, and one frame serves any
number of columns. Rows need `day_number`, `counting` (the value that counts in the end), `pending_day` (see metrics.sql)
and a window named `series` (partition by the key, order by day_number).

`first` and `last` are days back from the row's day: 6 and 0 are the week that ends on it.
-#}

{% macro frame(first, last) -%}
series rows between {{ first }} preceding and {{ last ~ ' preceding' if last else 'current row' }}
{%- endmacro %}


{#- How many days of the frame have a value that counts on the row's day. -#}
{% macro counted_between(first, last) -%}
count(counting) over ({{ frame(first, last) }})
        - cast(coalesce(pending_day between day_number - {{ first }} and day_number - {{ last }}, false) as integer)
{%- endmacro %}


{#-
Their sum, in hundredths; a pending 0 adds nothing. Whole numbers, because a sum of those can move on with its frame, one in
and one out, and is exact; a sum of floating-point numbers is made anew for every row.
-#}
{% macro sum_between(first, last) -%}
sum(cast(round(counting * 100) as bigint)) over ({{ frame(first, last) }})
{%- endmacro %}


{#- Their mean, null under `least` of them; from the columns sum_<name> and observed_<name>. -#}
{% macro mean_of(name, least) -%}
case
            when observed_{{ name }} >= {{ least }}
                then cast(sum_{{ name }} as double precision) / (100 * observed_{{ name }})
        end
{%- endmacro %}


{#-
The first mean less the second, null where either is. Subtracted before it is divided, so that it is exact too: equal
changes are equal numbers at whatever level, or those who all move alike would seem to have a spread.
-#}
{% macro mean_less_mean(name, least, before, least_before) -%}
case
            when observed_{{ name }} >= {{ least }} and observed_{{ before }} >= {{ least_before }}
                then
                    cast(
                        sum_{{ name }} * observed_{{ before }} - sum_{{ before }} * observed_{{ name }}
                        as double precision
                    ) / (100 * observed_{{ name }} * observed_{{ before }})
        end
{%- endmacro %}


{#- The value `offset` days before the row's day as known on the row's day; null where none counts. -#}
{% macro value_back(offset) -%}
case when pending_day = day_number - {{ offset }} then null else lag(counting, {{ offset }}) over series end
{%- endmacro %}


{#- Every value that counts in the frame, oldest first. A pending 0 was the latest observation, so it comes last. -#}
{% macro values_between(first, last) -%}
trim_array(
            array_agg(counting) filter (where counting is not null) over ({{ frame(first, last) }}),
            cast(coalesce(pending_day between day_number - {{ first }} and day_number - {{ last }}, false) as integer)
        )
{%- endmacro %}


{#-
How far values usually are from their median: the larger of 1.4826 times the median and 1.2533 times the mean of the
distances, either of which estimates the standard deviation of normal values. The median alone is 0 where most values
are equal, which is the rule for popularity. Rows that come in no order of their own are `sorted`, for the last digits of
a sum depend on it, and a day that is built again has to be the same.
-#}
{% macro robust_spread(value, median_value, sorted=false) -%}
{%- set distance = "abs(" ~ value ~ " - " ~ median_value ~ ")" -%}
greatest(
            1.4826 * percentile_cont(0.5) within group (order by {{ distance }}),
            1.2533 * avg({{ distance }}{{ " order by " ~ distance if sorted }})
        )
{%- endmacro %}


{#-
Three counts over the values of a group that are known, from one sort: how many are lower, how many are not higher, and
how many there are.
-#}
{% macro counts_among(value, group_columns) -%}
{%- set known = "partition by " ~ group_columns ~ ", " ~ value ~ " is not null" -%}
case when {{ value }} is not null then rank() over ({{ known }} order by {{ value }}) - 1 end as {{ value }}_lower,
        case when {{ value }} is not null then count(*) over ({{ known }} order by {{ value }}) end
            as {{ value }}_not_higher,
        case when {{ value }} is not null then count(*) over ({{ known }}) end as {{ value }}_known
{%- endmacro %}


{#- Place among those known, 0 to 100: ties stand in the middle of their places; null if alone. -#}
{% macro percentile_of(value) -%}
50 * cast({{ value }}_lower + {{ value }}_not_higher - 1 as double precision) / nullif({{ value }}_known - 1, 0)
{%- endmacro %}


{#- A change in spreads of the peers; null where there are too few peers, or all move alike. -#}
{% macro in_spreads(name) -%}
case when {{ name }}_null_reason is null then {{ name }}_change / {{ name }}_spread end
{%- endmacro %}


{% macro peers_null_reason(name) -%}
case
        when {{ name }}_change is null or band_number is null then 'insufficient_observations'
        when {{ name }}_peers < 20 then 'insufficient_peers'
        when {{ name }}_spread = 0 then 'no_spread'
    end
{%- endmacro %}


{#- A number of the seed `thresholds`, by its name. -#}
{% macro threshold(name) -%}
(select thresholds.value from {{ ref('thresholds') }} as thresholds where thresholds.name = '{{ name }}')
{%- endmacro %}


{#- How many thresholds of the seed `milestones` a value has reached, by its kind. -#}
{% macro milestones_reached(value) -%}
case kind
            {% for kind in ['index', 'level'] -%}
            when '{{ kind }}'
                then width_bucket({{ value }}, (
                    select array_agg(milestones.threshold order by milestones.threshold)
                    from {{ ref('milestones') }} as milestones
                    where milestones.kind = '{{ kind }}'
                ))
            {% endfor -%}
        end
{%- endmacro %}


{#-
Whether the value of `row`, a new high, is a record: the high before it had stood for `record_days`, and a value of `series`
had been below it since. A level that stood still or only rose has not come back.
-#}
{% macro is_record(row, series) -%}
({{ row }}.snapshot_date - {{ row }}.previous_highest_on >= {{ threshold('record_days') }}
        and exists (
            select 1
            from {{ series }} as meanwhile
            where
                meanwhile.source = {{ row }}.source
                and meanwhile.artist_id = {{ row }}.artist_id
                and meanwhile.metric = {{ row }}.metric
                and meanwhile.snapshot_date > {{ row }}.previous_highest_on
                and meanwhile.snapshot_date < {{ row }}.snapshot_date
                and meanwhile.value < {{ row }}.previous_highest_value
                and not meanwhile.is_suspect
        ))
{%- endmacro %}
