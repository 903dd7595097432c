-- Who is who across sources: a watched artist's ids elsewhere, how each was found, and how sure that is.
alter table ops.watchlist add column priority smallint not null default 0;
comment on column ops.watchlist.priority is
'Higher comes first where a day''s calls do not suffice for everyone; among equals who has been watched longest.';

create table ops.identities (
    source text not null,
    artist_id text not null,
    target text not null,
    target_id text,
    method text not null,
    confidence real not null check (confidence between 0 and 1),
    resolved_at timestamptz not null,
    note text not null default '',
    primary key (source, artist_id, target),
    constraint not_found_is_not_sure check (target_id is not null or confidence = 0)
);
comment on table ops.identities is
'Ids of watched artists in other namespaces (source and target are namespaces, see ops.watchlist.source). A null '
'target_id says that it was looked for and not found. Where source equals target, the upstream itself answered with '
'another id: the artist was merged or replaced there. Method hand was entered by a person and is never overwritten.';
create index identities_by_target on ops.identities (target, target_id);
