#!/bin/sh
# Writes secrets/ beside this file: random passwords, and places for what only the operator knows. Never overwrites.
set -eu
cd "$(dirname "$0")"
if [ -e secrets/relay.env ]; then
  echo "secrets/relay.env is there already: nothing was changed" >&2
  exit 1
fi
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
mkdir -p secrets tls
# Containers run as users of their own and must be able to read them; the folder keeps everybody else of this machine out.
chmod 700 secrets tls
umask 022
cat >secrets/relay.env <<TEXT
# What relay, ingest and worker read. See .env.example for everything that can be set.
FQDN=
CLIENT_ID=
CLIENT_SECRET=
ADMIN_SECRET=$(random)$(random)
REDIS_URL=redis://redis:6379
DATABASE_URL=postgres://relay_app:$(random)@postgres:5432/relay
TEXT
cat >secrets/owner.env <<TEXT
# The role that owns the tables: for the worker alone.
DATABASE_URL=postgres://relay:$(random)@postgres:5432/relay
TEXT
random >secrets/postgres-password
echo "Wrote secrets/. Now set FQDN, CLIENT_ID and CLIENT_SECRET in secrets/relay.env, and put tls/cert.pem and tls/key.pem."
