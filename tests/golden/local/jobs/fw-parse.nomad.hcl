# Firewall log lines to JSON
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "fw-parse" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "default"
  node_pool   = "all"
  type        = "service"
  meta = {
    "berth_release"               = "f5cc14cc479a"
    "berth_stack"                 = "local"
    "berth_secret_registry/login" = "0"
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

  group "fw-parse" {
    count          = 1
    shutdown_delay = "4s"

    network {
      port "http" {
      }
      port "https" {
      }
      port "admin" {
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
      name     = "fw-parse"
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

    service {
      name     = "fw-parse-https"
      port     = "https"
      provider = "consul"
      tags     = ["berth", "local"]

      check {
        name            = "https https /health"
        type            = "http"
        protocol        = "https"
        path            = "/health"
        tls_skip_verify = true
        interval        = "2s"
        timeout         = "2s"
      }
    }

    service {
      name     = "fw-parse-admin"
      port     = "admin"
      provider = "consul"
      tags     = ["berth", "local"]

      check {
        name            = "admin http /health"
        type            = "http"
        protocol        = "http"
        path            = "/health"
        tls_skip_verify = false
        interval        = "2s"
        timeout         = "2s"
      }
    }

    task "fw-parse" {
      driver       = "raw_exec"
      kill_timeout = "40s"

      config {
        command = "python3"
        args    = ["-m", "nomad_jobs.apps.fw_parse", "--host", "$${BERTH_BIND}", "--http-port", "$${NOMAD_PORT_http}", "--https-port", "$${NOMAD_PORT_https}", "--admin-port", "$${NOMAD_PORT_admin}"]
      }

      env = {
        "BERTH_BIND"  = "127.0.0.1"
        "BERTH_STACK" = "local"
      }

      vault {
        role         = "berth-fw-parse"
        env          = false
        disable_file = true
        change_mode  = "noop"
      }

      template {
        destination = "secrets/env"
        perms       = "0600"
        env         = true
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
REGISTRY_USERNAME={{ with secret "secret/data/default/registry/login?version=0" }}{{ .Data.data.username | toJSON }}{{ end }}
REGISTRY_PASSWORD={{ with secret "secret/data/default/registry/login?version=0" }}{{ .Data.data.password | toJSON }}{{ end }}
EOT
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
