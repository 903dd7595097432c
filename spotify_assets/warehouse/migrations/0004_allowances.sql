-- Leave to call: what every process that shares a credential has to agree on, and keeps over restarts.
-- `credential` tells apps apart without being a secret: a short digest of the client id, or 'none'.

create table ops.api_pace (
    upstream text not null,
    credential text not null,
    next_free timestamptz not null default '-infinity',
    paused_until timestamptz not null default '-infinity',
    per_second double precision check (per_second > 0),
    per_day integer check (per_day > 0),
    primary key (upstream, credential)
) with (fillfactor = 50);
comment on table ops.api_pace is
'When the next call may leave, by the clock of the database. Its row is the lock under which calls are reserved.';
comment on column ops.api_pace.per_second is 'The limit that was asked for last; null for none.';
comment on column ops.api_pace.per_day is 'The budget that was asked for last; null for none.';

create table ops.api_usage (
    upstream text not null,
    credential text not null,
    day date not null,
    calls bigint not null default 0 check (calls >= 0),
    pauses integer not null default 0 check (pauses >= 0),
    primary key (upstream, credential, day)
) with (fillfactor = 50);
comment on table ops.api_usage is
'Calls on each UTC day, retries included and sign-in excluded, and how often the upstream asked for a pause.';

create table ops.cooldowns (
    upstream text not null,
    credential text not null,
    until timestamptz not null,
    promised boolean not null,
    reason text not null,
    set_at timestamptz not null default now(),
    primary key (upstream, credential)
);
comment on table ops.cooldowns is
'The last time an upstream asked to be left alone, and until when. `promised` is false where it named no time.';
