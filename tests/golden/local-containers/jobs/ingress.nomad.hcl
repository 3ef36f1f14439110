# The front door: NGINX, routing to what Consul says is healthy
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "ingress" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "default"
  node_pool   = "default"
  type        = "system"
  meta = {
    "berth_form"  = "fe0652725d8a"
    "berth_stack" = "local"
  }

  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "60s"
    progress_deadline = "630s"
  }

  group "ingress" {
    shutdown_delay = "4s"

    network {
      port "http" {
        static = 8080
        host_network = "loopback"
        to     = 8080
      }
      port "https" {
        static = 8443
        host_network = "loopback"
        to     = 8443
      }
      port "status" {
        to = 8081
      }
    }

    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"
      mode     = "delay"
    }

    service {
      name     = "ingress-http"
      port     = "http"
      provider = "consul"
      tags     = ["berth", "local"]
    }

    service {
      name     = "ingress-https"
      port     = "https"
      provider = "consul"
      tags     = ["berth", "local"]
    }

    service {
      name     = "ingress"
      port     = "status"
      provider = "consul"
      tags     = ["berth", "local"]

      check {
        name            = "status http /healthz"
        type            = "http"
        protocol        = "http"
        path            = "/healthz"
        tls_skip_verify = false
        interval        = "2s"
        timeout         = "2s"
      }
    }

    task "ingress" {
      driver       = "docker"
      user         = "10001:10001"
      kill_timeout = "600s"

      config {
        image = "10.213.0.1:5050/backend/ingress/main:0.1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        args  = ["/bin/bash", "$${NOMAD_TASK_DIR}/start.sh"]
        ports = ["http", "https", "status"]

        image_pull_timeout = "3600s"
        network_mode       = "berth"

        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]
        readonly_rootfs = true

        mount {
          type   = "tmpfs"
          target = "/tmp"
          tmpfs_options {
            size = 67108864 # 64 MB, which count as the task's memory
          }
        }
      }

      env = {
        "BERTH_BIND"              = "0.0.0.0"
        "BERTH_STACK"             = "local"
        "BERTH_TLS_ROUTES"        = "false"
        "BERTH_LONGEST_REQUEST_S" = "590"
      }

      vault {
        role         = "berth-ingress"
        env          = false
        disable_file = true
        change_mode  = "noop"
      }

      consul {}

      identity {
        name = "consul_default"
        aud  = ["consul.io"]
        ttl  = "1h"
      }

      template {
        destination = "local/next/nginx.conf"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
# The front door. Nomad renders sites.conf from the routes in Consul; this file holds what all routes share.
# Paths are relative to the folder of this file: next/, candidate/ or live/. Only the pid is relative to local/.
daemon off;
worker_processes auto;
worker_shutdown_timeout {{ env "BERTH_LONGEST_REQUEST_S" }}s;
pid nginx.pid;
error_log stderr warn;

events {
    worker_connections 4096;
}

http {
    access_log /dev/stdout;
    default_type application/json;
    server_tokens off;

    # Large enough for the longest host name there can be: NGINX would refuse the whole file for a name too long.
    server_names_hash_bucket_size 512;
    server_names_hash_max_size 4096;

    # NGINX passes a body on as it comes, so a body fills no memory, and workers need no folder to write to.
    proxy_request_buffering off;
    client_body_buffer_size 64k;

    # Cookies and tokens make headers of up to 32 KB, in requests and in answers.
    large_client_header_buffers 4 32k;
    underscores_in_headers on;

    # Streams: NGINX holds nothing back, and keeps idle connections to peers.
    proxy_buffering off;
    proxy_buffer_size 32k;
    proxy_buffers 4 32k;
    proxy_busy_buffers_size 64k;
    proxy_max_temp_file_size 0;
    proxy_connect_timeout 2s;
    proxy_http_version 1.1;

    # A peer gets the host and port that the client asked for. Where a request's line and its Host header differ, the
    # line counts, since NGINX routed by it. WebSockets pass, and no other upgrade: what follows one is not routed.
    map "$host $http_host" $asked_host {
        default $host;
        "~*^(?<asked_name>\S+) \k<asked_name>(?<asked_port>:[0-9]+)?$" $asked_name$asked_port;
    }
    map $http_upgrade $asked_upgrade { default ""; "~*^websocket$" websocket; }
    map $asked_upgrade $asked_connection { default upgrade; "" ""; }
    proxy_set_header Host $asked_host;
    proxy_set_header Upgrade $asked_upgrade;
    proxy_set_header Connection $asked_connection;

    # There is no proxy before NGINX, so only NGINX knows who sent a request and how it came. Some services take
    # `X_Real_IP` for the same header, so NGINX lets no spelling of these through.
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $asked_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Port "";
    proxy_set_header Forwarded "";
    proxy_set_header X_Real_IP "";
    proxy_set_header X-Real_IP "";
    proxy_set_header X_Real-IP "";
    proxy_set_header X_Forwarded_For "";
    proxy_set_header X-Forwarded_For "";
    proxy_set_header X_Forwarded-For "";
    proxy_set_header X_Forwarded_Host "";
    proxy_set_header X-Forwarded_Host "";
    proxy_set_header X_Forwarded-Host "";
    proxy_set_header X_Forwarded_Proto "";
    proxy_set_header X-Forwarded_Proto "";
    proxy_set_header X_Forwarded-Proto "";
    proxy_set_header X_Forwarded_Port "";
    proxy_set_header X-Forwarded_Port "";
    proxy_set_header X_Forwarded-Port "";

    # Consul decides which peers are healthy. NGINX remembers no failure (max_fails=0); it tries the next peer only
    # where it could not reach one, and never sends a request twice that a peer may have begun.
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 3;

    ssl_certificate tls.pem;
    ssl_certificate_key tls.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:_tls:4m;

    # Answers health checks, and 503 with Retry-After for a service without healthy instances.
    server {
        listen {{ env "BERTH_BIND" }}:{{ env "NOMAD_PORT_status" }} default_server;
        access_log off;
        location = /healthz {
            default_type text/plain;
            return 200 "ok\n";
        }
        # Tells which configuration runs: apply.sh asks for it before it writes down what NGINX runs.
        location = /generation {
            default_type text/plain;
            include generation.conf;
        }
        location / {
            add_header Retry-After 5 always;
            return 503 '{"error": "no healthy instance", "service": "$host", "retry_after_s": 5}\n';
        }
    }

    include sites.conf;
}
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/start.sh"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
#!/bin/bash
# Starts the front door with the configuration that Nomad rendered.
set -eu
cd "$${NOMAD_TASK_DIR}"
rm -f nginx.pid  # left by a master that died; another process may have its number by now
bash ./apply.sh
( bash ./apply.sh confirm & )
exec nginx -p "$${NOMAD_TASK_DIR}" -e stderr -c live/nginx.conf
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/apply.sh"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
#!/bin/bash
# Makes NGINX run what Nomad rendered, as a transaction: NGINX tests a copy, the script swaps the folders, reloads NGINX,
# and asks it which configuration it runs. It writes what NGINX runs to running.jsonl, one route a line, and what NGINX
# refused last to refused.txt, which is empty otherwise. It leaves out a route that NGINX refuses, and keeps the last
# certificate where it refuses the new one. Where NGINX refuses everything, the last good configuration stays.
set -eu
umask 077
cd "$${NOMAD_TASK_DIR}"
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
    cat "$@" > candidate/sites.conf && cat "$${@/%.conf/.json}" > candidate/routes.jsonl || return 1
    written=yes
    nginx -t -q -p "$${NOMAD_TASK_DIR}" -e stderr -c candidate/nginx.conf 2> candidate/said.txt
}

