-- Who has signed in, so that what only they may see can be asked for. The refresh token is encrypted with a key that
-- is not in this database.
create table ops.users (
    source text not null,
    user_id text not null,
    display_name text,
    scopes text [] not null,
    authorised_at timestamptz not null,
    expires_at timestamptz not null,
    refresh_token bytea not null,
    refreshed_at timestamptz not null default now(),
    ended_at timestamptz,
    ended_reason text,
    primary key (source, user_id),
    constraint expires_after_authorisation check (expires_at > authorised_at)
);
comment on table ops.users is
'Users who signed in, with their encrypted refresh tokens. A row is deleted, with all that the user brought, on logout.';
comment on column ops.users.ended_at is
'When the upstream stopped taking the refresh token, by time or because the user took their leave back.';
