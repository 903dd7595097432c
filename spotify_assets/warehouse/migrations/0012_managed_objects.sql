-- What the platform made itself, by name. Whatever else stands in the database is somebody else's: it is never altered or
-- dropped, and where a name that the platform needs is taken, it says so and changes nothing.
create schema if not exists seeds;
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists marts;

create table ops.managed_objects (
    schema_name text not null,
    object_name text not null,
    primary key (schema_name, object_name)
);
comment on table ops.managed_objects is
'Schemas, relations and functions that the platform made, or has claimed while their names were free.';
comment on column ops.managed_objects.object_name is
'As PostgreSQL identifies it in its schema, a function with its arguments; empty for the schema itself.';

-- dbt builds beside the old relation, under a name of its own, which a killed build leaves behind.
create function ops.built_name(name text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$ select regexp_replace(name, '__dbt_(tmp|backup)[0-9]*$', '') $$;

create view ops.managed_relations as
select
    c.oid as relation_id,
    n.nspname::text as schema_name,
    c.relname::text as relation_name,
    c.relkind,
    c.relispartition as is_partition
from pg_catalog.pg_class as c
inner join pg_catalog.pg_class as root on root.oid = coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid)
inner join pg_catalog.pg_namespace as n on root.relnamespace = n.oid
inner join ops.managed_objects as m on n.nspname = m.schema_name and ops.built_name(root.relname::text) = m.object_name
where c.relkind in ('r', 'p', 'v') and m.object_name <> '';
comment on view ops.managed_relations is 'Tables, their partitions, and views that the platform made.';

create view ops.foreign_objects as
select
    n.nspname::text as schema_name,
    substr(o.identity, length(quote_ident(n.nspname)) + 2) as object_name,
    o.type as object_type,
    o.identity
from (select distinct m.schema_name from ops.managed_objects as m) as ours
inner join pg_catalog.pg_namespace as n on n.nspname = ours.schema_name
inner join pg_catalog.pg_depend as d on d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = n.oid
cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, 0) as o
left join pg_catalog.pg_class as c on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
where d.classid not in ('pg_catalog.pg_default_acl'::regclass, 'pg_catalog.pg_statistic_ext'::regclass)
-- a partition is part of its table, a sequence of its column
and not coalesce(c.relispartition, false)
and not exists (
    select from pg_catalog.pg_depend as part
    where part.classid = 'pg_catalog.pg_class'::regclass and part.objid = c.oid and c.relkind = 'S'
    and part.refclassid = 'pg_catalog.pg_class'::regclass and part.deptype in ('a', 'i')
)
and not exists (
    select from ops.managed_objects as m
    where m.schema_name = n.nspname
    and m.object_name = ops.built_name(substr(o.identity, length(quote_ident(n.nspname)) + 2))
);
comment on view ops.foreign_objects is
'What stands in the platform''s schemas without having been made by it, of any kind.';

create function ops.foreign_dependents(of_relation regclass default null) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive managed as (
        select r.relation_id from ops.managed_relations as r
        union
        select of_relation::oid where of_relation is not null
    ),
    looked_at as (
        select m.relation_id from managed as m where of_relation is null or m.relation_id = of_relation::oid
        union
        -- what others have made may stand on a view of ours that goes with its table
        select w.ev_class
        from looked_at as l
        inner join pg_depend as d
            on d.refclassid = 'pg_class'::regclass and d.refobjid = l.relation_id
            and d.classid = 'pg_rewrite'::regclass and d.deptype = 'n'
        inner join pg_rewrite as w on w.oid = d.objid
        where w.ev_class in (select m.relation_id from managed as m)
    ),
    dependents as (
        select distinct
            d.classid, d.objid, d.objsubid,
            coalesce(
                w.ev_class, k.conrelid, a.adrelid, t.tgrelid, p.polrelid,
                case when d.classid = 'pg_class'::regclass then d.objid end
            ) as relation_id,
            w.ev_class is not null as is_view
        from pg_depend as d
        inner join (
            select 'pg_class'::regclass::oid as classid, l.relation_id as objid from looked_at as l
            union all
            select 'pg_type'::regclass::oid, y.oid
            from looked_at as l
            inner join pg_class as c on c.oid = l.relation_id
            inner join pg_type as y on y.oid = c.reltype or y.typelem = c.reltype and c.reltype <> 0
        ) as base on d.refclassid = base.classid and d.refobjid = base.objid
        left join pg_rewrite as w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
        left join pg_constraint as k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.conrelid <> 0
        left join pg_attrdef as a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
        left join pg_trigger as t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
        left join pg_policy as p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
        where d.deptype = 'n'
    ),
    -- an index of one of our tables is part of it
    theirs as (
        select d.* from dependents as d
        left join pg_index as i on i.indexrelid = d.relation_id
        where
            d.relation_id is null
            or coalesce(i.indrelid, d.relation_id) not in (select m.relation_id from managed as m)
    )
    select distinct o.type || ' ' || o.identity
    from theirs as d
    cross join lateral pg_identify_object(
        case when d.is_view then 'pg_class'::regclass::oid else d.classid end,
        case when d.is_view then d.relation_id else d.objid end,
        case when d.is_view then 0 else d.objsubid end
    ) as o
    where not exists (
        select from ops.managed_objects as m
        where m.object_name <> '' and quote_ident(m.schema_name) || '.' || m.object_name = o.identity
    )
    order by 1
$$;
comment on function ops.foreign_dependents (regclass) is
'What others have made that stands on a relation, or on any that the platform made: a drop with CASCADE would take it along.';

