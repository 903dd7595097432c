#!/bin/sh
# Makes the passwords of the database's users, one file each, where there are none yet:
#   sh deploy/secrets.sh [FOLDER]
# Nobody but you may enter the folder; the files can be read by whoever they are mounted for. To choose a password of your
# own, write it into FOLDER/<user>_password before and run this again: any characters will do.
set -eu
umask 077
folder=${1:-secrets}
mkdir -p "$folder"

random() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }
encoded() { printf %s "$(cat "$1")" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'; } # as in a URL

keep() { # keep FILE: what comes in, whole or not at all
    cat >"$folder/.new"
    chmod 444 "$folder/.new"
    mv "$folder/.new" "$folder/$1"
}

[ -s "$folder/postgres_password" ] || random | keep postgres_password
for user in owner loader reader dagster viewer; do
    [ -s "$folder/${user}_password" ] || random | keep "${user}_password"
    printf 'postgresql://spotify_%s:%s@postgres:5432/spotify_assets\n' \
        "$user" "$(encoded "$folder/${user}_password")" | keep "${user}_url"
done
