#!/bin/sh
# Writes secrets/ beside this file: random passwords, and places for what only the operator knows. What is there stays;
# of secrets/ of an older version, which has no password for Redis, that is all that is added.
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

if [ -e secrets/relay.env ]; then
  without_password='^REDIS_URL=redis://redis:6379$'
  if [ "$made" = "$(ls secrets)" ] && ! grep -q "$without_password" secrets/relay.env; then
    echo "secrets/ is there already: nothing was changed" >&2
    exit 1
  fi
  # In place, whoever owns it; a Redis of the operator's stays. A run that was cut off here is completed by the next.
  changed=$(sed "s|$without_password|REDIS_URL=$redis_url|" secrets/relay.env && echo .)
  printf '%s' "${changed%.}" >secrets/relay.env
  echo "secrets/redis.conf and REDIS_URL of secrets/relay.env have the password of Redis: docker compose up --detach --wait"
  exit 0
fi

cat >secrets/relay.env <<TEXT
# What relay, ingest and worker read. See .env.example for everything that can be set.
FQDN=
CLIENT_ID=
CLIENT_SECRET=
ADMIN_SECRET=$(random)$(random)
REDIS_URL=$redis_url
DATABASE_URL=postgres://relay_app:$(random)@postgres:5432/relay
TEXT
cat >secrets/owner.env <<TEXT
# The role that owns the tables: for the worker alone.
DATABASE_URL=postgres://relay:$(random)@postgres:5432/relay
TEXT
random >secrets/postgres-password
echo "Wrote secrets/. Now set FQDN, CLIENT_ID and CLIENT_SECRET in secrets/relay.env, and put tls/cert.pem and tls/key.pem."
