# shellcheck shell=sh
# What systemd knows of the product, and the PBX's ini that ingest reads.

UNITS=/etc/systemd/system
BACKUP_TIMER=3cx-relay-backup.timer
READY_SECONDS=120
INIS='/var/lib/3cxpbx/Bin/3CXPhoneSystem.ini /var/lib/3cxpbx/Instance1/Bin/3CXPhoneSystem.ini'

# For the group of the services and this file alone: the group that owns it can read recordings, too.
grant_pbx_ini() {
  if ! has_service ingest; then
    remove_access && unchanged
    return
  fi
  for ini in $INIS; do
    [ -f "$ini" ] || continue
    if ! getfacl -cp "$ini" 2>/dev/null | grep -qx "group:$RELAY_USER:r--"; then
      changing "let $RELAY_USER read $ini" setfacl -m "g:$RELAY_USER:r" "$ini"
    fi
    # Through the folders above that are not open to everybody.
    above=$(dirname "$ini")
    while [ "$above" != / ]; do
      if ! stat -c %A "$above" | grep -q 'x$' && ! getfacl -cp "$above" | grep -qx "group:$RELAY_USER:--x"; then
        changing "let $RELAY_USER pass through $above" setfacl -m "g:$RELAY_USER:x" "$above"
      fi
      above=$(dirname "$above")
    done
  done
  unchanged
}

# The target wants all, and is content with those that are here.
units() {
  echo '3cx-relay.service 3cx-relay.target 3cx-relay-settings.service'
  for name in $ALL_SERVICES; do
    ! has_service "$name" || echo "3cx-relay-$name.service"
  done
  ! has_service worker || echo "3cx-relay-backup.service $BACKUP_TIMER"
  [ "$REDIS" != own ] || echo 3cx-relay-redis.service
}

# Services that an earlier run put here, and that this machine has no more.
remove_other_units() {
  for name in $ALL_SERVICES; do
    if ! has_service "$name" && [ -e "$UNITS/3cx-relay-$name.service" ]; then
      changing "stop $name, which is not for this machine" systemctl stop "3cx-relay-$name.service"
      remove "$UNITS/3cx-relay-$name.service"
    fi
  done
  has_service worker || remove_backup_timer
}

remove_backup_timer() {
  [ -e "$UNITS/$BACKUP_TIMER" ] || return 0
  if systemctl is-enabled --quiet "$BACKUP_TIMER" 2>/dev/null; then
    changing 'no backup every night any more' systemctl disable --now --quiet "$BACKUP_TIMER"
  fi
  # One that is being made just now ends, too.
  [ -n "$DRY_RUN" ] || systemctl stop 3cx-relay-backup.service
  remove "$UNITS/$BACKUP_TIMER"
  remove "$UNITS/3cx-relay-backup.service"
  # When it was last due, as systemd remembers it.
  remove "/var/lib/systemd/timers/stamp-$BACKUP_TIMER"
}

# What the unit of the worker says of the network: it needs nobody beyond this machine while both its stores are here and
# Prometheus asks it here. By the settings, which an operator may have changed since they were made; doctor compares.
worker_network() {
  database=$(setting "$CONFIG/owner.env" DATABASE_URL)
  database=${database:-$(setting "$CONFIG/relay.env" DATABASE_URL)}
  if is_here "$(setting "$CONFIG/relay.env" REDIS_URL)" && is_here "$database" &&
    is_here "http://$(setting "$CONFIG/relay.env" INTERNAL_HOST)"; then
    printf '%s' 'IPAddressDeny=any\nIPAddressAllow=localhost'
  else
    printf '%s' '# No IPAddressDeny: a store or Prometheus is on another machine.'
  fi
}

# is_here URL: on a socket or on loopback. Sentinels and nodes of a cluster name others, and are never here.
is_here() {
  case $1 in redis+unix:* | http://) return 0 ;; *+sentinel:* | *+cluster:*) return 1 ;; esac
  case $(echo "$1" | sed -e 's|^[^:]*://||' -e 's|[/?].*||' -e 's|.*@||') in
    127.* | localhost | localhost:* | '[::1]' | '[::1]:'* | ::1) ;;
    *) return 1 ;;
  esac
}

