-- What upstreams let us see, and why a column of a loaded day is empty.
create table ops.capabilities (
    upstream text not null,
    credential text not null,
    name text not null,
    allowed boolean not null,
    reason text not null,
    since timestamptz not null,
    checked_at timestamptz not null,
    primary key (upstream, credential, name)
);
comment on table ops.capabilities is
'Calls and fields of an upstream that this credential was found to be granted or refused, with what showed it.';

alter table ops.partition_loads add column absent jsonb not null default '{}';
comment on column ops.partition_loads.absent is
'Columns that no row of this load has a value for, each with the reason: absent is not zero.';

create or replace view ops.current_partition_loads as
select distinct on (table_name, source, partition_date) *
from ops.partition_loads
order by table_name, source, partition_date, load_id desc;
