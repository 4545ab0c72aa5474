#!/bin/sh
# A PostgreSQL cluster and an app in three regions. Needs the flyctl command, and an account.
set -eu
APP=guestbook
DB=guestbook-db

# region cluster
# Three members in the primary region, so that one of them can take over; a clone in another region is a replica.
fly postgres create --name "$DB" --region fra --initial-cluster-size 3 --vm-size shared-cpu-2x --volume-size 10
MACHINE=$(fly machine list --app "$DB" --json | sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
fly machine clone "$MACHINE" --region iad --app "$DB"
fly machine clone "$MACHINE" --region nrt --app "$DB"
# endregion cluster

# region app
fly apps create "$APP"
fly postgres attach "$DB" --app "$APP" # sets DATABASE_URL
fly secrets set MULTI_REGION_KEY="$(npx fastify-multi-region key)" --app "$APP"
fly deploy --app "$APP"
fly scale count 3 --region fra,iad,nrt --max-per-region 1 --app "$APP"
# endregion app
