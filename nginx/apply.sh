#!/bin/bash
# Makes NGINX run what Nomad rendered, as a transaction: NGINX tests a copy, the script swaps the folders, reloads NGINX,
# and asks it which configuration it runs. It writes what NGINX runs to running.jsonl, one route a line, and what NGINX
# refused last to refused.txt, which is empty otherwise. It leaves out a route that NGINX refuses, and keeps the last
# certificate where it refuses the new one. Where NGINX refuses everything, the last good configuration stays.
set -eu
umask 077
cd "${NOMAD_TASK_DIR}"
certificate=../secrets/tls.pem

generation() { cat next/nginx.conf next/sites.conf "$certificate" | sha256sum | cut -c 1-16; }

# The first line of the certificate's file: {"ingress/tls": 3}, its path and its version in Vault.
versions() { sed -n 's/^berth versions //p' ../secrets/live.pem; }

certificate_version() { versions | sed 's/.*: \([0-9]*\)}$/\1/'; }

# Cut sites.conf into parts/: the beginning, which is 0000, and each route, as NGINX's text and as its line of JSON.
split() {
    rm -rf parts && mkdir parts && : > parts/0000.json || return 1
    awk '/^#berth /{
             part++
             print substr($0, 8) > sprintf("parts/%04d.json", part)
             printf "" > sprintf("parts/%04d.conf", part)  # a route that the template skipped has no text
             next
         }
         { print > sprintf("parts/%04d.conf", part) }' next/sites.conf || return 1
    grep -q '^# end$' next/sites.conf && [ -s parts/0000.conf ]
}

# Let NGINX test candidate/ with these parts. Where the disk is full nothing is tested, and nothing was refused.
accepts() {
    written=no
    cat "$@" > candidate/sites.conf && cat "${@/%.conf/.json}" > candidate/routes.jsonl || return 1
    written=yes
    nginx -t -q -p "${NOMAD_TASK_DIR}" -e stderr -c candidate/nginx.conf 2> candidate/said.txt
}

# Print NGINX's reason without its time, process number and folder.
said() { sed -n "s|.*\[emerg\] \([0-9#]*: \)*||; s|${NOMAD_TASK_DIR}/||g; 1p" candidate/said.txt; }

# Print the part that holds the line which NGINX names, if it names one.
refused_part() {
    local line part lines
    line=$(sed -n '1s|.*candidate/sites.conf:\([0-9]*\).*|\1|p' candidate/said.txt)
    for part in "$@"; do
        lines=$(wc -l < "$part")
        if [ -n "$line" ] && [ "$line" -le "$lines" ]; then
            [ "$part" = parts/0000.conf ] || echo "$part"
            return 0
        fi
        line=$((line - lines))
    done
}

leave_out() { echo "route $(sed -n 's/.*"service": "\([a-z0-9-]*\)".*/\1/p' "${1%.conf}.json"): $(said)" >> refused.next; }

# Leave out the route that NGINX names, until it names none.
without_named() {
    good=(parts/*.conf)
    local bad part kept
    until accepts "${good[@]}"; do
        [ "$written" = yes ] || return 1
        bad=$(refused_part "${good[@]}")
        [ -n "$bad" ] || return 1
        leave_out "$bad"
        kept=()
        for part in "${good[@]}"; do [ "$part" = "$bad" ] || kept+=("$part"); done
        good=("${kept[@]}")
    done
}

# Add the routes one by one: NGINX does not name a line for everything that it refuses.
one_by_one() {
    local all=("${good[@]}") part
    good=(parts/0000.conf)
    accepts "${good[@]}" || return 1
    for part in "${all[@]:1}"; do
        if accepts "${good[@]}" "$part"; then good+=("$part"); continue; fi
        [ "$written" = yes ] || return 1
        leave_out "$part"
    done
    accepts "${good[@]}"
}

prepare() {
    rm -rf candidate && mkdir candidate && : > refused.next || return 1
    split || { echo "the configuration that Nomad rendered is not whole" > refused.next; return 1; }
    cp next/nginx.conf candidate/nginx.conf && cp "$certificate" ../secrets/candidate.pem || return 1
    ln -s ../../secrets/candidate.pem candidate/tls.pem && echo "return 200 '$1\n';" > candidate/generation.conf || return 1
    if without_named; then return 0; fi
    [ "$written" = yes ] || { : > refused.next; return 1; }
    said > refused.next
    if grep -q 'tls.pem\|certificate' refused.next && cp ../secrets/live.pem ../secrets/candidate.pem 2> /dev/null; then
        if without_named; then return 0; fi
    fi
    one_by_one
}

swap() {
    mv -f ../secrets/candidate.pem ../secrets/live.pem
    ln -sfn ../../secrets/live.pem candidate/tls.pem
    echo "$1" > candidate/generation
    rm -rf live && mv candidate live
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
    answer=$(timeout 2 tail -n 1 <&8)
    exec 8>&-
    [ "$answer" = "$1" ]
}

# Ask NGINX until it says that it runs live/, and the given old workers accept nothing more.
confirm() {
    local most=$1 tries=0
    shift
    until answers_with "$(cat live/generation)" 2> /dev/null && ! accept_still "$@"; do
        tries=$((tries + 1))
        if [ "$tries" -ge "$most" ]; then return 1; fi
        # It may not have been there yet when it was told.
        if [ $((tries % 40)) = 0 ] && [ -s nginx.pid ]; then kill -HUP "$(cat nginx.pid)"; fi
        sleep 0.05
    done
    {
        echo "{\"generation\": \"$(cat live/generation)\", \"certificate\": \"$(certificate_version)\"}"
        cat live/routes.jsonl
    } > running.next
    mv running.next running.jsonl
    versions > versions.next
    mv versions.next versions-tls.json
}

# Begun in the background, where nobody waits: without the lock, so that others go on, until it is confirmed.
if [ "${1:-}" = confirm ]; then
    confirm 6000 && { grep -qs 'does not run' refused.txt && : > refused.txt || true; }
    exit
fi
exec 9>apply.lock
flock 9
wanted=$(generation)
if [ -d live ] && [ "$wanted" = "$(cat tried.generation 2> /dev/null)" ]; then
    exit 0  # nothing new, and what NGINX said of it is in refused.txt
fi
if ! prepare "$wanted"; then
    if [ -s refused.next ]; then
        echo "$wanted" > tried.generation
    else
        echo "the configuration could not be written: is the disk full?" > refused.next
    fi
    mv refused.next refused.txt
    cat refused.txt >&2
    # At the start there is no master yet: then what it served before this task restarted will do.
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
    if ! confirm 200 $workers; then
        echo "NGINX does not run the configuration that it was told to load" > refused.txt
        ( bash ./apply.sh confirm 9>&- > /dev/null 2>&1 < /dev/null & )
        exit 1
    fi
fi
