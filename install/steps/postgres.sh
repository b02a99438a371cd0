# shellcheck shell=sh
# A PostgreSQL cluster of the product's own beside those that are here, never the PBX's: its database, the role that
# owns the tables (worker, migrations) and the one that relay and ingest sign in with, which owns nothing.

DATABASE=relay
OWNER_ROLE=relay
SERVICE_ROLE=relay_app
# The migrations give them their rights, and may not make them here.
GROUP_ROLES='relay_service relay_auditor'

set_up_postgres() {
  if [ "$POSTGRES" = external ]; then
    default_setting "$CONFIG/relay.env" DATABASE_URL "$OPT_DATABASE_URL"
    # The unit of the worker asks for the file.
    [ -f "$CONFIG/owner.env" ] || put "$CONFIG/owner.env" 600 root:root <<'TEXT'
# DATABASE_URL of the role that owns the tables, when relay.env names one with fewer rights.
TEXT
    unchanged
    return
  fi
  # Not what an earlier run wrote down: after pg_upgradecluster that version would get a cluster anew, and an empty one.
  found=$(cluster_versions | tail -n 1)
  POSTGRES_VERSION=${found:-$POSTGRES_VERSION}
  if [ -z "$POSTGRES_VERSION" ]; then
    # In a dry run on a machine without it nothing more can be said.
    POSTGRES_VERSION=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null |
      sort -V | tail -n 1)
  fi
  cluster=/etc/postgresql/$POSTGRES_VERSION/$POSTGRES_CLUSTER
  POSTGRES_UNIT=postgresql@$POSTGRES_VERSION-$POSTGRES_CLUSTER.service
  if [ ! -f "$cluster/start.conf" ]; then
    changing "cluster $POSTGRES_CLUSTER of PostgreSQL $POSTGRES_VERSION" create_cluster
  fi
  if ! systemctl is-active --quiet "$POSTGRES_UNIT"; then
    changing "start $POSTGRES_UNIT" start_cluster
  fi
  if [ -n "$DRY_RUN" ] && [ ! -f "$cluster/start.conf" ]; then
    say "would: database $DATABASE and its roles"
    return
  fi
  port=$(sed -n 's/^port *= *\([0-9]*\).*/\1/p' "$cluster/postgresql.conf" | tail -n 1)
  default_setting "$CONFIG/relay.env" DATABASE_URL "$(new_url $SERVICE_ROLE)"
  default_setting "$CONFIG/owner.env" DATABASE_URL "$(new_url $OWNER_ROLE)"
  if ! signs_in $OWNER_ROLE owner.env || ! signs_in $SERVICE_ROLE relay.env; then
    changing "database $DATABASE and its roles" create_database
    todo restart
  fi
  write_choices
  unchanged
}

# Of the clusters that have our name, the newest last: pg_upgradecluster leaves the one from before beside it, stopped.
cluster_versions() {
  pg_lsclusters --no-header 2>/dev/null | sed -n "s/^ *\([0-9.]*\)  *$POSTGRES_CLUSTER .*/\1/p" | sort -V
}

# A run that was killed inside has left data without a configuration, in which nothing was ever stored.
create_cluster() {
  data=/var/lib/postgresql/$POSTGRES_VERSION/$POSTGRES_CLUSTER
  if [ -e "$data" ] || [ -e "$cluster" ]; then
    if [ -f "$cluster/postgresql.conf" ] && [ -f "$CONFIG/owner.env" ]; then
      warn "$cluster is not whole, and the cluster may hold data: repair it by hand"
      return 1
    fi
    rm -rf "$data" "$cluster"
  fi
  quietly pg_createcluster "$POSTGRES_VERSION" "$POSTGRES_CLUSTER" --start-conf=auto --encoding=UTF8 --locale=C.UTF-8 \
    -- --auth-local=peer --auth-host=scram-sha-256
}

start_cluster() { systemctl daemon-reload && quietly systemctl start "$POSTGRES_UNIT"; }

new_url() { echo "postgres://$1:$(random_secret)@127.0.0.1:$port/$DATABASE"; }

# Of a URL that this script wrote.
password_in() { setting "$CONFIG/$1" DATABASE_URL | sed 's|^[^:]*://[^:]*:\([^@]*\)@.*|\1|'; }

signs_in() {
  [ -f "$CONFIG/$2" ] || return 1
  case $(setting "$CONFIG/$2" DATABASE_URL) in "postgres://$1:"*"@127.0.0.1:$port/$DATABASE") ;; *) return 0 ;; esac
  PGPASSWORD=$(password_in "$2") psql -X -h 127.0.0.1 -p "$port" -U "$1" -d "$DATABASE" -c 'SELECT 1' >/dev/null 2>&1
}

# What is here already is left as it is, but for the passwords, which are those of the settings.
create_database() {
  {
    for role in $GROUP_ROLES $OWNER_ROLE $SERVICE_ROLE; do
      echo "SELECT 'CREATE ROLE $role' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') \\gexec"
    done
    echo "ALTER ROLE $OWNER_ROLE LOGIN PASSWORD '$(password_in owner.env)';"
    echo "ALTER ROLE $SERVICE_ROLE LOGIN PASSWORD '$(password_in relay.env)';"
    echo "GRANT relay_service TO $SERVICE_ROLE;"
    echo "SELECT 'CREATE DATABASE $DATABASE OWNER $OWNER_ROLE'"
    echo "  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$DATABASE') \\gexec"
  } | (cd / && quietly runuser -u postgres -- psql -X -q -v ON_ERROR_STOP=1 -p "$port" -d postgres)
}
