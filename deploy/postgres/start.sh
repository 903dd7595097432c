#!/bin/sh
# The image's own start, with the password of the superuser from a file that no `inspect` shows.
set -eu
chown postgres /var/run/postgresql # some engines give a fresh tmpfs to root alone
POSTGRES_PASSWORD=$(cat /run/secrets/postgres_password)
export POSTGRES_PASSWORD
exec docker-entrypoint.sh "$@"
