# Firewall log lines to JSON
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "fw-parse" {
  region      = "eu-west-1"
  datacenters = ["eu-west-1"]
  namespace   = "default"
  node_pool   = "app"
  type        = "service"
  meta = {
    "berth_form"  = "36a3ae4cc7bb"
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

  group "fw-parse" {
    count          = 1
    shutdown_delay = "4s"

    network {
      port "http" {
        to = 1337
      }
      port "https" {
        to = 1339
      }
      port "admin" {
        to = 3000
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

    service {
      name     = "fw-parse-https"
      port     = "https"
      provider = "consul"
      tags     = ["berth", "prod"]

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
      tags     = ["berth", "prod"]

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
      driver       = "docker"
      user         = "10001:10001"
      kill_timeout = "40s"

      config {
        image = "registry.example.com:5050/backend/fw-parse/main:0.1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        args  = ["python3", "-m", "nomad_jobs.apps.fw_parse", "--host", "$${BERTH_BIND}", "--http-port", "$${NOMAD_PORT_http}", "--https-port", "$${NOMAD_PORT_https}", "--admin-port", "$${NOMAD_PORT_admin}"]
        ports = ["http", "https", "admin"]

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

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
