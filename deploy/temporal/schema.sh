#!/bin/sh
# Creates Temporal's two databases and brings their schema to this image's release. Run by docker-compose.yml
# before every start of the server: on a database that is up to date it changes nothing.
# Reads SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD and SQL_PLUGIN, as temporal-sql-tool does.
set -eu

for database in temporal:temporal temporal_visibility:visibility; do
    name=${database%:*}
    schema=postgresql/v12/${database#*:}
    temporal-sql-tool --database "$name" create-database
    temporal-sql-tool --database "$name" setup-schema --version 0.0
    temporal-sql-tool --database "$name" update-schema --schema-name "$schema"
done
