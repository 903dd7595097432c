#!/bin/sh
# Makes the user who owns the database and makes the others (`spotify-assets roles`). Runs when the volume is new; again
# changes nothing but the password, which becomes that of the file.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\set password `cat /run/secrets/owner_password`
select 'create role spotify_owner login createrole'
where not exists (select from pg_roles where rolname = 'spotify_owner') \gexec
set password_encryption = 'scram-sha-256';
alter role spotify_owner nosuperuser createrole nocreatedb password :'password';
select format('alter database %I owner to spotify_owner', current_database()) \gexec
SQL
