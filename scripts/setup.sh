#!/bin/sh
# Makes .venv from uv.lock. uv comes from PATH, or else from the package index into .berth/uv.
set -eu
cd "$(dirname "$0")/.."
uv_version=0.13.8

fetch_uv() {
    python3 -m venv .berth/uv 2>/dev/null || {
        rm -rf .berth/uv
        as_root="$([ "$(id -u)" = 0 ] || echo "sudo -n") "
        echo "setup: python3 has no venv module; installing the package python3-venv" >&2
        ${as_root}apt-get install -y -qq python3-venv >/dev/null 2>&1 && python3 -m venv .berth/uv || {
            echo "setup: cannot make a virtual environment: run 'sudo apt-get install python3-venv', or install uv" >&2
            exit 2
        }
    }
    .berth/uv/bin/pip install --quiet --disable-pip-version-check "uv==$uv_version"
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: python3 is $(python3 --version 2>&1 | cut -d" " -f2), but Berth needs 3.11 or newer" >&2
    exit 2
}
[ -d .venv ] || python3 -m scripts.ops.toolchain.outlook || true # how long all will take, from the first second
if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.berth/uv/bin/uv
    [ -x "$uv" ] || fetch_uv
fi
"$uv" sync --locked --quiet