create function ops.claim_relations(wanted jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    taken text;
begin
    select string_agg(distinct format('%s.%s', w.one ->> 0, w.one ->> 1), ', ') into taken
    from jsonb_array_elements(wanted) as w (one)
    inner join pg_namespace as n on n.nspname = w.one ->> 0
    left join pg_class as c on c.relnamespace = n.oid and c.relname = w.one ->> 1
    left join pg_type as t on t.typnamespace = n.oid and t.typname = w.one ->> 1
    left join ops.managed_objects as m on m.schema_name = w.one ->> 0 and m.object_name = w.one ->> 1
    left join ops.managed_objects as s on s.schema_name = w.one ->> 0 and s.object_name = ''
    where
        m.object_name is null and (c.oid is not null or t.oid is not null or s.object_name is null)
        or m.object_name is not null and (c.relkind not in ('r', 'p', 'v') or c.oid is null and t.oid is not null);
    if taken is not null then
        raise exception using
            errcode = 'SA001',
            message = format(
                'Somebody else''s objects stand where models are to be built: %s. Nothing was changed. Give Spotify Assets '
                'a database of its own (createdb, then DATABASE_URL), or rename what is not its own.', taken
            );
    end if;
    insert into ops.managed_objects (schema_name, object_name)
    select w.one ->> 0, w.one ->> 1 from jsonb_array_elements(wanted) as w (one)
    on conflict do nothing;
end
$$;
comment on function ops.claim_relations (jsonb) is
'Claims the names of relations, as [[schema, name], …], before they are made; fails if one of them is somebody else''s.';

-- What the migrations before this one have made, and Dagster makes.
insert into ops.managed_objects (schema_name, object_name)
select made.schema_name, unnest(made.names)
from (
    values
    ('snapshots', array[
        '', 'artist_snapshots', 'top_tracks', 'new_releases', 'playlist_tracks', 'album_tracks', 'track_details',
        'audio_features'
    ]),
    ('ops', array[
        '', 'schema_migrations', 'watchlist', 'partition_loads', 'current_partition_loads', 'quarantine', 'api_pace',
        'api_usage', 'cooldowns', 'identities', 'users', 'capabilities', 'removed_raw', 'model_builds',
        'ensure_month(pg_catalog.text,pg_catalog.date)', 'managed_objects', 'managed_relations', 'foreign_objects', 'built_name(pg_catalog.text)',
        'foreign_dependents(pg_catalog.regclass)', 'claim_relations(pg_catalog.jsonb)'
    ]),
    ('forecasts', array['', 'forecasts', 'backtests', 'shown_forecasts']),
    ('dagster', array[
        '', 'alembic_version', 'asset_check_executions', 'asset_daemon_asset_evaluations', 'asset_event_tags',
        'asset_keys', 'backfill_tags', 'bulk_actions', 'concurrency_limits', 'concurrency_slots', 'daemon_heartbeats',
        'dynamic_partitions', 'event_logs', 'instance_info', 'instigators', 'job_ticks', 'jobs', 'kvs', 'pending_steps',
        'run_tags', 'runs', 'secondary_indexes', 'snapshots'
    ])
) as made (schema_name, names);

-- What dbt has built in an installation from before this record: its models' names, if a build was noted, or where the
-- relation and each of its columns carry the description that only dbt writes.
insert into ops.managed_objects (schema_name, object_name)
select built.schema_name, name
from (
    values
    ('seeds', array[
        'bands', 'metrics', 'milestones', 'score_weights', 'thresholds'
    ]),
    ('staging', array[
        'stg_album_tracks', 'stg_artist_snapshots', 'stg_audio_features', 'stg_identities',
        'stg_new_releases', 'stg_partition_loads', 'stg_playlist_tracks', 'stg_top_tracks',
        'stg_track_details'
    ]),
    ('intermediate', array[
        'int_album_listings', 'int_artist_aliases', 'int_artist_days', 'int_artist_profile_changes',
        'int_artist_profile_ids', 'int_artist_profile_joins', 'int_artist_series', 'int_audio_features',
        'int_audio_release_tracks', 'int_load_days', 'int_merged_ids', 'int_observed_span',
        'int_playlist_days', 'int_playlist_entries', 'int_playlist_lists', 'int_release_curves',
        'int_release_days', 'int_release_tracks', 'int_release_uploads', 'int_releases', 'int_song_changes',
        'int_song_days', 'int_suspect_days', 'int_top_track_entries', 'int_top_track_lists',
        'int_track_popularity'
    ]),
    ('marts', array[
        'artist_breakouts', 'artist_comparison', 'artist_leaderboard', 'artist_milestones',
        'artist_popularity_trend', 'audio_features_by_artist', 'audio_features_popularity',
        'data_quality_daily', 'dim_album', 'dim_artist', 'dim_date', 'dim_track', 'genre_trends',
        'new_release_performance', 'new_release_radar', 'new_releases_weekly', 'playlist_trends',
        'playlist_weekly', 'top_track_churn', 'track_popularity_trend'
    ])
) as built (schema_name, names)
cross join unnest(built.names) as name
inner join pg_catalog.pg_namespace as n on n.nspname = built.schema_name
inner join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = name and c.relkind in ('r', 'v')
where
    exists (select from ops.model_builds)
    or obj_description(c.oid, 'pg_class') is not null and not exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null
    );

-- A schema of models is the platform's where something of its own stands in it, or nothing at all.
insert into ops.managed_objects (schema_name, object_name)
select n.nspname, ''
from pg_catalog.pg_namespace as n
where n.nspname in ('seeds', 'staging', 'intermediate', 'marts') and (
    exists (select from ops.managed_objects as m where m.schema_name = n.nspname)
    or not exists (
        select from pg_catalog.pg_depend as d
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = n.oid
        and d.classid <> 'pg_catalog.pg_default_acl'::regclass
    )
);
