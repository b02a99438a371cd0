# shellcheck shell=sh disable=SC2034
# What every step uses: saying what happens, and changing a thing only when it is not as it should be.

STEP=0
CHANGES=0
# Work that a killed run left behind its change: a reload, a restart. Lost at a reboot, which does both.
TODO=/run/3cx-relay-install

step() {
  STEP=$((STEP + 1))
  STEP_CHANGES=$CHANGES
  echo "[$STEP/$STEPS] $*"
}

# At the end of a step that found everything in place.
unchanged() {
  [ "$STEP_CHANGES" -ne "$CHANGES" ] || echo '    no change'
}

say() { echo "    $*"; }
warn() { echo "    ! $*" >&2; }

die() {
  echo "    ✗ $*" >&2
  echo "install.sh stopped in step $STEP of $STEPS; run it again when this is put right: it goes on from there." >&2
  exit 1
}

# changing "what is done" command…: runs it, or only says so.
changing() {
  CHANGES=$((CHANGES + 1))
  what=$1
  shift
  if [ -n "$DRY_RUN" ]; then
    echo "    would: $what"
    return 0
  fi
  echo "    $what"
  "$@" || die "$what: failed"
}

# The same for programs that talk a lot: what they said is shown when they fail.
changing_quietly() {
  what=$1
  shift
  changing "$what" quietly "$@"
}

quietly() {
  said=$("$@" 2>&1) && return 0
  echo "$said" | tail -n 20 >&2
  return 1
}

# put FILE MODE OWNER: the content comes on stdin. Written beside, brought to the disk and renamed: nobody ever reads
# half of it, not even after a power cut.
put() {
  content=$(cat && echo .)
  content=${content%.}
  if [ -f "$1" ] && [ "$(cat "$1" && echo .)" = "$content." ] && [ "$(stat -c '%a %U:%G' "$1")" = "$2 $3" ]; then
    return 0
  fi
  changing "write $1" put_now "$1" "$2" "$3"
}

put_now() {
  (
    umask 077
    printf '%s' "$content" >"$1.new"
  ) || return 1
  chown "$3" "$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv -f "$1.new" "$1"
}

# folder PATH MODE OWNER
folder() {
  if [ -d "$1" ] && [ "$(stat -c '%a %U:%G' "$1")" = "$2 $3" ]; then return 0; fi
  changing "folder $1" folder_now "$1" "$2" "$3"
}

folder_now() { mkdir -p "$1" && chown "$3" "$1" && chmod "$2" "$1"; }

# link PATH TARGET: switched by a rename, so that it names one or the other at any moment.
link() {
  if [ "$(readlink "$1" 2>/dev/null)" = "$2" ]; then return 0; fi
  changing "link $1 → $2" link_now "$1" "$2"
}

link_now() {
  rm -f "$1.new"
  ln -s "$2" "$1.new" && mv -fT "$1.new" "$1"
}

# render TEMPLATE: with the values of this installation.
render() {
  sed -e "s|@PREFIX@|$PREFIX|g; s|@CONFIG@|$CONFIG|g; s|@USER@|$RELAY_USER|g" \
    -e "s|@POSTGRES_UNIT@|$POSTGRES_UNIT|g; s|@PUBLIC@|$PUBLIC_PATH|g; s|@PORT@|$PORT|g" \
    -e "s|@SERVER_NAME@|${SERVER_NAME:-_}|g; s|@TLS_CERT@|${TLS_CERT:-}|g; s|@TLS_KEY@|${TLS_KEY:-}|g" \
    -e "s|@WORKER_NETWORK@|${WORKER_NETWORK:-}|g; s|@BACKUPS@|${BACKUPS:-}|g" "$1"
}

todo() { [ -n "$DRY_RUN" ] || { mkdir -p "$TODO" && : >"$TODO/$1"; }; }
is_todo() { [ -e "$TODO/$1" ]; }
is_done() { rm -f "$TODO/$1"; }

random_secret() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# setting FILE KEY: its value, without quotes; empty when it is not set.
setting() {
  [ -f "$1" ] || return 0
  sed -n "/^[[:space:]]*$2=/{s///;s/^'\(.*\)'\$/\1/;s/^\"\(.*\)\"\$/\1/;h;};\${x;p;}" "$1"
}

has_setting() { [ -f "$1" ] && grep -q "^[[:space:]]*$2=." "$1"; }

# default_setting FILE KEY VALUE: only when it is not set, and never over what an operator wrote. Secrets are not shown.
default_setting() {
  if has_setting "$1" "$2"; then return 0; fi
  changing "set $2 in $1" add_setting "$1" "$2" "$3"
}

add_setting() {
  case $3 in
    *[!A-Za-z0-9_./:@%+,?=\&~-]*)
      case $3 in *"'"*) die "$2 must not contain a single quote" ;; esac
      line="$2='$3'"
      ;;
    *) line="$2=$3" ;;
  esac
  (
    umask 077
    { [ ! -f "$1" ] || grep -v "^[[:space:]]*$2=\$" "$1" || :; } >"$1.new" && printf '%s\n' "$line" >>"$1.new"
  ) || return 1
  chmod 600 "$1.new" && sync "$1.new" && mv -f "$1.new" "$1"
}

