# shellcheck shell=sh
# The machine: what it is, the packages of its distribution, the user of the services.

MIN_MEMORY_MB=1500
MIN_DISK_MB=2000

check_machine() {
  # shellcheck source=/dev/null
  distribution=$(. /etc/os-release && echo "$ID $VERSION_ID")
  case $distribution in
    'debian 12' | 'debian 13' | 'ubuntu 22.04' | 'ubuntu 24.04' | 'ubuntu 26.04') say "$distribution" ;;
    *) warn "$distribution is not among those this is tested on: Debian 12 and 13, Ubuntu LTS" ;;
  esac
  [ -d /run/systemd/system ] || die 'systemd does not run here; for containers see install/container'
  memory=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo) / 1024))
  [ "$memory" -ge $MIN_MEMORY_MB ] || warn "$memory MB of memory are little: $MIN_MEMORY_MB are the least"
  disk=$(df -Pm /var/lib | awk 'NR == 2 { print $4 }')
  [ "$disk" -ge $MIN_DISK_MB ] || die "$disk MB are free in /var/lib: $MIN_DISK_MB are the least"
  [ ! -d /var/lib/3cxpbx ] || say 'a 3CX is here'
  if [ -f "$CONFIG/install.env" ]; then say "an installation is here: $PREFIX"; fi
  [ "$SERVICES" = ingest,relay,worker ] || say "of the services here: $SERVICES"
  if [ ! -f "$CONFIG/install.env" ] && has_service relay && is_taken "$PORT"; then
    die "port $PORT is taken: write PORT=… with a free one into $CONFIG/relay.env"
  fi
}

# Whether something listens: 0A is that state in the kernel's list.
is_taken() {
  port=$(printf ':%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$port" '$2 ~ port "$" && $4 == "0A" { found = 1 } END { exit !found }'
}

# The default instances of what is installed here are not started: the product has its own.
install_packages() {
  wanted='openssl acl'
  [ "$REDIS" != own ] || wanted="$wanted redis-server"
  [ "$POSTGRES" != own-cluster ] || wanted="$wanted postgresql"
  if [ "$NGINX" = site ] && has_service relay && ! command -v nginx >/dev/null && [ ! -x /usr/sbin/nginx ]; then
    wanted="$wanted nginx-light"
  fi
  # Of a server of somebody else the dumps are made here all the same.
  if [ "$POSTGRES" = external ] && [ "$BACKUP_DAILY" = yes ] && ! command -v pg_dump >/dev/null; then
    wanted="$wanted postgresql-client"
  fi
  missing=''
  for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
  done
  # A run that was killed inside apt has left these.
  if [ -z "$missing" ] && ! [ -e "$CONFIG/.packages" ]; then
    unchanged
    return
  fi
  changing "packages:${missing:- complete an interrupted installation}" add_packages "$missing"
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c 1-2)" = ii ]; }

add_packages() {
  mkdir -p "$CONFIG"
  chmod 755 "$CONFIG"
  for package in $1; do echo "$package"; done >>"$CONFIG/.packages"
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/3cx-relay.conf
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\n# %s\nexit 101\n' 'install.sh of the 3CX Relay: nothing starts meanwhile' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  result=0
  export DEBIAN_FRONTEND=noninteractive
  quietly dpkg --configure -a || result=1
  if [ -n "$OFFLINE" ]; then
    # shellcheck disable=SC2046
    set -- $(missing_files)
    [ $# -eq 0 ] || quietly apt-get install -y --no-install-recommends \
      -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null "$@" || result=1
  elif [ -n "$1" ]; then
    quietly apt-get update
    # shellcheck disable=SC2086
    quietly apt-get install -y --no-install-recommends $1 || result=1
  fi
  ! grep -qs 'install.sh of the 3CX Relay' /usr/sbin/policy-rc.d || rm -f /usr/sbin/policy-rc.d
  [ $result -eq 0 ] || return 1
  if grep -qx redis-server "$CONFIG/.packages"; then systemctl disable --now --quiet redis-server; fi
  if grep -qx nginx-light "$CONFIG/.packages"; then systemctl enable --now --quiet nginx; fi
  rm -f /etc/postgresql-common/createcluster.d/3cx-relay.conf "$CONFIG/.packages"
}

# Of the .deb files, those that are newer than what is here: some ask for the very version they came with.
missing_files() {
  # One question for all: each is a process, and there are two hundred files.
  dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' | sed -n 's/^ii *//p' >"$SCRATCH/installed"
  for file in "$OFFLINE"/packages/*.deb; do
    [ -f "$file" ] || continue
    name_version=$(dpkg-deb -W --showformat='${Package} ${Version}' "$file")
    here=$(sed -n "s/^${name_version% *} //p" "$SCRATCH/installed")
    [ "$here" != "${name_version#* }" ] || continue
    if [ -z "$here" ] || dpkg --compare-versions "$here" lt "${name_version#* }"; then echo "$file"; fi
  done
}

make_user() {
  if ! getent passwd "$RELAY_USER" >/dev/null; then
    changing "user $RELAY_USER" useradd --system --user-group --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin "$RELAY_USER"
  fi
  folder "$PREFIX" 755 root:root
  folder "$PREFIX/releases" 755 root:root
  folder "$PREFIX/bin" 755 root:root
  folder "$CONFIG" 755 root:root
  folder "$STATE" 750 "$RELAY_USER:$RELAY_USER"
  for each in redis spool exports; do folder "$STATE/$each" 750 "$RELAY_USER:$RELAY_USER"; done
  folder "$BACKUPS" 700 root:root
  # Of the service that makes one every night, which alone is shown what is in the folder of root.
  folder "$BACKUPS/daily" 700 "$RELAY_USER:$RELAY_USER"
  # Half of a write that a run was killed in; it may hold a secret.
  for each in "$CONFIG"/*.new; do
    [ ! -e "$each" ] || changing "remove $each" rm -f "$each"
  done
  unchanged
}
