#!/bin/sh
# Installs the 3CX Relay on Debian 12 or 13 or Ubuntu LTS, beside a 3CX or without one: see usage below.
# Everything is in main, so that half a download does nothing.
set -eu

usage() {
  cat <<'TEXT'
usage: sudo sh install.sh [options]
       sudo sh install.sh uninstall [--purge] [--non-interactive]

Run it from an unpacked release or a checkout, or with --offline beside a release's files. A second run changes nothing;
an interrupted one is completed by the next. Settings that exist are never overwritten: /etc/3cx-relay/relay.env.

  --dry-run             say what would be changed, and change nothing
  --non-interactive     ask nothing
  --offline DIR         take 3cx-relay-<version>.tar.gz, and packages/*.deb, from DIR; use no network
  --prefix DIR          where the program goes (default /opt/3cx-relay)
  --public-path PATH    what stands before /relay/ and /admin/ on the web server
                        (default: nothing; beside a 3CX /3cx-relay, because it has an /admin of its own)
  --no-nginx            leave the web server alone
  --server-name NAME    host name of the web server's site (not beside a 3CX)
  --tls-cert FILE --tls-key FILE   its certificate; without one a self-signed one is made
  --database-url URL    a PostgreSQL of yours instead of a cluster made here (or in the environment: DATABASE_URL)
  --redis-url URL       a Redis of yours instead of an instance made here (or in the environment: REDIS_URL)
  --backup-daily        make a backup every night and keep BACKUP_KEEP of them (14)
  --services NAMES      which of ingest,relay,worker run on this machine (default: all; kept for the next run).
                        One without ingest needs --redis-url, one without worker --database-url: see SCALING.md
  --fqdn NAME           host name of the 3CX, with the port where it is not 443
  --client-id ID        the API client made in the 3CX admin console
  --admin-user NAME     the first user of the panel (default admin)

Secrets come from the terminal or the environment, never from an argument, which every user of a machine can see:
CLIENT_SECRET of the API client, ADMIN_PASSWORD of the first user (when it is not given one is made and printed once, and
the first sign-in asks for another one), ADMIN_SECRET of the relays that run already (when there are none one is made).
TEXT
}

main() {
  COMMAND=install
  if [ "${1:-}" = uninstall ]; then
    COMMAND=uninstall
    shift
  fi
  DRY_RUN='' ASK=yes OFFLINE='' PURGE=''
  OPT_PREFIX='' OPT_PUBLIC_PATH='' OPT_NGINX='' OPT_SERVER_NAME='' OPT_TLS_CERT='' OPT_TLS_KEY=''
  OPT_DATABASE_URL=${DATABASE_URL:-} OPT_REDIS_URL=${REDIS_URL:-} OPT_SERVICES='' OPT_BACKUP_DAILY=''
  OPT_FQDN=${FQDN:-} OPT_CLIENT_ID=${CLIENT_ID:-} ADMIN_USER=admin
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) DRY_RUN=yes ;;
      --non-interactive) ASK='' ;;
      --purge) PURGE=yes ;;
      --backup-daily) OPT_BACKUP_DAILY=yes ;;
      --no-nginx) OPT_NGINX=none ;;
      --help | -h)
        usage
        exit 0
        ;;
      --offline | --prefix | --public-path | --server-name | --tls-cert | --tls-key | --database-url | --redis-url | \
        --fqdn | --client-id | --admin-user | --services)
        [ $# -ge 2 ] || refuse "$1 needs a value"
        take "$1" "$2"
        shift
        ;;
      *) refuse "there is no option $1" ;;
    esac
    shift
  done
  [ -t 0 ] || ASK=''

  CONFIG=/etc/3cx-relay STATE=/var/lib/3cx-relay CACHE=/var/cache/3cx-relay BACKUPS=/var/backups/3cx-relay
  [ "$(id -u)" -eq 0 ] || refuse 'this changes the system: run it as root, with sudo'
  SCRATCH=$(mktemp -d)
  trap 'rm -rf "$SCRATCH"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  find_source
  for part in common machine release settings redis postgres services nginx finish uninstall; do
    # shellcheck source=/dev/null
    . "$SOURCE/install/steps/$part.sh"
  done
  load_choices
  if [ "$COMMAND" = uninstall ]; then
    uninstall
  else
    install_everything
  fi
}

install_everything() {
  STEPS=13
  step 'the machine' && check_machine
  step 'packages' && install_packages
  step 'user and folders' && make_user
  step 'the program' && install_release
  step 'settings' && write_settings
  step 'the log: Redis' && set_up_redis
  step 'the database: PostgreSQL' && set_up_postgres
  step 'read access to what the PBX says of its database' && grant_pbx_ini
  step 'services' && install_units
  step 'web server' && set_up_nginx
  step 'start' && start_services
  step 'first user of the panel' && create_first_user
  step 'what doctor says' && finish
}

take() {
  case $1 in
    --offline) OFFLINE=$2 ;;
    --prefix) OPT_PREFIX=$2 ;;
    --public-path) OPT_PUBLIC_PATH=${2%/} ;;
    --server-name) OPT_SERVER_NAME=$2 ;;
    --tls-cert) OPT_TLS_CERT=$2 ;;
    --tls-key) OPT_TLS_KEY=$2 ;;
    --database-url) OPT_DATABASE_URL=$2 ;;
    --redis-url) OPT_REDIS_URL=$2 ;;
    --fqdn) OPT_FQDN=$2 ;;
    --client-id) OPT_CLIENT_ID=$2 ;;
    --services) OPT_SERVICES=$2 ;;
    --admin-user) ADMIN_USER=$2 ;;
  esac
}

# SOURCE: the release that this script is a part of, or one unpacked from the tarball beside it.
find_source() {
  TARBALL=''
  here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
  folder=${OFFLINE:-$here}
  if [ -z "$OFFLINE" ] && [ -d "$here/steps" ]; then
    SOURCE=$(dirname "$here")
    if [ ! -d "$SOURCE/test" ] || [ "$COMMAND" = uninstall ]; then return 0; fi
    # A checkout has far more than a release: that is made first.
    node=$SOURCE/node_modules/node/bin/node
    [ -x "$node" ] || refuse "this is a checkout: run \"npm ci\" in $SOURCE first"
    folder=$SCRATCH/made
    "$node" "$SOURCE/install/release/make-release.ts" --with-modules --out "$folder" || refuse 'there is no release'
  fi
  [ "$COMMAND" = install ] || refuse 'run install.sh of the installed release, or "3cx-relay uninstall"'
  # The newest by version, when there are several.
  TARBALL=$(find "$folder" -maxdepth 1 -name '3cx-relay-*.tar.gz' | sort -V | tail -n 1)
  [ -n "$TARBALL" ] || refuse "there is no 3cx-relay-<version>.tar.gz in $folder"
  [ -f "$TARBALL.sha256" ] || refuse "$TARBALL.sha256 is missing: without it nobody knows whether the file is whole"
  (cd "$(dirname "$TARBALL")" && sha256sum --check --status "$(basename "$TARBALL").sha256") ||
    refuse "$TARBALL is not what its .sha256 says: copy it again"
  tar -xzf "$TARBALL" -C "$SCRATCH" --no-same-owner
  SOURCE=$(find "$SCRATCH" -mindepth 1 -maxdepth 1 -type d -name '3cx-relay-*')
}

refuse() {
  echo "install.sh: $*" >&2
  exit 2
}

main "$@"
