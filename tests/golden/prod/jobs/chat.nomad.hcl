# A web page that streams from the model
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "chat" {
  region      = "eu-west-1"
  datacenters = ["eu-west-1"]
  namespace   = "default"
  node_pool   = "app"
  type        = "service"
  meta = {
    "berth_form"  = "bb7b49248ee4"
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
    progress_deadline = "340s"
  }

  group "chat" {
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
      name     = "chat"
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

    task "chat" {
      driver       = "docker"
      user         = "10001:10001"
      kill_timeout = "310s"

      config {
        image = "registry.example.com:5050/backend/chat/main:0.1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        args  = ["python3", "-m", "nomad_jobs.apps.chat", "--model", "llama-4-scout", "--api-key-file", "$${NOMAD_SECRETS_DIR}/model-key.json", "--peers", "$${NOMAD_TASK_DIR}/peers.json", "--host", "$${BERTH_BIND}", "--port", "$${NOMAD_PORT_http}"]
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
        uid         = 10001
        gid         = 10001
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
{"key": {{ with secret (printf "secret/data/default/llama-4-scout/key-chat?version=%s" (key "berth/prod/versions/llama-4-scout/key-chat")) }}{{ index .Data.data "value" | toJSON }}{{ end }}, "versions": {"llama-4-scout/key-chat": {{ with secret (printf "secret/data/default/llama-4-scout/key-chat?version=%s" (key "berth/prod/versions/llama-4-scout/key-chat")) }}{{ .Data.metadata.version }}{{ end }}}}
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/peers.json"
        perms       = "0600"
        uid         = 10001
        gid         = 10001
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
