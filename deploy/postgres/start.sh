#!/bin/sh
# The image's own start, with the password of the superuser from a file that no `inspect` shows.
set -eu
POSTGRES_PASSWORD=$(cat /run/secrets/postgres_password)
export POSTGRES_PASSWORD
exec docker-entrypoint.sh "$@"
