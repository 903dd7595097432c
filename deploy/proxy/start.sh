#!/bin/sh
# Writes who may sign in, from the environment, and starts nginx; refuses to start open.
set -eu
case ${PUBLIC_UI_PASSWORD_HASH:-} in
'$'*) ;;
*)
    echo "PUBLIC_UI_PASSWORD_HASH must hold the hash of a password (make one: openssl passwd -6), in single quotes in .env" >&2
    exit 1
    ;;
esac
umask 077
printf '%s:%s\n' "${PUBLIC_UI_USER:?}" "$PUBLIC_UI_PASSWORD_HASH" >/tmp/users
awk '$1 == "nameserver" { print "resolver " $2 " valid=5s;"; exit }' /etc/resolv.conf >/tmp/resolver
exec nginx -c /etc/proxy/nginx.conf
