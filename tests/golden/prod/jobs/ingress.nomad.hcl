# The front door: NGINX, routing to what Consul says is healthy
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "ingress" {
  region      = "eu-west-1"
  datacenters = ["eu-west-1"]
  namespace   = "default"
  node_pool   = "ingress"
  type        = "system"
  meta = {
    "berth_release"            = "47ff3c4a2bea"
    "berth_stack"              = "prod"
    "berth_secret_ingress/tls" = "0"
  }

  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "60s"
    progress_deadline = "90s"
  }

  group "ingress" {
    shutdown_delay = "4s"

    network {
      port "http" {
        static = 80
        to     = 8080
      }
      port "https" {
        static = 443
        to     = 8443
      }
      port "status" {
        to = 8081
      }
    }

    restart {
      attempts = 2
      interval = "30m"
      delay    = "5s"
      mode     = "fail"
    }

    service {
      name     = "ingress-http"
      port     = "http"
      provider = "consul"
      tags     = ["berth", "prod"]
    }

    service {
      name     = "ingress-https"
      port     = "https"
      provider = "consul"
      tags     = ["berth", "prod"]
    }

    service {
      name     = "ingress"
      port     = "status"
      provider = "consul"
      tags     = ["berth", "prod"]

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
      kill_timeout = "40s"

      config {
        image = "nginx:1.28.0@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        args  = ["/bin/sh", "$${NOMAD_TASK_DIR}/start.sh"]
        ports = ["http", "https", "status"]
      }

      env = {
        "BERTH_BIND"  = "0.0.0.0"
        "BERTH_STACK" = "prod"
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
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
# The front door. What varies is in sites.conf, which Consul keeps current; this file is plain and rarely changes.
# A path is relative to the task's local/ (nginx -p), an include to the folder of this file (next/ or live/).
daemon off;
worker_processes auto;
worker_shutdown_timeout 300s;
pid nginx.pid;
error_log stderr warn;

events {
    worker_connections 4096;
}

http {
    access_log /dev/stdout;
    default_type application/octet-stream;
    server_tokens off;

    # Bodies stay in memory, so that workers need no folder to write to.
    client_body_buffer_size 1m;
    proxy_max_temp_file_size 0;

    # Streams: nothing is held back, and idle upstream connections are kept.
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffering off;
    proxy_connect_timeout 2s;

    # Consul decides who is healthy; NGINX holds no grudge (upstreams say max_fails=0) and only steps over a peer
    # that could not be reached. A request that a peer may have begun is never sent twice.
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 3;

    ssl_certificate ../../secrets/tls.crt;
    ssl_certificate_key ../../secrets/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:4m;

    # Health, and where a service without healthy instances ends up: 503 with Retry-After, never a broken file.
    server {
        listen {{ env "BERTH_BIND" }}:{{ env "NOMAD_PORT_status" }} default_server;
        access_log off;
        location = /healthz {
            default_type text/plain;
            return 200 "ok\n";
        }
        location / {
            default_type application/json;
            add_header Retry-After 5 always;
            return 503 '{"error": "no healthy instance", "service": "$host", "retry_after_s": 5}\n';
        }
    }

    include sites.conf;
}
EOT
      }

      template {
        destination = "local/start.sh"
        perms       = "0600"
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
#!/bin/sh
# Starts the front door with the configuration that Nomad rendered.
set -eu
cd "$${NOMAD_TASK_DIR}"
rm -f nginx.pid  # of a master that died: its number may be anybody's by now
sh ./apply.sh
exec nginx -p "$${NOMAD_TASK_DIR}" -e stderr -c live/nginx.conf
EOT
      }

      template {
        destination = "local/apply.sh"
        perms       = "0600"
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
#!/bin/sh
# Takes up a new sites.conf as a transaction: test it aside, swap, reload. On failure the last good one stays.
set -eu
cd "$${NOMAD_TASK_DIR}"
mkdir -p live
if cmp -s next/sites.conf live/sites.conf && cmp -s next/nginx.conf live/nginx.conf; then
    exit 0
fi
nginx -t -q -p "$${NOMAD_TASK_DIR}" -e stderr -c next/nginx.conf 2>refused.txt || {
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
EOT
      }

      template {
        destination = "secrets/tls.crt"
        perms       = "0600"
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = "{{ with secret \"secret/data/default/ingress/tls?version=0\" }}{{ .Data.data.certificate }}{{ end }}"
      }

      template {
        destination = "secrets/tls.key"
        perms       = "0600"
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = "{{ with secret \"secret/data/default/ingress/tls?version=0\" }}{{ .Data.data.private_key }}{{ end }}"
      }

      template {
        destination = "local/next/sites.conf"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "script"
        splay       = "0s"
        data        = <<EOT
{{- /* Rendered on the node by Nomad, from Consul: one upstream and one server block for each route that Berth wrote.
       A service without healthy instances goes to the status port of this NGINX, which answers 503. */ -}}
{{ range ls (printf "berth/%s/routes" (env "BERTH_STACK")) }}
upstream {{ .Key }} {
    zone {{ .Key }} 64k;
    least_conn;
    {{- range service .Key }}
    server {{ .Address }}:{{ .Port }} max_fails=0;
    {{- else }}
    server 127.0.0.1:{{ env "NOMAD_PORT_status" }} max_fails=0;
    {{- end }}
    keepalive 32;
}
{{ .Value }}
{{- end }}
EOT

        change_script {
          command       = "/bin/sh"
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
        cpu    = 1000
        memory = 512
      }
    }
  }
}
