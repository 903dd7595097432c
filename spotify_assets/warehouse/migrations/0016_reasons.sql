-- Why something is missing, or a column is empty, is a code with a detail: programs compare the code, and people read a
-- sentence that is made of both. What was said in sentences until now is rewritten; what a sentence said more is the detail.
with said as (
    select l.load_id, l.source, true as is_missing, m.key, m.value as sentence
    from ops.partition_loads as l cross join lateral jsonb_each_text(l.missing) as m
    union all
    select l.load_id, l.source, false, a.key, a.value
    from ops.partition_loads as l cross join lateral jsonb_each_text(l.absent) as a
),

coded as (
    select
        said.*,
        case
            when sentence in ('', 'not asked for', 'planned but not asked for: the run ended first') then 'not_asked'
            when sentence = 'the calls of the day were used up before its turn came' then 'budget_spent'
            when sentence = 'the upstream asked to be left alone before its turn came' then 'cooldown'
            when sentence = 'not published by this source' then 'not_published'
            when sentence = 'not among the imported columns' then 'not_in_file'
            when sentence = 'left out of every answer of this day: this app may not see it' then 'withheld'
            when sentence = 'in no answer of this day' then 'not_told'
            when sentence = 'no value came on this day' then 'no_values'
            when starts_with(sentence, 'this app may not see it')
                and strpos(sentence, source || ' tells nothing about') > 0 then 'not_offered'
            when starts_with(sentence, 'this app may not see it') then 'refused'
            when starts_with(sentence, 'its id at') then 'unidentified'
            when sentence ~ '^(not found|unknown to the upstream)' then 'not_found'
            when starts_with(sentence, 'ListenBrainz gives top tracks to signed-in users only') then 'not_asked'
            when sentence in (
                'unknown to ListenBrainz (no listens)', 'no recordings that anybody listened to', 'no top tracks',
                'no top tracks in this market', 'no tracks in the answer'
            ) then 'no_data'
            when strpos(sentence, 'HTTP 403') > 0 then 'forbidden'
            else 'failed'
        end as code
    from said
),

reasoned as (
    select
        coded.*,
        jsonb_strip_nulls(jsonb_build_object('code', code, 'detail', nullif(
            case
                when sentence = 'unknown to the upstream (null)' then 'no data for this id'
                when code in ('refused', 'unidentified', 'not_found') then regexp_replace(
                    regexp_replace(
                        sentence,
                        '^(this app may not see it|its id at( \S+ is not known)?|not found|unknown to the upstream)(: | )?',
                        ''
                    ),
                    '^\((.*)\)$', '\1'
                )
                when code in ('no_data', 'forbidden', 'failed') or starts_with(sentence, 'ListenBrainz gives') then sentence
            end, ''
        ))) as reason
    from coded
),

rewritten as (
    select
        load_id,
        coalesce(jsonb_object_agg(key, reason) filter (where is_missing), '{}') as missing,
        coalesce(jsonb_object_agg(key, reason) filter (where not is_missing), '{}') as absent
    from reasoned
    group by load_id
)

update ops.partition_loads as l
set missing = r.missing, absent = r.absent
from rewritten as r
where r.load_id = l.load_id;

comment on column ops.partition_loads.missing is
'What was asked for and did not come, by key, each with the reason: {"code": …} and, if there is more to say, "detail".';
comment on column ops.partition_loads.absent is
'Columns that no row of this load has a value for, each with the reason, as in `missing`: absent is not zero.';

-- What a load came to, said once for all who ask which days were lost: nothing is lost by what the upstream refuses or does
-- not offer, nor by what could not be asked for.
create or replace view ops.current_partition_loads as
select
    l.*,
    l.rows_loaded + l.rows_quarantined = 0 and told.is_loss as is_empty_handed,
    l.rows_loaded + l.rows_quarantined = 0 and l.missing <> '{}' and not told.is_loss as is_refused
from (
    select distinct on (table_name, source, partition_date) *
    from ops.partition_loads
    order by table_name, source, partition_date, load_id desc
) as l
cross join lateral (
    select exists (
        select from jsonb_each(l.missing) as m (key, reason)
        where m.reason ->> 'code' not in ('not_offered', 'refused', 'unidentified')
    ) as is_loss
) as told;
comment on column ops.current_partition_loads.is_empty_handed is
'Whether no row came though the upstream would have told: such a day is lost.';
comment on column ops.current_partition_loads.is_refused is
'Whether no row came because the upstream tells nothing of it, or there was no way to ask.';
