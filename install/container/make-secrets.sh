#!/bin/sh
# Writes secrets/ beside this file: random passwords, and places for what only the operator knows. What is there stays: to
# secrets/ of an older version the password of Redis is added, and the files that it does not know, with nothing in them.
set -eu
cd "$(dirname "$0")"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# Containers run as users of their own and must be able to read them; the folder keeps everybody else of this machine out.
umask 022
mkdir -p secrets tls
chmod 700 secrets tls
made=$(ls secrets)
[ -e secrets/redis.conf ] || echo "requirepass $(random)" >secrets/redis.conf
redis_url=redis://default:$(sed -n 's/^requirepass //p' secrets/redis.conf)@redis:6379

# In an older version these two stand in relay.env, which all services get, and are good there.
write_pbx() { printf '%s\n' '# For ingest alone: the phone system, and who the relay is there.' "$@" >secrets/pbx.env; }
write_admin() { printf '%s\n' '# For the relays alone: what signs sessions of the panel.' "$@" >secrets/admin.env; }

if [ -e secrets/relay.env ]; then
  moved='# May be moved here from relay.env:'
  [ -e secrets/pbx.env ] || write_pbx "$moved FQDN, PBX_URL, CLIENT_ID, CLIENT_SECRET, PBX_DB_URL"
  [ -e secrets/admin.env ] || write_admin "$moved ADMIN_SECRET"
  without_password='^REDIS_URL=redis://redis:6379$'
  if [ "$made" = "$(ls secrets)" ] && ! grep -q "$without_password" secrets/relay.env; then
    echo "secrets/ is there already: nothing was changed" >&2
    exit 1
  fi
  # In place, whoever owns it; a Redis of the operator's stays. A run that was cut off here is completed by the next.
  changed=$(sed "s|$without_password|REDIS_URL=$redis_url|" secrets/relay.env && echo .)
  printf '%s' "${changed%.}" >secrets/relay.env
  echo "secrets/ has the password of Redis and a file for every service: docker compose up --detach --wait"
  echo "Each service gets no more secrets than it needs once those of pbx.env and admin.env stand there, not in relay.env."
  exit 0
fi

write_pbx FQDN= CLIENT_ID= CLIENT_SECRET=
write_admin "ADMIN_SECRET=$(random)$(random)"
cat >secrets/owner.env <<TEXT
# The role that owns the tables: for the worker alone.
DATABASE_URL=postgres://relay:$(random)@postgres:5432/relay
TEXT
random >secrets/postgres-password
# The last one: where it is, all are.
cat >secrets/relay.env <<TEXT
# What relay, ingest and worker read. See .env.example for everything that can be set.
REDIS_URL=$redis_url
DATABASE_URL=postgres://relay_app:$(random)@postgres:5432/relay
TEXT
echo "Wrote secrets/. Now set FQDN, CLIENT_ID and CLIENT_SECRET in secrets/pbx.env, and put tls/cert.pem and tls/key.pem."
