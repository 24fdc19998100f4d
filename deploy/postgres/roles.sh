#!/bin/sh
# Runs once, in an empty Postgres of compose.yaml: the roles of hogsync and of Grafana, which only reads.
set -eu
secrets=${SECRETS:-/run/secrets}
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set hogsync="$(cat "$secrets/hogsync")" --set grafana="$(cat "$secrets/grafana_reader")" \
    --set database="$POSTGRES_DB" <<'SQL'
revoke all on database :"database" from public;
create role hogsync login password :'hogsync';
grant connect, create on database :"database" to hogsync;
create role grafana login password :'grafana';
alter role grafana set default_transaction_read_only = on;
grant connect on database :"database" to grafana;
alter default privileges for role hogsync grant usage on schemas to grafana;
alter default privileges for role hogsync grant select on tables to grafana;
SQL
