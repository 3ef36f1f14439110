# A small classifier that tells bots among new subscribers
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "bot-detector" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "default"
  node_pool   = "all"
  type        = "service"
  meta = {
    "berth_form"  = "bc3520048b46"
    "berth_stack" = "local"
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
    count          = 1
    shutdown_delay = "4s"

    network {
      port "http" {
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
      tags     = ["berth", "local"]

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
      driver       = "raw_exec"
      kill_signal  = "SIGTERM"
      kill_timeout = "40s"

      config {
        command = "python3"
        args    = ["-m", "nomad_jobs.apps.bot_detector", "--api-key-file", "$${NOMAD_SECRETS_DIR}/keys.json", "--host", "$${BERTH_BIND}", "--port", "$${NOMAD_PORT_http}"]
      }

      env = {
        "BERTH_BIND"  = "127.0.0.1"
        "BERTH_STACK" = "local"
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
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
{"keys": [{{ with secret (printf "secret/data/default/bot-detector/api-key?version=%s" (key "berth/local/versions/bot-detector/api-key")) }}{{ index .Data.data "value" | toJSON }}{{ end }}, {{ with secret (printf "secret/data/default/bot-detector/sample-key?version=%s" (key "berth/local/versions/bot-detector/sample-key")) }}{{ index .Data.data "value" | toJSON }}{{ end }}], "versions": {"bot-detector/api-key": {{ with secret (printf "secret/data/default/bot-detector/api-key?version=%s" (key "berth/local/versions/bot-detector/api-key")) }}{{ .Data.metadata.version }}{{ end }}, "bot-detector/sample-key": {{ with secret (printf "secret/data/default/bot-detector/sample-key?version=%s" (key "berth/local/versions/bot-detector/sample-key")) }}{{ .Data.metadata.version }}{{ end }}}}
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