# Print NGINX's reason without its time, process number and folder.
said() { sed -n "s|.*\[emerg\] \([0-9#]*: \)*||; s|$${NOMAD_TASK_DIR}/||g; 1p" candidate/said.txt; }

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

leave_out() { echo "route $(sed -n 's/.*"service": "\([a-z0-9-]*\)".*/\1/p' "$${1%.conf}.json"): $(said)" >> refused.next; }

# Leave out the route that NGINX names, until it names none.
without_named() {
    good=(parts/*.conf)
    local bad part kept
    until accepts "$${good[@]}"; do
        [ "$written" = yes ] || return 1
        bad=$(refused_part "$${good[@]}")
        [ -n "$bad" ] || return 1
        leave_out "$bad"
        kept=()
        for part in "$${good[@]}"; do [ "$part" = "$bad" ] || kept+=("$part"); done
        good=("$${kept[@]}")
    done
}

# Add the routes one by one: NGINX does not name a line for everything that it refuses.
one_by_one() {
    local all=("$${good[@]}") part
    good=(parts/0000.conf)
    accepts "$${good[@]}" || return 1
    for part in "$${all[@]:1}"; do
        if accepts "$${good[@]}" "$part"; then good+=("$part"); continue; fi
        [ "$written" = yes ] || return 1
        leave_out "$part"
    done
    accepts "$${good[@]}"
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
    exec 8<> "/dev/tcp/127.0.0.1/$${NOMAD_PORT_status}" || return 1
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
if [ "$${1:-}" = confirm ]; then
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
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "secrets/tls.pem"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "script"
        splay       = "0s"
        data        = <<EOT
{{ define "text" }}{{ if sprig_kindIs "string" . }}{{ . }}{{ else if sprig_kindIs "invalid" . }}{{ sprig_fail "the field is missing or null" }}{{ else }}{{ . | toJSON }}{{ end }}{{ end }}berth versions {"ingress/tls": {{ with secret (printf "secret/data/default/ingress/tls?version=%s" (key "berth/local/versions/ingress/tls")) }}{{ .Data.metadata.version }}{{ end }}}
{{ with secret (printf "secret/data/default/ingress/tls?version=%s" (key "berth/local/versions/ingress/tls")) }}{{ executeTemplate "text" (index .Data.data "certificate") }}{{ end }}
{{ with secret (printf "secret/data/default/ingress/tls?version=%s" (key "berth/local/versions/ingress/tls")) }}{{ executeTemplate "text" (index .Data.data "private_key") }}{{ end }}
EOT

        change_script {
          command       = "/bin/bash"
          args          = ["local/apply.sh"]
          timeout       = "20s"
          fail_on_error = false
        }

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/next/sites.conf"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "script"
        splay       = "0s"
        data        = <<EOT
{{- /* Nomad renders this on the node, from Consul: one upstream and one server for each route's record, a small JSON text
       in the exact format below. It leaves out, and names, a record or an address of any other format. Each route begins
       with a line `#berth {…}`, by which apply.sh tells routes apart, and says what NGINX runs. */ -}}
{{- $name := `[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?` -}}
{{- $host := `(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?[.]){1,6}[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?` -}}
{{- $paths := `\[(?:"/[A-Za-z0-9._~/-]*"(?:, "/[A-Za-z0-9._~/-]*")*)?\]` -}}
{{- $record := printf `^{"version": 1, "host": "%s", "paths": %s, "hidden": %s, ` $host $paths $paths -}}
{{- $record = printf `%s"longest_request_s": [1-9][0-9]{0,4}, "max_body_mb": [1-9][0-9]{0,3}}$` $record -}}
{{- $number := `(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])` -}}
{{- $address := printf `^(?:%s[.]){3}%s$` $number $number -}}
{{- $plain := printf "%s:%s" (env "BERTH_BIND") (env "NOMAD_PORT_http") -}}
{{- $tls := printf "%s:%s" (env "BERTH_BIND") (env "NOMAD_PORT_https") -}}
{{- $redirects := eq (env "BERTH_TLS_ROUTES") "true" -}}
# A host that no route names gets 404, and never the first route by chance.
server {
    {{- if not $redirects }}
    listen {{ $plain }} default_server;
    {{- end }}
    listen {{ $tls }} ssl http2 default_server;
    return 404 '{"error": "no such host"}\n';
}
{{- if $redirects }}
server {
    listen {{ $plain }} default_server;
    return 308 https://$host$request_uri;
}
{{- end }}
{{- range ls (printf "berth/%s/routes" (env "BERTH_STACK")) }}{{ $service := .Key }}
{{- if not (and ($service | regexMatch (printf "^%s$" $name)) (.Value | regexMatch $record)) }}
#berth {"skipped": {{ $service | toJSON }}, "why": "its record has not the form that this front door knows"}
{{- else }}{{ $route := .Value | parseJSON }}{{ $taken := printf "host %s" $route.host }}{{ if scratch.Key $taken }}
#berth {"skipped": "{{ $service }}", "why": "{{ $route.host }} is already the host of {{ scratch.Get $taken }}"}
{{- else }}{{ scratch.Set $taken $service }}{{ scratch.Set "peers" "" }}{{ scratch.Set "unfit" "" }}
{{- range service $service }}{{ $peer := printf "%s:%d" .Address .Port }}
{{- $fits := and (.Address | regexMatch $address) (ge .Port 1) (le .Port 65535) }}
{{- $list := "unfit" }}{{ if $fits }}{{ $list = "peers" }}{{ else }}{{ $peer = sprig_trunc 60 $peer }}{{ end }}
{{- scratch.Set $list (printf `%s, %s` (scratch.Get $list) ($peer | toJSON)) }}{{ end }}
{{- $peers := printf "[%s]" (scratch.Get "peers" | trimPrefix ", ") }}
#berth {"service": "{{ $service }}", "record": {{ .Value }}, "peers": {{ $peers }}, "unfit": [{{ scratch.Get "unfit" | trimPrefix ", " }}]}
upstream {{ $service }} {
    zone {{ $service }} 1m;
    least_conn;
    {{- range parseJSON $peers }}
    server {{ . }} max_fails=0;
    {{- else }}
    server 127.0.0.1:{{ env "NOMAD_PORT_status" }} max_fails=0;
    {{- end }}
    keepalive 32;
}
server {
    {{- if not $redirects }}
    listen {{ $plain }};
    {{- end }}
    listen {{ $tls }} ssl;
    server_name {{ $route.host }};
    {{- /* A service gets the path as it was asked for, so it must mean there what it means here. */}}
    if ($request_uri ~* "^[^?]*(?:/|%2f)(?:[.]|%2e){1,2}(?:;|/|%2f|[?]|$)") { return 400 '{"error": "dots in the path"}\n'; }
    client_max_body_size {{ $route.max_body_mb }}m;
    proxy_read_timeout {{ $route.longest_request_s }}s;
    proxy_send_timeout {{ $route.longest_request_s }}s;
    {{- if $route.hidden }}{{ $hidden := $route.hidden | sprig_join "|" | replaceAll "." "[.]" }}
    location ~ "^(?:{{ $hidden }})(?:[/;]|$)" { return 404 '{"error": "not for the world"}\n'; }
    {{- end }}
    {{- range $route.paths }}
    {{- /* A path that ends with a slash is a pattern, since for a prefix NGINX would redirect the path without it. */ -}}
    {{- $location := printf `= "%s"` . }}
    {{- if . | regexMatch "./$" }}{{ $location = printf `~ "^%s"` (. | replaceAll "." "[.]") }}{{ end }}
    location {{ if eq . "/" }}/{{ else }}{{ $location }}{{ end }} { proxy_pass http://{{ $service }}; }
    {{- end }}
    {{- if not ($route.paths | contains "/") }}
    location / { return 404 '{"error": "no such path"}\n'; }
    {{- end }}
}
{{- end }}{{ end }}{{ end }}
# end
EOT

        change_script {
          command       = "/bin/bash"
          args          = ["local/apply.sh"]
          timeout       = "20s"
          fail_on_error = false
        }

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
