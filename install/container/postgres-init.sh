#!/bin/sh
# Run once by the image of PostgreSQL, when its folder is empty: the relay's database, the role that owns it, and the one
# that relay and ingest sign in with, which owns nothing. Their passwords are those of the settings.
set -eu

password_in() { sed -n 's|^DATABASE_URL=postgres://[^:]*:\([^@]*\)@.*|\1|p' "/run/secrets/$1"; }

psql -X -q -v ON_ERROR_STOP=1 -v owner="$(password_in owner.env)" -v service="$(password_in relay.env)" <<'SQL'
CREATE ROLE relay_service;
CREATE ROLE relay_auditor;
CREATE ROLE relay LOGIN PASSWORD :'owner';
CREATE ROLE relay_app LOGIN PASSWORD :'service' IN ROLE relay_service;
CREATE DATABASE relay OWNER relay;
SQL
