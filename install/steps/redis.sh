# shellcheck shell=sh
# A Redis of the product's own: unix socket only, every write on the disk before it is acknowledged.

set_up_redis() {
  if [ "$REDIS" = external ]; then
    say 'REDIS_URL names one of yours: doctor looks whether it keeps what it acknowledges'
    return
  fi
  # An operator's afterwards: only what is missing is written.
  if [ ! -f "$CONFIG/redis.conf" ]; then
    put "$CONFIG/redis.conf" 640 "root:$RELAY_USER" <"$SOURCE/install/systemd/redis.conf"
    todo restart
  fi
  unchanged
}
