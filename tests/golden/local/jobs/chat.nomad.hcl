# A web page that streams from the model
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "chat" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "default"
  node_pool   = "all"
  type        = "service"
  meta = {
    "berth_form"  = "2adaece1b69d"
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
    progress_deadline = "340s"
  }

  group "chat" {
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
      name     = "chat"
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

    task "chat" {
      driver       = "raw_exec"
      kill_signal  = "SIGTERM"
      kill_timeout = "310s"

      config {
        command = "python3"
        args    = ["-m", "nomad_jobs.apps.chat", "--model", "llama-4-scout", "--api-key-file", "$${NOMAD_SECRETS_DIR}/model-key.json", "--peers", "$${NOMAD_TASK_DIR}/peers.json", "--host", "$${BERTH_BIND}", "--port", "$${NOMAD_PORT_http}"]
      }

      env = {
        "BERTH_BIND"  = "127.0.0.1"
        "BERTH_STACK" = "local"
      }

      vault {
        role         = "berth-chat"
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
        destination = "secrets/model-key.json"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
{"key": {{ with secret (printf "secret/data/default/llama-4-scout/key-chat?version=%s" (key "berth/local/versions/llama-4-scout/key-chat")) }}{{ index .Data.data "value" | toJSON }}{{ end }}, "versions": {"llama-4-scout/key-chat": {{ with secret (printf "secret/data/default/llama-4-scout/key-chat?version=%s" (key "berth/local/versions/llama-4-scout/key-chat")) }}{{ .Data.metadata.version }}{{ end }}}}
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/peers.json"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
[{{ range $i, $peer := service "llama-4-scout" }}{{ if $i }}, {{ end }}{"address": {{ $peer.Address | toJSON }}, "port": {{ $peer.Port }}}{{ end }}]
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
