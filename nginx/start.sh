#!/bin/bash
# Starts the front door with the configuration that Nomad rendered.
set -eu
cd "${NOMAD_TASK_DIR}"
rm -f nginx.pid  # left by a master that died; another process may have its number by now
bash ./apply.sh
( bash ./apply.sh confirm & )
exec nginx -p "${NOMAD_TASK_DIR}" -e stderr -c live/nginx.conf
