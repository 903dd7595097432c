-- How much of the lake a load has read, so that whoever counts later can see what came or went since.
alter table ops.partition_loads add column lake_parts integer;
comment on column ops.partition_loads.lake_parts is
'Parts of the lake that this load was read from: all that were there. Null where that is not known.';

create or replace view ops.current_partition_loads as
select distinct on (table_name, source, partition_date) *
from ops.partition_loads
order by table_name, source, partition_date, load_id desc;
