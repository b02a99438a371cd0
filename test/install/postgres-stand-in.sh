#!/bin/bash
# What the entrypoint of the official image of PostgreSQL does, as far as our compose files use it: the database is set up
# where the data folder is empty, with a server that only the scripts of /docker-entrypoint-initdb.d can reach.
set -Eeo pipefail
[ "${1:0:1}" != - ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$BASH_SOURCE" "$@"
fi

mkdir -p "$PGDATA"
chmod 00700 "$PGDATA" || :
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  [ -z "$POSTGRES_PASSWORD_FILE" ] || POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
  [ -n "$POSTGRES_PASSWORD" ] || { echo 'POSTGRES_PASSWORD is not set' >&2; exit 1; }
  user=${POSTGRES_USER:-postgres}
  eval "initdb --username=\"\$user\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") $POSTGRES_INITDB_ARGS"
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  PGUSER=$user pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${@:2}" -c listen_addresses= -p 5432)" -w start
  export PGPASSWORD=$POSTGRES_PASSWORD
  database=${POSTGRES_DB:-$user}
  [ "$database" = postgres ] ||
    psql -v ON_ERROR_STOP=1 -X -U "$user" -d postgres -v db="$database" <<<'CREATE DATABASE :"db";'
  for file in /docker-entrypoint-initdb.d/*.sh; do
    [ -e "$file" ] || continue
    # As there: what cannot be executed is read by this very shell.
    if [ -x "$file" ]; then "$file"; else . "$file"; fi
  done
  PGUSER=$user pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
fi
exec "$@"
