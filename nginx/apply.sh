#!/bin/sh
# Takes up a new sites.conf as a transaction: test it aside, swap, reload. On failure the last good one stays.
set -eu
cd "${NOMAD_TASK_DIR}"
mkdir -p live
if cmp -s next/sites.conf live/sites.conf && cmp -s next/nginx.conf live/nginx.conf; then
    exit 0
fi
nginx -t -q -p "${NOMAD_TASK_DIR}" -e stderr -c next/nginx.conf 2>refused.txt || {
    cat refused.txt >&2
    exit 1
}
rm -f refused.txt
for file in nginx.conf sites.conf; do
    cp "next/$file" "live/.$file"
    mv "live/.$file" "live/$file"
done
# At the start there is no master yet; afterwards the reload keeps old workers until their streams end.
if [ -s nginx.pid ]; then
    kill -HUP "$(cat nginx.pid)"
fi
