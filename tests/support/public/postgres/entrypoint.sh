#!/bin/bash
# Prepares the folders, becomes postgres, makes the database the first time, and starts the server.
set -Eeo pipefail
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    chmod 00700 "$PGDATA" || :
    mkdir -p /var/run/postgresql || :
    chmod 03775 /var/run/postgresql || :
    if [ "$(id -u)" = 0 ]; then
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
        exec gosu postgres "$BASH_SOURCE" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        if [ -z "$POSTGRES_PASSWORD" ]; then
            echo "Error: Database is uninitialized and superuser password is not specified." >&2
            exit 1
        fi
        initdb --username=postgres --auth-host=scram-sha-256 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
        printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
        echo "PostgreSQL init process complete; ready for start up."
    fi
fi
exec "$@"
