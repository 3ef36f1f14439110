#!/bin/sh
# Runs what is in /docker-entrypoint.d before NGINX, as the publisher's image does.
set -e
if [ "$1" = nginx ]; then
    for script in /docker-entrypoint.d/*.sh; do
        echo "$0: Launching $script"
        "$script"
    done
fi
exec "$@"
