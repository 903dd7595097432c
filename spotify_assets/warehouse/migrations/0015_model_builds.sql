-- Models find out by themselves what has to be built: the ledger numbers each load, and a model remembers its version and
-- the last load that it has seen.

-- A load with a lower number is never committed after one with a higher: whoever has seen a number has seen all below it.
alter table ops.partition_loads alter column load_id drop identity;
create sequence ops.load_ids owned by ops.partition_loads.load_id;
select setval('ops.load_ids', (select coalesce(max(l.load_id), 0) + 1 from ops.partition_loads as l), false);
create function ops.next_load_id() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('spotify_assets ledger order', 0));
    return nextval('ops.load_ids');
end
$$;
comment on function ops.next_load_id () is
'The number of the next load. Waits until the load that took the one before is committed.';
alter table ops.partition_loads alter column load_id set default ops.next_load_id();

drop table ops.model_builds;
create table ops.model_builds (
    schema_name text not null,
    model_name text not null,
    version text not null,
    last_load_id bigint not null,
    inputs text not null,
    first_day date,
    built_at timestamptz not null default now(),
    primary key (schema_name, model_name)
);
comment on table ops.model_builds is
'The last build of each dbt model. Another version builds all of it anew.';
comment on column ops.model_builds.version is
'Digest of what decides what the model holds: its SQL, contract and macros, and those of all models that it reads.';
comment on column ops.model_builds.last_load_id is
'The newest load (ops.partition_loads) that the model and all models that it reads have seen.';
comment on column ops.model_builds.first_day is
'The first day that this build has built; null if it had nothing to build.';
comment on column ops.model_builds.inputs is
'Digest of what the model reads besides loads (ops.identities); empty if it reads nothing else.';

create function ops.begin_build(
    schema_name text, model_name text, version text, tables text [], reads_identities boolean,
    is_incremental boolean, is_whole boolean
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    seen ops.model_builds;
    place text := quote_ident(schema_name) || '.' || quote_ident(model_name);
    inputs text := '';
    is_changed boolean;
    first_day date;
begin
    begin
        perform pg_advisory_xact_lock(hashtextextended(schema_name || '.' || model_name, 0));
        if exists (select from pg_class as c where c.oid = to_regclass(place) and c.relkind = 'r') then
            execute 'lock table only ' || place || ' in row exclusive mode';
        end if;
    exception when lock_not_available then
        raise exception using errcode = 'lock_not_available', message = format(
            '%s was locked by %s for longer than %s. Nothing was changed: build again when that has ended.', place,
            coalesce(
                (
                    select string_agg(
                        format('process %s (%s, %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed')), ' and '
                    )
                    from pg_locks as l
                    inner join pg_stat_activity as a on a.pid = l.pid
                    where l.relation = to_regclass(place) and l.granted and l.mode in (
                        'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
                    )
                ),
                'another build'
            ),
            current_setting('lock_timeout')
        );
    end;
    if reads_identities then
        select coalesce(md5(string_agg(i::text, chr(10) order by i::text collate "C")), '') into inputs
        from ops.identities as i;
    end if;
    select b.* into seen
    from ops.model_builds as b
    where b.schema_name = $1 and b.model_name = $2 and b.version = $3 and not is_whole;
    create temporary table if not exists changed_days (source text primary key, first_day date not null)
    on commit delete rows;
    delete from pg_temp.changed_days;
    perform
        set_config('spotify_assets.last_load_id', coalesce(max(l.load_id), 0)::text, true),
        set_config('spotify_assets.inputs', inputs, true)
    from ops.partition_loads as l;
    insert into pg_temp.changed_days
    select l.source, min(l.partition_date)
    from ops.partition_loads as l
    where
        l.load_id > coalesce(seen.last_load_id, 0)
        and l.load_id <= current_setting('spotify_assets.last_load_id')::bigint
        and l.table_name = any(tables)
    group by l.source;
    select seen.version is null or seen.inputs <> inputs or count(*) > 0, min(c.first_day)
    into is_changed, first_day
    from pg_temp.changed_days as c;
    if is_whole or not is_incremental and is_changed then
        first_day := '1900-01-01';
    end if;
    perform
        set_config('spotify_assets.is_changed', is_changed::text, true),
        set_config('spotify_assets.first_day', coalesce(first_day::text, ''), true);
end
$$;
comment on function ops.begin_build (text, text, text, text [], boolean, boolean, boolean) is
'Begins a model''s build, one at a time: leaves in pg_temp.changed_days, for each source, the first day that was loaded since the last build into a table that the model reads.';

create function ops.end_build(schema_name text, model_name text, version text, parents text []) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into ops.model_builds (schema_name, model_name, version, last_load_id, inputs, first_day, built_at)
    select
        $1, $2, $3,
        least(
            current_setting('spotify_assets.last_load_id')::bigint,
            -- what a parent has not seen, its children have not either
            (
                select min(coalesce(b.last_load_id, 0))
                from unnest(parents) as p (name)
                left join ops.model_builds as b on b.schema_name || '.' || b.model_name = p.name
            )
        ),
        current_setting('spotify_assets.inputs'),
        nullif(current_setting('spotify_assets.first_day'), '')::date,
        clock_timestamp()
    on conflict on constraint model_builds_pkey do update
    set
        version = excluded.version, last_load_id = excluded.last_load_id, inputs = excluded.inputs,
        first_day = excluded.first_day, built_at = excluded.built_at
$$;
comment on function ops.end_build (text, text, text, text []) is
'Notes, in the transaction of the build, what it has seen.';