install_units() {
  WORKER_NETWORK=$(worker_network)
  before=$CHANGES
  remove_other_units
  for unit in $(units); do
    # Not through a pipe, whose sides are processes of their own and count for themselves.
    render "$SOURCE/install/systemd/$unit" >"$SCRATCH/unit"
    put "$UNITS/$unit" 644 root:root <"$SCRATCH/unit"
  done
  if [ -n "$DRY_RUN" ]; then
    unchanged
    return
  fi
  # systemd says so itself, also of files that a killed run wrote.
  # shellcheck disable=SC2046
  if [ "$before" -ne "$CHANGES" ] || systemctl show --property=NeedDaemonReload $(units) | grep -q =yes; then
    todo restart
    changing 'let systemd read its units again' systemctl daemon-reload
  fi
  if ! systemctl is-enabled --quiet 3cx-relay.service 2>/dev/null; then
    changing 'start it with the machine' systemctl enable --quiet 3cx-relay.service
  fi
  if [ "$BACKUP_DAILY" = yes ] && ! systemctl is-enabled --quiet "$BACKUP_TIMER" 2>/dev/null; then
    changing 'a backup every night' systemctl enable --now --quiet "$BACKUP_TIMER"
  fi
  unchanged
}

start_services() {
  if [ -n "$DRY_RUN" ]; then
    [ "$CHANGES" -eq 0 ] || say 'would: start or restart what changed'
    unchanged
    return
  fi
  if is_todo restart; then
    # The worker would do it, too; relay and ingest would complain meanwhile of tables that are not there yet.
    ! has_service worker || changing_quietly 'bring the tables up to date' migrate
    changing 'start' systemctl restart 3cx-relay.service
  elif ! are_active; then
    changing 'start what does not run' systemctl start 3cx-relay.service
  fi
  ! has_service worker || wait_until_ready 8085 worker
  ! has_service relay || wait_until_ready 8084 relay
  if ! has_service ingest; then
    :
  elif is_configured; then
    why=$(reasons 8083)
    [ -z "$why" ] || warn "ingest is not ready: $why"
  else
    warn "ingest does not know the PBX yet: write FQDN, CLIENT_ID and CLIENT_SECRET into $CONFIG/relay.env, then run"
    warn '  systemctl restart 3cx-relay-ingest'
  fi
  is_done restart
  unchanged
}

migrate() {
  url=$(setting "$CONFIG/owner.env" DATABASE_URL)
  (cd "$PREFIX/current" && DATABASE_URL=${url:-$(setting "$CONFIG/relay.env" DATABASE_URL)} \
    "$PREFIX/bin/node" shared/store/migrate.ts)
}

are_active() {
  for unit in $(units); do
    if [ "$unit" = 3cx-relay-ingest.service ] && ! is_configured; then continue; fi
    # Over as soon as they have done their work, or for the operator to switch.
    case $unit in 3cx-relay-settings.service | 3cx-relay-backup.*) continue ;; esac
    systemctl is-active --quiet "$unit" || return 1
  done
}

# reasons PORT: why a process is not ready; nothing when it is.
reasons() {
  "$PREFIX/bin/node" -e '
    fetch(`http://127.0.0.1:${process.argv[1]}/readyz`, { signal: AbortSignal.timeout(3000) })
      .then(async answer => answer.ok || console.log((await answer.json()).reasons.join("; ")))
      .catch(() => console.log("it does not answer"))' "$1"
}

wait_until_ready() {
  until=$(($(date +%s) + READY_SECONDS))
  while why=$(reasons "$1") && [ -n "$why" ]; do
    [ "$(date +%s)" -lt $until ] || die "$2 is not ready after $READY_SECONDS s: $why (journalctl -u 3cx-relay-$2)"
    sleep 1
  done
}
