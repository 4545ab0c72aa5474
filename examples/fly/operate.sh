#!/bin/sh
# What one does with a running cluster.
set -eu
APP=guestbook
DB=guestbook-db

# region look
fly status --app "$DB"    # which machine is the primary
fly checks list --app "$DB"
fly ssh console --app "$APP" -C "npx fastify-multi-region doctor" # what this region's app sees
# endregion look

# region reach
fly postgres connect --app "$DB"    # psql on the primary
fly proxy 15432:5432 --app "$DB"    # then: DATABASE_URL=postgres://…@localhost:15432/guestbook npx fastify-multi-region pull
# endregion reach

# region restore
# A snapshot becomes a new cluster, never an old member: attach the app to it once it has been looked at.
fly volumes list --app "$DB"
fly volumes snapshots list "$VOLUME"
fly postgres create --name guestbook-db-restored --snapshot-id "$SNAPSHOT" --region fra
# endregion restore
