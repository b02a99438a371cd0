# shellcheck shell=sh
# Who may sign in, and what is left to say.

# On the machine whose role owns the tables: one for all machines.
create_first_user() {
  if ! has_service worker; then
    say 'made where the worker is'
    return
  fi
  if [ -n "$DRY_RUN" ]; then
    [ -f "$CONFIG/install.env" ] || say "would: make the user $ADMIN_USER, when there is none"
    return
  fi
  users=$("$PREFIX/bin/3cx-relay" user list --json) || die 'the users cannot be listed'
  case $users in
    *'"users":[]'*) ;;
    *)
      unchanged
      return
      ;;
  esac
  password=${ADMIN_PASSWORD:-}
  if [ -z "$password" ]; then
    ask "Name of the first user [$ADMIN_USER]"
    ADMIN_USER=${answer:-$ADMIN_USER}
    answer=''
    ask_secretly 'Password (empty: one is made)'
    password=$answer
  fi
  MADE_PASSWORD=''
  if [ -z "$password" ]; then
    # 128 random bits.
    MADE_PASSWORD=$(random_secret | cut -c 1-32)
    password=$MADE_PASSWORD
  fi
  # This once, and nowhere else: it is not kept. Before the user is made, so that a run which is killed between the two
  # leaves nobody whose password was never seen.
  if [ -n "$MADE_PASSWORD" ]; then
    say "password of $ADMIN_USER: $MADE_PASSWORD"
    say 'good for a day: the first sign-in asks for another one'
    say "later: 3cx-relay user reset-password --username $ADMIN_USER"
  fi
  changing "user $ADMIN_USER" create_user
}

create_user() {
  printf '%s\n' "$password" |
    "$PREFIX/bin/3cx-relay" user create --username "$ADMIN_USER" --role admin ${MADE_PASSWORD:+--temporary} >/dev/null
}

finish() {
  if [ -n "$DRY_RUN" ]; then
    echo "Nothing was changed: $CHANGES changes would be made."
    return
  fi
  # 1 is for warnings, 2 for failures: neither undoes the installation.
  "$PREFIX/bin/3cx-relay" doctor || say "doctor ended with exit code $?: it says above what to do"
  echo
  if [ "$CHANGES" -eq 0 ]; then
    echo "3CX Relay $VERSION: nothing had to be changed."
  else
    echo "3CX Relay $VERSION is installed: $CHANGES changes."
  fi
  ! has_service relay || say_panel
  say "settings: $CONFIG/relay.env; keep a copy of ADMIN_SECRET away from this machine"
  say 'next: 3cx-relay status, 3cx-relay --help'
}

say_panel() {
  case $NGINX in
    snippet) say "panel: https://<host name of the 3CX>$PUBLIC_PATH/admin/" ;;
    site) say "panel: https://$SERVER_NAME$PUBLIC_PATH/admin/" ;;
  esac
  case $TLS_CERT in
    "$CONFIG"/*) say 'its certificate is self-signed: run this again with --tls-cert and --tls-key for one of yours' ;;
  esac
}
