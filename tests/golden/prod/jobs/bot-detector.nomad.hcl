# A small classifier that tells bots among new subscribers
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "bot-detector" {
  region      = "eu-west-1"
  datacenters = ["eu-west-1"]
  namespace   = "default"
  node_pool   = "app"
  type        = "service"
  meta = {
    "berth_form"  = "307f1170bd34"
    "berth_stack" = "prod"
  }

  update {
    max_parallel      = 1
    canary            = 1
    auto_promote      = true
    auto_revert       = true
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "60s"
    progress_deadline = "90s"
  }

  group "bot-detector" {
    count          = 2
    shutdown_delay = "4s"

    network {
      port "http" {
        to = 8000
      }
    }

    restart {
      attempts = 2
      interval = "30m"
      delay    = "5s"
      mode     = "fail"
    }

    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "10m"
      unlimited      = true
    }

    service {
      name     = "bot-detector"
      port     = "http"
      provider = "consul"
      tags     = ["berth", "prod"]

      check {
        name            = "http http /health"
        type            = "http"
        protocol        = "http"
        path            = "/health"
        tls_skip_verify = false
        interval        = "2s"
        timeout         = "2s"
      }
    }

    task "bot-detector" {
      driver       = "docker"
      user         = "10001:10001"
      kill_timeout = "40s"

      config {
        image = "registry.example.com:5050/backend/bot-detector/main:0.1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        args  = ["python3", "-m", "nomad_jobs.apps.bot_detector", "--api-key-file", "$${NOMAD_SECRETS_DIR}/keys.json", "--host", "$${BERTH_BIND}", "--port", "$${NOMAD_PORT_http}"]
        ports = ["http"]

        image_pull_timeout = "3600s"

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
        "BERTH_BIND"  = "0.0.0.0"
        "BERTH_STACK" = "prod"
      }

      vault {
        role         = "berth-bot-detector"
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
        destination = "secrets/keys.json"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
{"keys": [{{ with secret (printf "secret/data/default/bot-detector/api-key?version=%s" (key "berth/prod/versions/bot-detector/api-key")) }}{{ index .Data.data "value" | toJSON }}{{ end }}, {{ with secret (printf "secret/data/default/bot-detector/sample-key?version=%s" (key "berth/prod/versions/bot-detector/sample-key")) }}{{ index .Data.data "value" | toJSON }}{{ end }}], "versions": {"bot-detector/api-key": {{ with secret (printf "secret/data/default/bot-detector/api-key?version=%s" (key "berth/prod/versions/bot-detector/api-key")) }}{{ .Data.metadata.version }}{{ end }}, "bot-detector/sample-key": {{ with secret (printf "secret/data/default/bot-detector/sample-key?version=%s" (key "berth/prod/versions/bot-detector/sample-key")) }}{{ .Data.metadata.version }}{{ end }}}}
EOT

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
