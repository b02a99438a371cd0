# shellcheck shell=sh
# relay.env: what the product is told. Every value is set once; what an operator wrote stays.

write_settings() {
  env=$CONFIG/relay.env
  if [ ! -f "$env" ]; then
    put "$env" 600 root:root <<'TEXT'
# Settings of the 3CX Relay, handed to its services as a credential of systemd: no environment shows them.
# All that can be set stands in .env.example of the release. "systemctl restart 3cx-relay" applies a change.
TEXT
  elif [ "$(stat -c '%a %U' "$env")" != '600 root' ]; then
    changing "let root alone read $env" protect "$env"
  fi
  ! has_service ingest || ask_for_pbx
  # One for all relays: what it seals for the one the others have to read.
  ! has_service relay || set_admin_secret
  default_setting "$env" SPOOL_DIR "$STATE/spool"
  default_setting "$env" AUDIT_ANCHOR_FILE "$STATE/audit-anchors.jsonl"
  if [ "$REDIS" = external ]; then
    default_setting "$env" REDIS_URL "$OPT_REDIS_URL"
  else
    default_setting "$env" REDIS_URL 'redis+unix:///run/3cx-relay/redis.sock'
  fi
  write_choices
  unchanged
}

set_admin_secret() {
  if [ -z "${ADMIN_SECRET:-}" ] && [ "$SERVICES" != ingest,relay,worker ] && ! has_setting "$env" ADMIN_SECRET; then
    warn 'ADMIN_SECRET is made here: relays on other machines need the same, put it into their relay.env'
  fi
  default_setting "$env" ADMIN_SECRET "${ADMIN_SECRET:-$(random_secret)}"
  unset ADMIN_SECRET
}

protect() { chown root:root "$1" && chmod 600 "$1"; }

is_configured() {
  { has_setting "$CONFIG/relay.env" FQDN || has_setting "$CONFIG/relay.env" PBX_URL; } &&
    has_setting "$CONFIG/relay.env" CLIENT_ID && has_setting "$CONFIG/relay.env" CLIENT_SECRET
}

ask_for_pbx() {
  if ! has_setting "$env" FQDN && ! has_setting "$env" PBX_URL; then
    if [ -n "${PBX_URL:-}" ]; then
      default_setting "$env" PBX_URL "$PBX_URL"
    else
      answer=$OPT_FQDN
      [ -n "$answer" ] || ask 'Host name of the 3CX (with :port where it is not 443)'
      [ -z "$answer" ] || default_setting "$env" FQDN "$answer"
    fi
  fi
  if ! has_setting "$env" CLIENT_ID; then
    answer=$OPT_CLIENT_ID
    [ -n "$answer" ] || ask 'Client ID of the API client (3CX admin console, Integrations → API)'
    [ -z "$answer" ] || default_setting "$env" CLIENT_ID "$answer"
  fi
  if ! has_setting "$env" CLIENT_SECRET; then
    answer=${CLIENT_SECRET:-}
    [ -n "$answer" ] || ask_secretly 'API key that 3CX showed for it'
    [ -z "$answer" ] || default_setting "$env" CLIENT_SECRET "$answer"
  fi
  unset CLIENT_SECRET
}

# ask QUESTION: into $answer; empty when nobody is there to be asked.
ask() {
  answer=''
  if [ -z "$ASK" ] || [ -n "$DRY_RUN" ]; then return 0; fi
  printf '    %s: ' "$1"
  read -r answer || :
}

ask_secretly() {
  if [ -z "$ASK" ] || [ -n "$DRY_RUN" ]; then return 0; fi
  stty -echo
  ask "$1"
  stty echo
  echo
}

# install.env: what this installation is, for the next run, the command line and doctor. No secret is in it.
write_choices() {
  put "$CONFIG/install.env" 644 root:root <<TEXT
# Written by install.sh, which reads it again.
PREFIX=$PREFIX
STATE_DIR=$STATE
BACKUP_DIR=$BACKUPS
RELAY_USER=$RELAY_USER
SERVICES=$SERVICES
PUBLIC_PATH=$PUBLIC_PATH
NGINX=$NGINX
NGINX_FILE=$NGINX_FILE
SERVER_NAME=$SERVER_NAME
TLS_CERT=$TLS_CERT
TLS_KEY=$TLS_KEY
REDIS=$REDIS
POSTGRES=$POSTGRES
POSTGRES_VERSION=$POSTGRES_VERSION
POSTGRES_CLUSTER=$POSTGRES_CLUSTER
BACKUP_DAILY=$BACKUP_DAILY
TEXT
}
