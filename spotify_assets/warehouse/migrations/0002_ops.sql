-- The platform's own books: what is tracked, what was loaded, what was set aside and why.
create schema if not exists ops;

create table ops.watchlist (
    source text not null,
    artist_id text not null,
    name text,
    added_at timestamptz not null default now(),
    added_by text not null,
    removed_at timestamptz,
    primary key (source, artist_id)
);
comment on table ops.watchlist is
'Artists tracked, per source. A removed artist keeps its row, so that history says since when and until when.';

create table ops.partition_loads (
    load_id bigint generated always as identity primary key,
    table_name text not null,
    source text not null,
    partition_date date not null,
    rows_requested integer not null check (rows_requested >= 0),
    rows_received integer not null check (rows_received >= 0),
    rows_missing integer not null check (rows_missing >= 0),
    rows_loaded integer not null check (rows_loaded >= 0),
    rows_quarantined integer not null check (rows_quarantined >= 0),
    rows_superseded integer not null default 0 check (rows_superseded >= 0),
    missing jsonb not null default '{}',
    content_hash text not null,
    run_id text not null,
    loaded_at timestamptz not null default now(),
    constraint received_is_loaded_or_quarantined check (rows_received = rows_loaded + rows_quarantined)
);
comment on table ops.partition_loads is
'The ledger: one row per load of (table, source, day). Append-only; the newest row of a key says what stands in the table.';
create index partition_loads_by_key on ops.partition_loads (table_name, source, partition_date, load_id desc);

create view ops.current_partition_loads as
select distinct on (table_name, source, partition_date) *
from ops.partition_loads
order by table_name, source, partition_date, load_id desc;

create table ops.quarantine (
    table_name text not null,
    source text not null,
    partition_date date not null,
    raw jsonb not null,
    reasons text [] not null,
    run_id text not null,
    quarantined_at timestamptz not null default now()
);
comment on table ops.quarantine is
'What was received but not loaded, whole, with every reason. Replaced together with its partition.';
create index quarantine_by_key on ops.quarantine (table_name, source, partition_date);
