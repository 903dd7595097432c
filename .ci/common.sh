# What `.ci/run` and `.ci/nightly` share: system packages, a clone of their own, a PostgreSQL server.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PYTHONUNBUFFERED=1
# Tests here race with real servers, browsers and kills. One that fails is run once more and named RERUN in the summary;
# one that fails twice fails the check.
export PYTEST_ADDOPTS="--reruns 1 -raR"
ORIGIN=$PWD
WORK=$(mktemp -d)
chmod 755 "$WORK"

step() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }

stop_postgres() { :; }
clean_up() {
  stop_postgres
  rm -rf "$WORK"
}
trap clean_up EXIT

install_packages() {
  local missing=()
  command -v git >/dev/null || missing+=(git)
  [ -x /usr/bin/chromium ] || missing+=(chromium fonts-dejavu-core)
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
  command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
  if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

# The commit that is checked out, in a folder with nothing beside it, as whoever clones the project has it.
enter_clone() {
  # The checkout may belong to another user; nobody's own configuration is changed for that.
  printf '[safe]\n\tdirectory = *\n' >"$WORK/gitconfig"
  export GIT_CONFIG_GLOBAL=$WORK/gitconfig
  [ -z "$(git status --porcelain)" ] || echo "Changes that are not committed are not tested:" "$(git status --short | head)"
  git clone --quiet --no-checkout "$ORIGIN" "$WORK/clone/spotify-assets"
  git -C "$WORK/clone/spotify-assets" checkout --quiet --detach "$(git rev-parse HEAD)"
  cd "$WORK/clone/spotify-assets"
}

# From here on the clone has beside it what the checkout has.
link_shared() {
  if [ -d "$ORIGIN/../shared" ]; then ln -s "$(realpath "$ORIGIN/../shared")" ../shared; fi
}

# A PostgreSQL server of its own, reached over TCP with a password, gone at the end.
start_postgres() {
  local port=55439
  as=() # as and bin outlive the function: stop_postgres needs them
  bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  PG_DATA=$(mktemp -d)
  if [ "$(id -u)" = 0 ]; then
    chown postgres "$PG_DATA"
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
  fi
  printf 'ci-only\n' >"$PG_DATA.pw"
  chmod 644 "$PG_DATA.pw"
  stop_postgres() {
    (cd / && "${as[@]}" "$bin/pg_ctl" -D "$PG_DATA/data" -m immediate stop >/dev/null 2>&1) || true
    rm -rf "$PG_DATA" "$PG_DATA.pw"
  }
  (
    cd /
    "${as[@]}" "$bin/initdb" -D "$PG_DATA/data" -U ci --pwfile="$PG_DATA.pw" --auth=scram-sha-256 -E UTF8 >/dev/null
    "${as[@]}" "$bin/pg_ctl" -w -D "$PG_DATA/data" -l "$PG_DATA/log" \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$PG_DATA" start >/dev/null
  )
  export SERVER_URL="postgresql://ci:ci-only@127.0.0.1:$port/postgres"
}

# Files of spotify_assets_tests, as `make` wants them: tests warehouse dbt/test_windows.py
tests() { printf 'spotify_assets_tests/%s ' "$@"; }