# What an earlier run decided stands in install.env; an option changes it.
load_choices() {
  known() { setting "$CONFIG/install.env" "$1"; }
  PREFIX=${OPT_PREFIX:-$(known PREFIX)}
  PREFIX=${PREFIX:-/opt/3cx-relay}
  RELAY_USER=$(known RELAY_USER)
  RELAY_USER=${RELAY_USER:-3cx-relay}
  case $PREFIX in /*[!A-Za-z0-9._/-]* | [!/]* | /) refuse "--prefix must be a plain absolute path" ;; esac
  case $OPT_PUBLIC_PATH in '' | /*) ;; *) refuse '--public-path begins with a slash' ;; esac
  case $OPT_PUBLIC_PATH in *[!A-Za-z0-9._/-]*) refuse '--public-path is made of letters, digits, . _ - and /' ;; esac

  choose_services
  SNIPPETS=/var/lib/3cxpbx/Bin/nginx/conf/snippets
  NGINX=${OPT_NGINX:-$(known NGINX)}
  if [ -z "$NGINX" ]; then
    NGINX=site
    [ ! -d "$SNIPPETS" ] || NGINX=snippet
  fi
  PUBLIC_PATH=${OPT_PUBLIC_PATH:-$(known PUBLIC_PATH)}
  if [ -z "$PUBLIC_PATH" ] && [ "$NGINX" = snippet ]; then PUBLIC_PATH=/3cx-relay; fi
  NGINX_FILE=''
  case $NGINX in
    snippet) NGINX_FILE=$SNIPPETS/3cx-relay.conf ;;
    site) NGINX_FILE=/etc/nginx/sites-available/3cx-relay.conf ;;
  esac
  SERVER_NAME=${OPT_SERVER_NAME:-$(known SERVER_NAME)}
  # Beside a 3CX the server has the PBX's name, which relay.env says.
  [ "$NGINX" = snippet ] || SERVER_NAME=${SERVER_NAME:-$(hostname -f 2>/dev/null || hostname)}
  TLS_CERT=${OPT_TLS_CERT:-$(known TLS_CERT)}
  TLS_KEY=${OPT_TLS_KEY:-$(known TLS_KEY)}

  REDIS=$(known REDIS)
  [ -n "$REDIS" ] || { [ -n "$OPT_REDIS_URL" ] && REDIS=external || REDIS=own; }
  POSTGRES=$(known POSTGRES)
  [ -n "$POSTGRES" ] || { [ -n "$OPT_DATABASE_URL" ] && POSTGRES=external || POSTGRES=own-cluster; }
  # Nobody would write into the one or make the tables of the other.
  if [ "$REDIS" = own ] && ! has_service ingest; then
    refuse 'ingest runs elsewhere: name its Redis with --redis-url (after a purge, where one was made here)'
  fi
  if [ "$POSTGRES" = own-cluster ] && ! has_service worker; then
    refuse 'the worker runs elsewhere: name its database with --database-url (after a purge, where one was made here)'
  fi
  choose_backups
  POSTGRES_VERSION=$(known POSTGRES_VERSION)
  POSTGRES_CLUSTER=3cx_relay
  POSTGRES_UNIT=''
  PORT=$(setting "$CONFIG/relay.env" PORT)
  PORT=${PORT:-8082}
  VERSION=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$SOURCE/package.json" | head -n 1)
}

ALL_SERVICES='ingest relay worker'

# SERVICES: those of this machine, in the order in which events flow, with commas.
choose_services() {
  wanted=${OPT_SERVICES:-$(known SERVICES)}
  wanted=${wanted:-ingest,relay,worker}
  SERVICES=''
  for each in $(echo "$wanted" | tr ',' ' '); do
    case $each in ingest | relay | worker) ;; *) refuse "--services: $each is none of ingest, relay and worker" ;; esac
  done
  for each in $ALL_SERVICES; do
    case ",$wanted," in *",$each,"*) SERVICES=${SERVICES:+$SERVICES,}$each ;; esac
  done
  [ -n "$SERVICES" ] || refuse '--services names none'
}

has_service() { case ",$SERVICES," in *",$1,"*) ;; *) return 1 ;; esac; }

# BACKUP_DAILY: whether one is made every night. While the timer is here systemd knows, whoever switched it.
choose_backups() {
  BACKUP_DAILY=$OPT_BACKUP_DAILY
  if [ "$BACKUP_DAILY" = yes ]; then
    has_service worker || refuse '--backup-daily is for the machine of the worker, whose role owns the tables'
  elif [ ! -e "$UNITS/$BACKUP_TIMER" ]; then
    BACKUP_DAILY=$(known BACKUP_DAILY)
  elif systemctl is-enabled --quiet "$BACKUP_TIMER" 2>/dev/null; then
    BACKUP_DAILY=yes
  fi
}
