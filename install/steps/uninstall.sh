# shellcheck shell=sh
# The way back. Without --purge everything stays that is needed to come back: settings, data, user, PostgreSQL cluster.

uninstall() {
  STEPS=4
  [ -z "$PURGE" ] || STEPS=6
  [ -z "$PURGE" ] || confirm_purge
  POSTGRES_UNIT=postgresql@$POSTGRES_VERSION-$POSTGRES_CLUSTER.service
  step 'services' && remove_services && unchanged
  step 'web server' && remove_nginx && unchanged
  step 'access to the ini of the PBX' && remove_access && unchanged
  if [ -n "$PURGE" ]; then
    step 'database' && remove_database
    step 'data, settings, user' && remove_data && remove_nodesource
  fi
  step 'the program' && remove_program
  echo
  if [ -n "$PURGE" ]; then
    echo 'The 3CX Relay is gone. Packages stay: other programs may use them by now.'
  else
    echo "The 3CX Relay is removed. Settings ($CONFIG), data ($STATE), backups ($BACKUPS) and the database stay;"
    echo 'install.sh takes them up again, "install.sh uninstall --purge" of a release removes them.'
  fi
}

confirm_purge() {
  [ -n "$ASK" ] || return 0
  ask "Everything goes, history and backups too. Host name of this machine, to confirm"
  [ "$answer" = "$(hostname)" ] || refuse 'not confirmed, nothing was changed'
}

remove_services() {
  if systemctl is-active --quiet 3cx-relay.target 3cx-relay.service; then
    changing 'stop' systemctl stop 3cx-relay.service 3cx-relay.target
  fi
  if systemctl is-enabled --quiet 3cx-relay.service 2>/dev/null; then
    changing 'no start with the machine any more' systemctl disable --quiet 3cx-relay.service
  fi
  # For whoever installs it again.
  if [ -z "$PURGE" ] && [ -f "$CONFIG/install.env" ]; then write_choices; fi
  remove_backup_timer
  for unit in $(units); do remove "$UNITS/$unit"; done
  remove /run/3cx-relay-settings
  [ -n "$DRY_RUN" ] || systemctl daemon-reload
  # A unit that failed is listed for ever otherwise.
  [ -n "$DRY_RUN" ] || systemctl reset-failed '3cx-relay*' 2>/dev/null || :
}

remove_nginx() {
  [ -n "$NGINX_FILE" ] || return 0
  if [ ! -e "$NGINX_FILE" ] && [ ! -e "$SITES/3cx-relay.conf" ]; then return 0; fi
  remove "$SITES/3cx-relay.conf"
  remove "$NGINX_FILE"
  if systemctl is-active --quiet nginx; then changing 'let nginx read its configuration again' systemctl reload nginx; fi
}

remove_access() {
  for ini in $INIS; do
    above=$ini
    while [ -e "$ini" ] && [ "$above" != / ]; do
      if getfacl -cp "$above" 2>/dev/null | grep -q "^group:$RELAY_USER:"; then
        changing "$above as before" setfacl -x "g:$RELAY_USER" "$above"
      fi
      above=$(dirname "$above")
    done
  done
}

remove_database() {
  if [ "$POSTGRES" = external ]; then
    say 'yours: nothing was removed there'
    return
  fi
  for version in $(cluster_versions); do
    changing "cluster $POSTGRES_CLUSTER of PostgreSQL $version" \
      quietly pg_dropcluster --stop "$version" "$POSTGRES_CLUSTER"
  done
}

remove_data() {
  for each in "$STATE" "$BACKUPS" "$CONFIG"; do remove "$each"; done
  if getent passwd "$RELAY_USER" >/dev/null; then changing "user $RELAY_USER" userdel "$RELAY_USER"; fi
}

remove_program() {
  remove /usr/local/bin/3cx-relay
  remove "$PREFIX"
  remove "$CACHE"
}

remove() {
  if [ -e "$1" ] || [ -L "$1" ]; then changing "remove $1" rm -rf "$1"; fi
}
