#!/bin/bash
# Makes NGINX run what Nomad rendered, as a transaction: NGINX tests a copy, the script swaps the folders, reloads NGINX,
# and asks it which configuration it runs. It writes what NGINX runs to running.jsonl, one route a line, and what NGINX
# refused last to refused.txt, which is empty otherwise. It leaves out a route that NGINX refuses. Where NGINX refuses
# everything, the last good configuration stays.
set -eu
umask 077
cd "${NOMAD_TASK_DIR}"
exec 9>apply.lock
flock 9
certificate=../secrets/tls.pem

generation() { cat next/nginx.conf next/sites.conf "$certificate" | sha256sum | cut -c 1-16; }

certificate_version() { sed -n 's/^berth version \([0-9]*\)$/\1/p' ../secrets/live.pem; }

# Let NGINX test candidate/ with the routes that stdin holds.
accepts() {
    cat > candidate/sites.conf
    nginx -t -q -p "${NOMAD_TASK_DIR}" -e stderr -c candidate/nginx.conf 2> candidate/said.txt
}

# Print NGINX's reason without its time, process number and folder.
said() { sed -n "s|.*\[emerg\] \([0-9#]*: \)*||; s|${NOMAD_TASK_DIR}/||g; 1p" candidate/said.txt; }

# Add the routes one by one, and leave out those that NGINX refuses beside the others.
leave_bad_routes_out() {
    rm -rf parts && mkdir parts
    awk '/^#berth /{ part++ } { print > sprintf("parts/%04d.conf", part) }' next/sites.conf
    local good=(parts/0000.conf) part
    accepts < parts/0000.conf || return 1
    for part in parts/*.conf; do
        if [ "$part" = parts/0000.conf ]; then continue; fi
        if cat "${good[@]}" "$part" | accepts; then
            good+=("$part")
        else
            echo "route $(sed -n '1s/.*"service": "\([a-z0-9-]*\)".*/\1/p' "$part"): $(said)" >> refused.next
        fi
    done
    cat "${good[@]}" | accepts
}

prepare() {
    rm -rf candidate && mkdir candidate
    : > refused.next
    cp next/nginx.conf candidate/nginx.conf
    cp "$certificate" ../secrets/candidate.pem
    ln -s ../../secrets/candidate.pem candidate/tls.pem
    echo "return 200 '$1\n';" > candidate/generation.conf
    accepts < next/sites.conf || leave_bad_routes_out || { said > refused.next; return 1; }
}

swap() {
    mv -f ../secrets/candidate.pem ../secrets/live.pem
    ln -sfn ../../secrets/live.pem candidate/tls.pem
    rm -rf live && mv candidate live
    echo "$1" > live/generation
}

# After a reload the old workers accept connections for another moment, beside the new ones.
accept_still() {
    local worker
    for worker in "$@"; do
        if grep -qs 'worker process' "/proc/$worker/cmdline" && ! grep -qs 'shutting down' "/proc/$worker/cmdline"; then
            return 0
        fi
    done
    return 1
}

answers_with() {
    local answer
    exec 8<> "/dev/tcp/127.0.0.1/${NOMAD_PORT_status}" || return 1
    printf 'GET /generation HTTP/1.0\r\n\r\n' >&8
    answer=$(tail -n 1 <&8)
    exec 8>&-
    [ "$answer" = "$1" ]
}

# Wait until NGINX answers with this generation, and the given old workers accept no more connections.
confirm() {
    local wanted=$1 tries=0
    shift
    until answers_with "$wanted" 2> /dev/null && ! accept_still "$@"; do
        tries=$((tries + 1))
        if [ "$tries" -ge 200 ]; then
            echo "NGINX does not run the configuration that it was told to load" > refused.txt
            return 1
        fi
        # The first signal may have come before NGINX was there to hear it.
        if [ $((tries % 40)) = 0 ] && [ -s nginx.pid ]; then kill -HUP "$(cat nginx.pid)"; fi
        sleep 0.05
    done
    { echo "{\"generation\": \"$wanted\", \"certificate\": \"$(certificate_version)\"}"; sed -n 's/^#berth //p' live/sites.conf; } > running.next
    mv running.next running.jsonl
}

if [ "${1:-}" = confirm ]; then
    confirm "$(cat live/generation)"
    exit
fi
wanted=$(generation)
if [ -d live ] && [ "$wanted" = "$(cat tried.generation 2> /dev/null)" ]; then
    exit 0  # Nomad rendered nothing new, so refused.txt still holds
fi
if ! prepare "$wanted"; then
    echo "$wanted" > tried.generation
    mv refused.next refused.txt
    cat refused.txt >&2
    # At the start there is no master yet: then succeed if this task, before its restart, left a configuration.
    [ ! -s nginx.pid ] && [ -d live ]
    exit
fi
swap "$wanted"
echo "$wanted" > tried.generation
mv refused.next refused.txt
if [ -s nginx.pid ]; then
    master=$(cat nginx.pid)
    workers=$(cat "/proc/$master/task/$master/children" 2> /dev/null || true)
    kill -HUP "$master"
    confirm "$wanted" $workers
fi
