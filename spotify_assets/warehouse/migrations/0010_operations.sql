-- What keeps the platform in order over years: raw responses that were removed by age, and which version of the models
-- the marts were built by.

create table ops.removed_raw (
    table_name text not null,
    source text not null,
    partition_date date not null,
    files integer not null check (files > 0),
    removed_at timestamptz not null default now(),
    primary key (table_name, source, partition_date)
);
comment on table ops.removed_raw is
'Loaded partitions whose raw responses were removed by age (RAW_KEPT_DAYS): what stands in the table can no longer be built anew from the lake.';

create table ops.model_builds (
    version text primary key,
    built_at timestamptz not null default now()
);
comment on table ops.model_builds is
'Versions of the dbt project that all history was built by; the newest is what stands. Another version rebuilds everything at its first build.';
