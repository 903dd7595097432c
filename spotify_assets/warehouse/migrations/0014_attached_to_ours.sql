-- What others attach to a relation of the platform (a trigger, a policy, a rule, a place in a publication) goes without a
-- word when another relation takes its place: it is theirs as much as a view over it.
create or replace function ops.foreign_dependents(of_relation regclass default null) returns setof text
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
        select d.classid, d.objid, d.objsubid, d.relation_id, d.is_view from dependents as d
        left join pg_index as i on i.indexrelid = d.relation_id
        where
            d.relation_id is null
            or coalesce(i.indrelid, d.relation_id) not in (select m.relation_id from managed as m)
        -- what the platform never makes, on a relation of its own
        union all
        select x.classid, x.objid, 0, null::oid, false
        from looked_at as l
        inner join (
            select 'pg_trigger'::regclass::oid as classid, t.oid as objid, t.tgrelid as relation_id
            from pg_trigger as t where not t.tgisinternal and t.tgparentid = 0
            union all
            select 'pg_policy'::regclass::oid, p.oid, p.polrelid from pg_policy as p
            union all
            select 'pg_rewrite'::regclass::oid, w.oid, w.ev_class from pg_rewrite as w where w.rulename <> '_RETURN'
            union all
            select 'pg_publication_rel'::regclass::oid, r.oid, r.prrelid from pg_publication_rel as r
        ) as x on x.relation_id = l.relation_id
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
