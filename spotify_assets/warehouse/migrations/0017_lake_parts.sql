-- How much of the lake a load has read, so that whoever counts later can see what came or went since.
alter table ops.partition_loads add column lake_parts integer;
comment on column ops.partition_loads.lake_parts is
'Parts of the lake that this load was read from: all that were there. Null where that is not known.';

create or replace view ops.current_partition_loads as
select
    l.load_id, l.table_name, l.source, l.partition_date, l.rows_requested, l.rows_received, l.rows_missing,
    l.rows_loaded, l.rows_quarantined, l.rows_superseded, l.missing, l.content_hash, l.run_id, l.loaded_at, l.absent,
    l.rows_loaded + l.rows_quarantined = 0 and told.is_loss as is_empty_handed,
    l.rows_loaded + l.rows_quarantined = 0 and l.missing <> '{}' and not told.is_loss as is_refused,
    l.lake_parts
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
